//! The log against two strangers (ct-merkle, tlog_tiles with signed_note), its own golden bytes, and tampering.

#[cfg(test)]
mod evidence;
#[cfg(test)]
mod leaf;
#[cfg(test)]
mod note;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tree;
