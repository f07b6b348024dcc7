//! What every handler is given: the store, the door, the clock, and who the administrator is.
//!
//! Made once by the application; nothing here changes while the server runs, except what [`crate::auth`] remembers of
//! nonces and failed tries.

use std::sync::Arc;
use std::time::Duration;

use byleave_core::name::VendorName;
use byleave_core::time::{Clock, Entropy, Reading};
use byleave_store::Store;
use tokio_util::sync::CancellationToken;

use crate::api::repeat::Running;
use crate::auth::digest::{Algorithm, Digest};
use crate::auth::password::Passwords;
use crate::auth::throttle::{Marks, Throttle};
use crate::auth::token::TokenHash;
use crate::door::Door;
use crate::public_url::PublicUrl;
use crate::rate::{Counters, Rates};

/// Limits that keep the server usable under load and against clients that dawdle.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long the headers of a request may take.
    pub headers_for: Duration,
    /// How long the body of a request may take.
    pub body_for: Duration,
    /// How many connections are held at once.
    pub connections: usize,
    /// How many requests are taken in a minute.
    pub rates: Rates,
    /// How many passwords are hashed at once.
    pub hashes: usize,
    /// How long a revoke or block waits for the store before it cuts by itself.
    pub commit_for: Duration,
    /// How long open requests may take to finish when the server stops.
    pub stop_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            headers_for: Duration::from_secs(10),
            body_for: Duration::from_secs(10),
            connections: 1024,
            rates: Rates::default(),
            hashes: 2,
            commit_for: Duration::from_secs(1),
            stop_for: Duration::from_secs(5),
        }
    }
}

/// What nodes are set up with, besides the inventory.
#[derive(Debug, Clone, Default)]
pub struct NodeSettings {
    /// From where nodes see the gateway: addresses or networks.
    pub gateways: Vec<String>,
    /// Where nodes have the `byleave` program.
    pub helper: String,
}

/// What the application hands over.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The door.
    pub door: Arc<dyn Door>,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The hash of the administrator's bearer token.
    pub administrator: TokenHash,
    /// The vendor's name on pages.
    pub vendor: VendorName,
    /// The hash function of HTTP Digest; clients agree on MD5 only.
    pub digest: Algorithm,
    /// What nodes are set up with.
    pub nodes: NodeSettings,
    /// The address in links that are handed on; without, what the request names.
    pub public_url: Option<PublicUrl>,
    /// The limits.
    pub limits: Limits,
}

/// The state of the web, shared by all handlers as `Arc<App>`.
pub struct App {
    /// The store.
    pub store: Store,
    /// The door.
    pub door: Arc<dyn Door>,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The hash of the administrator's bearer token.
    pub administrator: TokenHash,
    /// The vendor's name on pages.
    pub vendor: VendorName,
    /// What nodes are set up with.
    pub nodes: NodeSettings,
    /// The address in links that are handed on; without, what the request names.
    pub public_url: Option<PublicUrl>,
    /// The limits.
    pub limits: Limits,
    /// Hashes and verifies passwords, a few at a time.
    pub passwords: Passwords,
    /// Slows down those who try passwords.
    pub throttle: Throttle,
    /// Marks browsers that have signed in.
    pub marks: Marks,
    /// Counts requests.
    pub counters: Counters,
    /// Cancelled when the server stops: streams that never end by themselves must end then.
    pub stopping: CancellationToken,
    pub(crate) digest: Digest,
    /// The requests with a key that are being carried out.
    pub(crate) running: Arc<Running>,
}

impl App {
    /// Makes the state.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { store, door, clock, entropy, administrator, vendor, digest, nodes, public_url, limits } = parts;
        Arc::new(Self {
            passwords: Passwords::new(limits.hashes, entropy.clone()),
            throttle: Throttle::default(),
            marks: Marks::new(entropy.as_ref()),
            counters: Counters::new(limits.rates, &clock),
            digest: Digest::new(digest, entropy.as_ref()),
            stopping: CancellationToken::new(),
            running: Arc::default(),
            store,
            door,
            clock,
            entropy,
            administrator,
            vendor,
            nodes,
            public_url,
            limits,
        })
    }

    /// What the clocks say now.
    pub fn read_clock(&self) -> Reading {
        self.clock.read()
    }
}
