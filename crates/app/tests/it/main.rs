//! The product from outside: the real binary, a real server, what people type and what they get.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod node;
#[cfg(test)]
mod server;
