//! Ways out of the account: database ports and sockets, other local sockets, loopback, the outside.
//!
//! The addresses tried outside are those reserved for documentation: nobody is there, so nothing can be disturbed, and
//! whether a packet may leave shows in the kernel's answer.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::unistd::getuid;

use super::super::report::{Line, Verdict};
use super::{line, open_if_any, output_of};

const PATIENCE: Duration = Duration::from_millis(700);
/// Sockets of the system that every account may use and that lead to no database and no shell.
const HARMLESS: [&str; 7] = [
    "/run/dbus/system_bus_socket",
    "/run/systemd/",
    "/run/udev/",
    "/run/nscd/",
    "/run/uuidd/",
    "/run/acpid.socket",
    "/run/user/",
];

/// Database ports: connects in three ways to wherever something listens.
pub(super) fn database_ports(ports: &[u16]) -> Line {
    const NAME: &str = "database port";
    let mut found = Vec::new();
    let mut tried = Vec::new();
    for address in listeners().into_iter().filter(|address| ports.contains(&address.port())) {
        tried.push(address.to_string());
        if TcpStream::connect_timeout(&address, PATIENCE).is_ok() {
            found.push(format!("{address} takes a connection"));
        }
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let device = format!("exec 3<>/dev/tcp/{host}/{port}");
        if output_of("timeout", &["2", "bash", "-c", &device]).is_some_and(|output| output.status.success()) {
            found.push(format!("{address} takes a connection by /dev/tcp"));
        }
        if output_of("timeout", &["2", "nc", "-z", "-w", "1", &host, &port])
            .is_some_and(|output| output.status.success())
        {
            found.push(format!("{address} takes a connection by nc"));
        }
    }
    if tried.is_empty() {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        return line(NAME, Verdict::NotTested, &format!("nothing listens on {}", ports.join(", ")));
    }
    open_if_any(NAME, &found, &format!("no connection to {}", super::some(&tried)))
}

/// The database's unix sockets.
pub(super) fn database_sockets(ports: &[u16]) -> Line {
    const NAME: &str = "database socket";
    let places = ["/tmp", "/run/mongodb", "/var/run/mongodb", "/run"];
    let all = ports.iter().flat_map(|port| places.map(|place| format!("{place}/mongodb-{port}.sock")));
    let there: Vec<String> = all.filter(|path| Path::new(path).symlink_metadata().is_ok()).collect();
    if there.is_empty() {
        return line(NAME, Verdict::NotTested, "no socket of the database is here");
    }
    let open = there.iter().filter(|path| UnixStream::connect(path).is_ok());
    let found: Vec<String> = open.map(|path| format!("{path} takes a connection")).collect();
    open_if_any(NAME, &found, &format!("no connection to {}", super::some(&there)))
}

/// Every other listening unix socket of somebody else.
pub(super) fn other_sockets() -> Line {
    const NAME: &str = "sockets of others";
    let Ok(table) = fs::read_to_string("/proc/net/unix") else {
        return line(NAME, Verdict::NotTested, "the kernel does not list them");
    };
    let mut found = Vec::new();
    let mut tried = 0_usize;
    for path in table.lines().filter_map(listening_stream) {
        if HARMLESS.iter().any(|known| path.trim_start_matches("/var").starts_with(known)) {
            continue;
        }
        let connected = match path.strip_prefix('@') {
            Some(name) => UnixAddress::from_abstract_name(name).and_then(|address| UnixStream::connect_addr(&address)),
            None if owner_of(path) == Some(getuid().as_raw()) => continue,
            None => UnixStream::connect(path),
        };
        tried += 1;
        if connected.is_ok() {
            found.push(format!("{path} takes a connection"));
        }
    }
    open_if_any(NAME, &found, &format!("{tried} tried, none takes a connection"))
}

/// The path of a listening stream socket in a line of `/proc/net/unix`.
fn listening_stream(line: &str) -> Option<&str> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let (flags, kind, _, _, path) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let listening = u32::from_str_radix(flags, 16).ok()? & 0x1_0000 != 0;
    (listening && kind == "0001").then_some(path)
}

fn owner_of(path: &str) -> Option<u32> {
    fs::metadata(path).ok().map(|found| found.uid())
}

/// Loopback: connects to a listener of its own, so a refusal can only come from a wall.
pub(super) fn loopback() -> Line {
    const NAME: &str = "loopback network";
    let mut found = Vec::new();
    let mut tried = 0;
    for host in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let Ok(listener) = TcpListener::bind((host, 0)) else { continue };
        let Ok(address) = listener.local_addr() else { continue };
        tried += 1;
        if TcpStream::connect_timeout(&address, PATIENCE).is_ok() {
            found.push(format!("a connection to {host} goes through"));
        }
    }
    if tried == 0 {
        return line(NAME, Verdict::Closed, "this account has no loopback at all");
    }
    open_if_any(NAME, &found, "no connection, not even to itself")
}

/// The outside: may a packet leave?
pub(super) fn outside() -> Line {
    const NAME: &str = "outside network";
    let targets: [SocketAddr; 2] =
        [(Ipv4Addr::new(192, 0, 2, 1), 443).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 443).into()];
    let mut found = Vec::new();
    let mut refused = false;
    for target in targets {
        for (way, answer) in [("UDP", send(target)), ("TCP", TcpStream::connect_timeout(&target, PATIENCE).map(drop))] {
            match answer.map_err(|error| error.kind()) {
                Ok(()) | Err(ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                    found.push(format!("{way} to {target} leaves"))
                }
                Err(ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable) => {}
                Err(_) => refused = true,
            }
        }
    }
    if found.is_empty() && !refused {
        return line(NAME, Verdict::NotTested, "this node has no route to the outside");
    }
    open_if_any(NAME, &found, "no packet leaves")
}

fn send(target: SocketAddr) -> std::io::Result<()> {
    let any: SocketAddr =
        if target.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    socket.send(b"byleave node check").map(drop)
}

/// Every address on which TCP listens, as one can connect to it.
fn listeners() -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        all.extend(text.lines().skip(1).filter_map(listener));
    }
    all
}

fn listener(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state != "0A" {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Option<Vec<u32>> = address
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok())
        .collect();
    // The kernel prints each 32-bit word of the address in the machine's byte order.
    let bytes: Vec<u8> = words?.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let ip: IpAddr = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => Ipv4Addr::from(four).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).into(),
    };
    let ip = match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => ip,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_from_the_kernels_tables() {
        let line = "   0: 0100007F:6989 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0";
        assert_eq!(listener(line), Some("127.0.0.1:27017".parse().unwrap()));
        let any = "   0: 00000000000000000000000000000000:6989 00000000000000000000000000000000:0000 0A 0 0 0 0 0 1";
        assert_eq!(listener(any), Some("[::1]:27017".parse().unwrap()));
        let connected = "   0: 0100007F:6989 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 1";
        assert_eq!(listener(connected), None);
    }

    #[test]
    fn only_listening_stream_sockets_are_tried() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 12345 /tmp/mongodb-27017.sock";
        assert_eq!(listening_stream(line), Some("/tmp/mongodb-27017.sock"));
        assert_eq!(listening_stream("0000000000000000: 00000002 00000000 00000000 0001 03 12345 /tmp/x"), None);
        assert_eq!(
            listening_stream("0000000000000000: 00000002 00000000 00010000 0005 01 12345 /run/udev/control"),
            None
        );
        assert_eq!(listening_stream("Num       RefCount Protocol Flags    Type St Inode Path"), None);
    }
}
