//! The rules of Byleave, and nothing else: who may do what, what is open to support, and when it ends.
//!
//! This crate must never do I/O, read a clock, draw random numbers, or know SQL, HTTP, SSH or JSON. `now` and
//! randomness are arguments. Read [`access`] first: [`access::decide`] is the one place that says yes.
//!
//! # Glossary
//!
//! One word for one thing, here and in the pages, the API, the CLI, the log and the documentation.
//!
//! | word | meaning |
//! |---|---|
//! | organization, project (`group` in API paths), cluster, node | tenant; its part; a database deployment; one host of a cluster |
//! | user, [role] | a customer's person; what they may do |
//! | API key, [service account](service_account), [network] | what programs of a customer sign in with: HTTP Digest; OAuth 2.0 client credentials; from where |
//! | employee, [employee identifier](identifier) | a support engineer of the vendor; the pseudonym a customer sees |
//! | administrator | who runs the installation for the vendor, and can never consent |
//! | [inventory] | organizations, projects, clusters, nodes, host keys, log paths and sync databases, with a revision per cluster |
//! | block | the organization setting `restrictEmployeeAccess` |
//! | [grant] | the customer's time-boxed consent for one cluster |
//! | [request] | what an employee asks a customer for; approving it is giving a grant |
//! | hand back | an employee needs a cluster no longer: ends their own sessions and requests there, never the grant |
//! | revoke, expire, replace | how a grant ends: by a person, by time, by a newer grant for the same cluster |
//! | standing access | what support may do in an organization that does not block |
//! | basis, permit | why a yes; the value that `decide` returns for a yes |
//! | [session] | one SSH connection of one employee to one node (or to a cluster's logs) under one permit |
//! | end, cut | a session ends; when we end it because its basis ended, that is a cut |
//! | [event] | one entry of the feed and leaf of the organization's log |
//! | [recovery] | the slow, visible, stoppable path on which the vendor adds an owner where the last one is lost |
//! | doubt | the clock cannot be trusted; nothing new opens |
//! | lease | how long live sessions outlive contact with the control or a store that cannot commit |

pub mod access;
pub mod actor;
pub mod event;
pub mod field;
pub mod grant;
pub mod id;
pub mod identifier;
pub mod inventory;
pub mod name;
pub mod network;
pub mod policy;
pub mod recovery;
pub mod request;
pub mod role;
#[cfg(feature = "samples")]
pub mod sample;
pub mod service_account;
pub mod session;
pub mod setting;
pub mod time;
mod word;

#[cfg(doctest)]
#[doc = include_str!("../tests/fail/permit.md")]
mod what_a_permit_cannot_do {}
