//! Takes connections and hands them to the router, with limits that hold against clients that dawdle.
//!
//! With TLS the handshake has the time of the headers. A request carries [`Came`](crate::came::Came), and the client's
//! address in place of a proxy's. Without TLS, connections from elsewhere than this machine are taken from proxies of
//! ours only.
//! At most [`Limits::connections`](crate::Limits) are open; when one more comes, the one that has waited longest
//! without a request is closed for it. Headers and bodies have their time. What a handler leaves of a small body is read
//! before the answer goes out, so that the next request finds the connection open. Nothing here knows a route.

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
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream::{self, StreamExt as _};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::app::{App, Limits};
use crate::came::Proxies;
use crate::tls::Tls;

/// For how long browsers come back over TLS only, once they did (RFC 6797).
const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How much of a body that nobody needed is read before its answer goes out.
const LEFT: u64 = 16 * 1024;

/// How clients get in.
#[derive(Clone, Default)]
pub struct Entrance {
    /// TLS; plain HTTP without it.
    pub tls: Option<Tls>,
    /// The proxies in front.
    pub proxies: Proxies,
}

/// Serves until `shutdown` is cancelled, then lets open requests finish for a moment.
///
/// # Errors
/// None at present: what goes wrong with one connection ends that connection.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    entrance: Entrance,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let entrance = Arc::new(entrance);
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
        if !entrance.takes(peer) || (lobby.len() >= limits.connections && !lobby.evict()) {
            continue;
        }
        let (place, shutdown) = (lobby.enter(), shutdown.clone());
        let connection =
            Connection { peer, router: router.clone(), limits: limits.clone(), entrance: entrance.clone() };
        tasks.spawn(async move {
            let evicted = place.evicted.clone();
            tokio::select! {
                () = connection.run(stream, &place, shutdown) => {}
                () = evicted.cancelled() => {}
            }
        });
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

impl Entrance {
    /// Whether a connection is taken at all.
    fn takes(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        self.tls.is_some() || address.is_loopback() || self.proxies.hold(address)
    }
}

/// A connection that was taken.
struct Connection {
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    entrance: Arc<Entrance>,
}

impl Connection {
    async fn run(self, stream: TcpStream, place: &Place, shutdown: CancellationToken) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.entrance.tls.clone() else { return self.http(stream, place, shutdown).await };
        let handshake = tokio::time::timeout(self.limits.headers_for, tls.acceptor.accept(stream));
        tokio::select! {
            () = shutdown.cancelled() => {}
            accepted = handshake => match accepted {
                Ok(Ok(stream)) => self.http(stream, place, shutdown.clone()).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    }

    async fn http<S>(self, stream: S, place: &Place, shutdown: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { peer, router, limits, entrance } = self;
        let (busy, body_for) = (place.busy.clone(), limits.body_for);
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (router, busy, entrance) = (router.clone(), busy.clone(), entrance.clone());
            async move {
                // Whoever keeps a request from becoming whole waits as those do who send none.
                busy.store(request.body().is_end_stream(), Ordering::Relaxed);
                let came = entrance.proxies.came(peer, request.headers(), entrance.tls.is_some());
                let is_small = request.body().size_hint().lower() <= LEFT;
                let (parts, body) = request.into_parts();
                let (body, left) = shared(timed(Body::new(body), body_for, busy.clone()));
                let mut request = Request::from_parts(parts, body);
                request.extensions_mut().insert(came);
                request.extensions_mut().insert(ConnectInfo(SocketAddr::new(came.from, peer.port())));
                let mut response = answer(router, request).await;
                if came.is_secure {
                    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
                }
                if is_small {
                    read_off(left).await;
                }
                if !busy.load(Ordering::Relaxed) {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
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
        tokio::select! {
            _ = serving.as_mut() => return,
            () = shutdown.cancelled() => serving.as_mut().graceful_shutdown(),
        }
        let _ = serving.await;
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

/// A body that must have come whole within `body_for`; from then on its connection is busy.
fn timed(body: Body, body_for: Duration, busy: Arc<AtomicBool>) -> Body {
    let deadline = tokio::time::Instant::now() + body_for;
    Body::from_stream(stream::unfold(Some((body.into_data_stream(), busy)), move |state| async move {
        let (mut stream, busy) = state?;
        match tokio::time::timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some((stream, busy)))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => {
                busy.store(true, Ordering::Relaxed);
                None
            }
            Err(_) => Some((Err(axum::Error::new(TooSlow)), None)),
        }
    }))
}

/// A body twice: what is read of one is gone from the other.
fn shared(body: Body) -> (Body, Body) {
    let stream = Arc::new(Mutex::new(body.into_data_stream().fuse()));
    let body = || {
        let stream = stream.clone();
        Body::from_stream(stream::poll_fn(move |context| {
            stream.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
        }))
    };
    (body(), body())
}

/// Reads what is left of a body, if that is little.
async fn read_off(body: Body) {
    let mut size = 0;
    let mut stream = body.into_data_stream();
    while let Some(Ok(bytes)) = stream.next().await {
        size += bytes.len() as u64;
        if size > LEFT {
            break;
        }
    }
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
