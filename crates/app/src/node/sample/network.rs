//! The network of a fresh namespace, by netlink: its loopback, and a way to everywhere that ends at once.
//!
//! Nothing leaves the namespace: the way out is one end of a cable (veth) whose other end hangs loose. But the packets of
//! accounts get as far as the firewall, as on a real node.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use anyhow::{Context, bail};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};

/// `RTM_NEWLINK`: make or change an interface.
const NEW_LINK: u16 = 16;
/// `RTM_NEWADDR`: give an interface an address.
const NEW_ADDRESS: u16 = 20;
/// `RTM_NEWROUTE`: add a route.
const NEW_ROUTE: u16 = 24;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST_WITH_ANSWER: u16 = 5;
/// `NLM_F_CREATE`.
const CREATE: u16 = 0x400;
/// `IFF_UP`.
const UP: u32 = 1;
/// `AF_INET`.
const IPV4: u8 = 2;
/// `IFLA_LINKINFO` and in it `IFLA_INFO_KIND`.
const LINK_INFO: (u16, u16) = (18, 1);
/// `IFLA_IFNAME`.
const NAME: u16 = 3;
/// `IFA_LOCAL`.
const LOCAL: u16 = 2;
/// `RTA_OIF`: through which interface.
const THROUGH: u16 = 4;
/// The loopback interface is the first of every namespace.
const LOOPBACK: u32 = 1;
/// The number that the way out gets; small ones can be taken.
const OUTSIDE: u32 = 4711;
/// The node's address on it: reserved for documentation.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// Makes it.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn make() -> anyhow::Result<()> {
    ask(NEW_LINK, REQUEST_WITH_ANSWER, &link(LOOPBACK)).context("cannot bring up the node's loopback")?;
    let mut cable = link(OUTSIDE);
    cable.extend(attribute(NAME, b"outside\0"));
    cable.extend(attribute(LINK_INFO.0, &attribute(LINK_INFO.1, b"veth\0")));
    ask(NEW_LINK, REQUEST_WITH_ANSWER | CREATE, &cable).context("cannot make the node's way out")?;
    // all bits, no flags, everywhere
    let mut address = vec![IPV4, 32, 0, 0];
    address.extend(OUTSIDE.to_ne_bytes());
    address.extend(attribute(LOCAL, &ADDRESS.octets()));
    ask(NEW_ADDRESS, REQUEST_WITH_ANSWER | CREATE, &address).context("cannot give the node an address")?;
    // no bits of destination, source and service; the main table, by an administrator, on this link, to hosts; no flags
    let mut route = vec![IPV4, 0, 0, 0, 254, 4, 253, 1, 0, 0, 0, 0];
    route.extend(attribute(THROUGH, &OUTSIDE.to_ne_bytes()));
    ask(NEW_ROUTE, REQUEST_WITH_ANSWER | CREATE, &route).context("cannot lead the node's packets out")
}

/// The head of a message about an interface that shall be up.
fn link(number: u32) -> Vec<u8> {
    let mut head = vec![0; 4]; // any family, padding, any device type
    head.extend(number.to_ne_bytes());
    head.extend(UP.to_ne_bytes());
    head.extend(UP.to_ne_bytes()); // only this flag is changed
    head
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    // INVARIANT: values here are a few bytes long.
    let mut all = u16::try_from(4 + value.len()).unwrap_or(u16::MAX).to_ne_bytes().to_vec();
    all.extend(kind.to_ne_bytes());
    all.extend(value);
    all.resize(all.len().next_multiple_of(4), 0);
    all
}

fn ask(kind: u16, flags: u16, body: &[u8]) -> anyhow::Result<()> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let mut message = u32::try_from(16 + body.len())?.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]); // sequence number and port: one question, one answer
    message.extend(body);
    send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answer = [0; 512];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let code = answer.get(16..20).filter(|_| length >= 20).and_then(|bytes| bytes.try_into().ok());
    match code.map(i32::from_ne_bytes).context("the kernel's answer is too short")? {
        0 => Ok(()),
        error => bail!("the kernel refuses: {}", std::io::Error::from_raw_os_error(-error)),
    }
}
