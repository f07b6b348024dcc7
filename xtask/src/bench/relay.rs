//! A plain TCP relay, in front of a server: what any gateway in a process of its own has to do at the least, and
//! so what none can beat. It decrypts, decides and records nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// As much as the gateway reads at once in bulk.
const BUFFER: usize = 1 << 18;

/// Starts a relay to a port, which ends with this process; answers its own port.
pub(super) fn start(target: u16) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            // A connection that cannot be relayed is dropped, and the client says so.
            if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
                let _whoever_was_there_sees_it_closed = join(&near, &far);
            }
        }
    });
    Ok(port)
}

/// Copies in both directions, a thread each.
fn join(near: &TcpStream, far: &TcpStream) -> Result<()> {
    for (from, to) in [(near, far), (far, near)] {
        from.set_nodelay(true)?;
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            copy(&from, &to);
            let _it_may_be_gone = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..count) else { return };
        if to.write_all(bytes).is_err() {
            return;
        }
    }
}
