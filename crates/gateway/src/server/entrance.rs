//! Where connections come in: they are accepted, given a place among the strangers, and handed to the threads in turn.
//!
//! INVARIANT: places are given in the order in which connections came, on the one thread that accepts. On the threads that
//! serve them the order is any, and one that has much to do would push out those who came after.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{Shared, StartError, Stranger, serve};
use crate::live::Live;
use crate::sync;

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Employees by SSH.
    Ssh,
    /// Clients of sync data.
    SyncData,
}

/// A listener and what it is for.
pub(super) type Listener = (Door, std::net::TcpListener);

/// A connection on its way to the thread that serves it.
pub(super) struct Incoming {
    door: Door,
    stream: std::net::TcpStream,
    stranger: Stranger,
}

/// Listens; answers the listeners and where they are.
pub(super) fn listen(wanted: &[SocketAddr], door: Door) -> Result<(Vec<Listener>, Vec<SocketAddr>), StartError> {
    let listen = |&address: &SocketAddr| {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(((door, listener), address))
    };
    wanted
        .iter()
        .map(|address| listen(address).map_err(|source| StartError::Listen { address: *address, source }))
        .collect()
}

/// Accepts, and hands each connection to the next thread in turn.
pub(super) async fn accept(
    shared: Arc<Shared>,
    listeners: Vec<Listener>,
    relays: Vec<mpsc::UnboundedSender<Incoming>>,
) {
    let usable = |(door, listener)| TcpListener::from_std(listener).ok().map(|listener| (door, listener));
    let tasks = listeners.into_iter().filter_map(usable).map(|(door, listener)| {
        let (shared, relays) = (shared.clone(), relays.clone());
        tokio::spawn(async move {
            for relay in relays.iter().cycle() {
                match listener.accept().await.and_then(|(stream, from)| Ok((stream.into_std()?, from))) {
                    Ok((stream, from)) => {
                        let stranger = admit(&shared, door, from);
                        drop(stranger.map(|stranger| relay.send(Incoming { door, stream, stranger })));
                    }
                    // Out of descriptors: do not spin.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        drop(task.await);
    }
}

/// Gives the one who came last a place.
fn admit(shared: &Shared, door: Door, from: SocketAddr) -> Option<Stranger> {
    let live = Live::new(shared.fresh_id(), from.ip(), shared.watch.clone());
    let strangers = match door {
        Door::Ssh => &shared.strangers,
        Door::SyncData => &shared.sync.as_ref()?.strangers,
    };
    let place = strangers.admit(&live);
    Some(Stranger { live, place })
}

/// Takes the connections of one thread.
pub(super) async fn take(shared: Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Incoming>) {
    while let Some(Incoming { door, stream, stranger }) = queue.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        match door {
            Door::Ssh => drop(shared.connections.spawn(serve(shared.clone(), stream, stranger))),
            Door::SyncData => drop(shared.connections.spawn(sync::client::serve(shared.clone(), stream, stranger))),
        }
    }
}
