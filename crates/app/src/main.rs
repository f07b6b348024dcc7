//! The `byleave` binary.
fn main() {}
