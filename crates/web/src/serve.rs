//! Takes connections and hands them to the router, with limits that hold against clients that dawdle.
//!
//! At most [`Limits::connections`](crate::Limits) are open; when one more comes, the one that has waited longest
//! without a request is closed for it. Headers and bodies have their time. Nothing here knows a route.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use futures_util::stream::{self, StreamExt as _};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::app::{App, Limits};

/// Serves until `shutdown` is cancelled, then lets open requests finish for a moment.
///
/// # Errors
/// None at present: what goes wrong with one connection ends that connection.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: CancellationToken) -> io::Result<()> {
    let limits = app.limits.clone();
    let router = crate::router(app.clone());
    let tasks = TaskTracker::new();
    let lobby = Arc::new(Lobby::default());
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: give the others a moment to end.
                tracing::warn!(%error, "connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if lobby.len() >= limits.connections && !lobby.evict() {
            continue;
        }
        let place = lobby.enter();
        tasks.spawn(connection(stream, peer, router.clone(), place, limits.clone(), shutdown.clone()));
    }
    drop(listener);
    app.stopping.cancel();
    tasks.close();
    if tokio::time::timeout(limits.stop_for, tasks.wait()).await.is_err() {
        lobby.clear();
        tasks.wait().await;
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    place: Place,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let busy = place.busy.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let (router, busy, body_for) = (router.clone(), busy.clone(), limits.body_for);
        async move {
            busy.store(true, Ordering::Relaxed);
            let mut request = request.map(|body| timed(Body::new(body), body_for));
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = answer(router, request).await;
            busy.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_for)
        .max_buf_size(64 * 1024)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let mut told = false;
    loop {
        tokio::select! {
            _ = serving.as_mut() => return,
            () = place.evicted.cancelled() => return,
            () = shutdown.cancelled(), if !told => {
                told = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The error of a body that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body did not come in time")]
pub struct TooSlow;

/// A body that must have come whole within `body_for`.
fn timed(body: Body, body_for: Duration) -> Body {
    let deadline = tokio::time::Instant::now() + body_for;
    Body::from_stream(stream::unfold(Some(body.into_data_stream()), move |stream| async move {
        let mut stream = stream?;
        match tokio::time::timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(stream))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_) => Some((Err(axum::Error::new(TooSlow)), None)),
        }
    }))
}

/// The open connections in the order in which they came.
#[derive(Default)]
struct Lobby {
    places: Mutex<BTreeMap<u64, (Arc<AtomicBool>, CancellationToken)>>,
    next: std::sync::atomic::AtomicU64,
}

/// One connection's place; leaving is dropping it.
struct Place {
    number: u64,
    busy: Arc<AtomicBool>,
    evicted: CancellationToken,
    lobby: Arc<Lobby>,
}

impl Lobby {
    fn enter(self: &Arc<Self>) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            number,
            busy: Arc::new(AtomicBool::new(false)),
            evicted: CancellationToken::new(),
            lobby: self.clone(),
        };
        self.places().insert(number, (place.busy.clone(), place.evicted.clone()));
        place
    }

    fn len(&self) -> usize {
        self.places().len()
    }

    /// Closes the oldest connection that has no request under way.
    fn evict(&self) -> bool {
        let mut places = self.places();
        let oldest = places.iter().find(|(_, (busy, _))| !busy.load(Ordering::Relaxed)).map(|(number, _)| *number);
        match oldest.and_then(|number| places.remove(&number)) {
            Some((_, evicted)) => {
                evicted.cancel();
                true
            }
            None => false,
        }
    }

    fn clear(&self) {
        self.places().values().for_each(|(_, evicted)| evicted.cancel());
    }

    fn places(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, (Arc<AtomicBool>, CancellationToken)>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.places().remove(&self.number);
    }
}
