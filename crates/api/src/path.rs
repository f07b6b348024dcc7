//! The paths of the API, built in one place for those who call it.

/// Where Atlas's paths begin.
pub const ATLAS: &str = "/api/atlas/v2";

/// Where Byleave's own paths begin.
pub const BYLEAVE: &str = "/api/byleave/v1";
