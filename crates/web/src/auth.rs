//! Who is asking: HTTP Digest for API keys, bearer tokens for the administrator, people who signed in and service accounts.
//!
//! `/api` reads no cookies and the pages take neither Digest nor bearer tokens, so that a browser never sends a
//! credential by itself to a path that changes something. Nothing here decides what somebody may do.

pub mod digest;
pub mod key;
mod line;
pub mod password;
pub mod sign_in;
pub mod throttle;
pub mod token;
