//! The product from outside: the real binary, a real server, what people type and what they get.

mod cli;
mod node;
mod server;
