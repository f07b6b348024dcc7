//! Ways out of the account: database ports and sockets, other local sockets, loopback, the outside.
//!
//! The addresses tried outside are those reserved for documentation: nobody is there, so nothing can be disturbed, and
//! whether a packet may leave shows in the kernel's answer.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::unistd::getuid;

use super::super::report::{Line, Verdict};
use super::{line, open_if_any, output_of};

const PATIENCE: Duration = Duration::from_millis(700);
/// Long enough for the second packet of a connection: the kernel tells of a refusal of the first one only by the way.
const SECOND_TRY: Duration = Duration::from_millis(2_500);
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

/// Where programs put sockets, and how deep below it is looked.
const SOCKET_PLACES: [&str; 2] = ["/run", "/tmp"];
const SOCKET_DEPTH: u32 = 4;

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

/// The database's unix sockets, wherever they are. That there is none counts only while the database runs.
pub(super) fn database_sockets(ports: &[u16]) -> Line {
    const NAME: &str = "database socket";
    let names: Vec<String> = ports.iter().map(|port| format!("mongodb-{port}.sock")).collect();
    let places = ["/tmp", "/run/mongodb", "/var/run/mongodb", "/run"];
    let usual = names.iter().flat_map(|name| places.map(|place| format!("{place}/{name}")));
    let mut there: Vec<String> = usual.filter(|path| Path::new(path).symlink_metadata().is_ok()).collect();
    let table = fs::read_to_string("/proc/net/unix");
    let listening = table.iter().flat_map(|table| table.lines()).filter_map(listening_stream);
    let named = |path: &&str| path.rsplit('/').next().is_some_and(|name| names.iter().any(|known| known == name));
    there.extend(listening.filter(named).map(str::to_owned));
    there.sort();
    there.dedup();
    if there.is_empty() {
        let runs = listeners().iter().any(|address| ports.contains(&address.port()));
        return match (table, runs) {
            (Ok(_), true) => line(NAME, Verdict::Closed, "the database runs and has no socket"),
            (Ok(_), false) => line(NAME, Verdict::NotTested, "no socket of the database is here, and it does not run"),
            (Err(_), _) => line(NAME, Verdict::NotTested, "the kernel does not list sockets"),
        };
    }
    let open = there.iter().filter(|path| UnixStream::connect(path).is_ok());
    let found: Vec<String> = open.map(|path| format!("{path} takes a connection")).collect();
    open_if_any(NAME, &found, &format!("no connection to {}", super::some(&there)))
}

/// Every other listening unix socket of somebody else: those that the kernel lists, which are of this network only and
/// have the name that they were given, and those that lie where programs put them.
pub(super) fn other_sockets() -> Line {
    const NAME: &str = "sockets of others";
    let Ok(table) = fs::read_to_string("/proc/net/unix") else {
        return line(NAME, Verdict::NotTested, "the kernel does not list them");
    };
    let mut all: BTreeSet<String> = table.lines().filter_map(listening_stream).map(str::to_owned).collect();
    for place in SOCKET_PLACES {
        socket_files(Path::new(place), SOCKET_DEPTH, &mut all);
    }
    let mut found = Vec::new();
    let mut tried = 0_usize;
    for path in &all {
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

fn socket_files(place: &Path, depth: u32, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 1 {
            socket_files(&entry.path(), depth - 1, all);
        } else if kind.is_socket() {
            all.extend(entry.path().to_str().map(str::to_owned));
        }
    }
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

/// The outside: may a packet leave? Only the kernel's own refusal to send counts as a wall: an answer from elsewhere
/// would mean that something had left.
pub(super) fn outside(gateways: &[IpAddr]) -> Line {
    const NAME: &str = "outside network";
    let nobody: [IpAddr; 2] =
        [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    let (mut found, mut walled) = (Vec::new(), Vec::new());
    for target in nobody.iter().chain(gateways).map(|address| SocketAddr::new(*address, 443)) {
        match send(target).map_err(|error| error.kind()) {
            Ok(()) => found.push(format!("UDP to {target} leaves")),
            Err(ErrorKind::PermissionDenied) => walled.push(target.to_string()),
            Err(_) => {}
        }
        match TcpStream::connect_timeout(&target, SECOND_TRY).map_err(|error| error.kind()) {
            Ok(_) | Err(ErrorKind::TimedOut | ErrorKind::WouldBlock) => found.push(format!("TCP to {target} leaves")),
            Err(_) => {}
        }
    }
    if found.is_empty() && walled.is_empty() {
        return line(NAME, Verdict::NotTested, "this node has no way to the outside, nor to the gateway");
    }
    open_if_any(NAME, &found, &format!("no packet to {} leaves", super::some(&walled)))
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
        all.extend(text.lines().skip(1).filter_map(listener).flatten());
    }
    all
}

/// The addresses of a line of the kernel's table, if something listens there.
fn listener(line: &str) -> Option<Vec<SocketAddr>> {
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
    let local = match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        // It may take both.
        IpAddr::V6(ip) if ip.is_unspecified() => vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
        IpAddr::V4(_) | IpAddr::V6(_) => vec![ip],
    };
    Some(local.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_from_the_kernels_tables() {
        let line = "   0: 0100007F:6989 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0";
        assert_eq!(listener(line), Some(vec!["127.0.0.1:27017".parse().unwrap()]));
        let any = "   0: 00000000000000000000000000000000:6989 00000000000000000000000000000000:0000 0A 0 0 0 0 0 1";
        assert_eq!(listener(any), Some(vec!["[::1]:27017".parse().unwrap(), "127.0.0.1:27017".parse().unwrap()]));
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
