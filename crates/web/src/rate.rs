//! How many requests one caller and one address may send in a minute.
//!
//! Kept in memory, of this server alone, and bounded: a restart forgets it. An address is counted before anybody knows
//! who asks, so that tries with wrong credentials are slowed down, too. It must never answer differently for those who
//! exist and those who do not, and never stand in the way of who revokes, blocks or ends a session.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, Method};
use byleave_api::path::ends_access;
use byleave_core::actor::By;
use byleave_core::time::Clock;
use governor::clock::Reference as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::came::Came;

/// How many callers or addresses are remembered before those who have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

/// Requests in a minute, all of which may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Of one user, API key or administrator.
    pub caller: NonZeroU32,
    /// From one address; an IPv6 network of 64 bits counts as one.
    pub address: NonZeroU32,
}

impl Default for Rates {
    fn default() -> Self {
        let rate = |rate| NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        Self { caller: rate(10_000), address: rate(20_000) }
    }
}

/// Counts requests.
pub struct Counters {
    callers: Counter<By>,
    addresses: Counter<IpAddr>,
}

/// What a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many requests a minute has.
    pub limit: u32,
    /// How many could be sent at once now.
    pub remaining: u32,
}

/// There were too many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// After how many seconds the next one is taken.
    pub retry_after: u64,
}

/// Whether a request can close the door: those are always taken, however many came before.
pub(crate) fn can_close(method: &Method, path: &str) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|ending| path.ends_with(ending));
    match *method {
        Method::PATCH => ends(&["/settings"]),
        Method::POST if ends(&["/end", "/revoke", "/settings/block", "/recovery/stop"]) => true,
        _ => ends_access(method.as_str(), path),
    }
}

struct Counter<K: Hash + Eq + Clone>(RateLimiter<K, HashMapStateStore<K>, Boot, StateInformationMiddleware>);

/// The clock that runs on while the machine sleeps.
#[derive(Clone)]
struct Boot(Arc<dyn Clock>);

impl governor::clock::Clock for Boot {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.read().since_boot).unwrap_or_default())
    }
}

impl Counters {
    pub(crate) fn new(rates: Rates, clock: &Arc<dyn Clock>) -> Self {
        Self { callers: Counter::new(rates.caller, clock), addresses: Counter::new(rates.address, clock) }
    }

    /// Counts a request of somebody who has signed in.
    ///
    /// # Errors
    /// [`TooMany`] if it must not be carried out.
    pub fn caller(&self, caller: By) -> Result<Left, TooMany> {
        self.callers.count(caller)
    }

    /// Counts a request before anybody knows who sent it, by the address from which it [`Came`].
    ///
    /// # Errors
    /// [`TooMany`] if it must not be looked at.
    pub(crate) fn request(&self, request: &Request) -> Result<(), TooMany> {
        match request.extensions().get::<Came>() {
            Some(came) if !can_close(request.method(), request.uri().path()) => self.address(came.from).map(drop),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// [`TooMany`] if it must not be looked at.
    pub fn address(&self, address: IpAddr) -> Result<Left, TooMany> {
        self.addresses.count(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        })
    }
}

impl<K: Hash + Eq + Clone> Counter<K> {
    fn new(rate: NonZeroU32, clock: &Arc<dyn Clock>) -> Self {
        let limiter = RateLimiter::hashmap_with_clock(Quota::per_minute(rate), Boot(clock.clone()));
        Self(limiter.with_middleware())
    }

    fn count(&self, key: K) -> Result<Left, TooMany> {
        if self.0.len() >= REMEMBERED {
            self.0.retain_recent();
        }
        let clock = governor::clock::Clock::now(self.0.clock());
        match self.0.check_key(&key) {
            Ok(state) => {
                Ok(Left { limit: state.quota().burst_size().get(), remaining: state.remaining_burst_capacity() })
            }
            Err(not_until) => {
                let wait = not_until.earliest_possible().duration_since(clock);
                Err(TooMany { retry_after: Duration::from(wait).as_secs() + 1 })
            }
        }
    }
}

impl Left {
    /// The headers that tell it.
    pub(crate) fn headers(self) -> [(&'static str, HeaderValue); 2] {
        [("ratelimit-limit", self.limit.into()), ("ratelimit-remaining", self.remaining.into())]
    }
}
