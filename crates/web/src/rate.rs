//! How many requests one caller and one address may send in a minute.
//!
//! Kept in memory, of this server alone, and bounded: a restart forgets it. An address is counted before anybody knows
//! who asks, so that tries with wrong credentials are slowed down, too. It must never answer differently for those who
//! exist and those who do not, and never stand in the way of who revokes, blocks or ends a session.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};
use byleave_api::path::is_settings;
use byleave_core::actor::By;
use byleave_core::id::OrgId;
use byleave_core::name::UserName;
use byleave_core::time::Clock;
use byleave_store::invitation::InvitationFacts;
use governor::clock::Reference as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::came::{Came, one_of_64};
use crate::closing::Closing;

/// How many callers or addresses are remembered before those who have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

/// The header that tells how many requests a minute has.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
/// The header that tells how many are left.
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");

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
    bearers: Counter<(OrgId, UserName)>,
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
    /// How many requests a minute has.
    pub limit: u32,
    /// After how many seconds the next one is taken.
    pub retry_after: u64,
}

/// Where a request keeps what its caller has left, for the headers of the answer, whatever that is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<OnceLock<Left>>);

impl Told {
    /// Notes for the answer to a request what its caller has left.
    pub(crate) fn tell(extensions: &Extensions, left: Left) {
        // There is one caller for each request.
        extensions.get::<Self>().map(|told| told.0.get_or_init(|| left));
    }

    /// Puts it into the headers of the answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in self.0.get().iter().flat_map(|left| left.headers()) {
            headers.insert(name, value);
        }
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
        Self {
            callers: Counter::new(rates.caller, clock),
            addresses: Counter::new(rates.address, clock),
            bearers: Counter::new(rates.caller, clock),
        }
    }

    /// Counts a request of somebody who has shown who they are. What closes the door counts and is taken.
    ///
    /// # Errors
    /// [`TooMany`] if it must not be carried out.
    pub(crate) fn caller(&self, caller: By, closing: Closing) -> Result<Left, TooMany> {
        match self.callers.count(caller) {
            Err(too_many) if closing.is_unlimited() => Ok(too_many.left()),
            counted => counted,
        }
    }

    /// Counts a request before anybody knows who sent it, by the address from which it [`Came`]. What closes the door is
    /// looked at, and so is what begins HTTP Digest for it: a change of settings without credentials, often without a
    /// body, which is answered with a challenge and nothing else.
    ///
    /// # Errors
    /// [`TooMany`] if it must not be looked at.
    pub(crate) fn request(&self, request: &Request) -> Result<(), TooMany> {
        let Some(came) = request.extensions().get::<Came>() else { return Ok(()) };
        let begins = request.method() == Method::PATCH
            && is_settings(request.uri().path())
            && !request.headers().contains_key(header::AUTHORIZATION);
        if begins || Closing::of(request.extensions()).is_unlimited() {
            return Ok(());
        }
        self.address(came.from).map(drop)
    }

    /// Counts a request of who bears the right token of an invitation, from an address that has sent too many.
    ///
    /// # Errors
    /// [`TooMany`] if it must not be carried out.
    pub(crate) fn bearer(&self, of: &InvitationFacts) -> Result<(), TooMany> {
        self.bearers.count((of.organization, of.user_name.clone())).map(drop)
    }

    /// Counts a request whose credentials are wrong, if it was not counted before: it may close nothing.
    ///
    /// # Errors
    /// [`TooMany`] if the address has sent too many.
    pub(crate) fn stranger(&self, extensions: &Extensions) -> Result<(), TooMany> {
        match extensions.get::<Came>() {
            Some(came) if Closing::of(extensions).is_unlimited() => self.address(came.from).map(drop),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// [`TooMany`] if it must not be looked at.
    pub fn address(&self, address: IpAddr) -> Result<Left, TooMany> {
        self.addresses.count(one_of_64(address))
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
                let limit = not_until.quota().burst_size().get();
                Err(TooMany { limit, retry_after: Duration::from(wait).as_secs() + 1 })
            }
        }
    }
}

impl TooMany {
    /// What is left: nothing.
    pub(crate) const fn left(self) -> Left {
        Left { limit: self.limit, remaining: 0 }
    }
}

impl Left {
    /// The headers that tell it.
    fn headers(self) -> [(HeaderName, HeaderValue); 2] {
        [(LIMIT, self.limit.into()), (REMAINING, self.remaining.into())]
    }
}
