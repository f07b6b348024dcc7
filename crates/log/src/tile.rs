//! Tiles of a log's tree, as C2SP tlog-tiles names and lays them out: 256 hashes side by side, of one level.
//!
//! Tile `n` of level `l` holds the subtrees of 2^(8·`l`) leaves from `n` · 256 on. A full one never changes; a partial one
//! holds as many as there were when it was asked for. Tiles of entries are not named here: entries of projects that a
//! reader may not see travel as hashes, in exported evidence.
//! Source: <https://c2sp.org/tlog-tiles>.

use std::fmt;
use std::str::FromStr;

use crate::proof::Subtree;

/// How many hashes a full tile has.
pub const WIDTH: u16 = 256;

/// A tile by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// The text names no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a tile, such as 0/x001/067 or 1/000.p/3")]
pub struct TileError;

impl Tile {
    /// The tile of this level and place with so many hashes.
    ///
    /// # Errors
    /// [`TileError`] if no tree of 2^64 leaves has it.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        let tile = Self { level, index, width };
        if level <= 7 && (1..=WIDTH).contains(&width) && tile.end().is_some() { Ok(tile) } else { Err(TileError) }
    }

    /// The height of its subtrees in the tree of single leaves.
    pub const fn height(self) -> u8 {
        self.level * 8
    }

    /// The subtrees whose hashes it holds, from the left.
    pub fn subtrees(self) -> impl Iterator<Item = Subtree> {
        let first = self.index * u64::from(WIDTH);
        (first..first + u64::from(self.width)).map(move |index| Subtree { level: self.height(), index })
    }

    /// Whether a log of `size` entries has it.
    pub fn is_in(self, size: u64) -> bool {
        self.end().is_some_and(|end| end <= u128::from(size))
    }

    /// Whether it is full, and so never changes.
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The leaf after its last one; `None` if that is no number of leaves.
    fn end(self) -> Option<u128> {
        let subtrees = u128::from(self.index) * u128::from(WIDTH) + u128::from(self.width);
        let end = subtrees << self.height();
        (end <= u128::from(u64::MAX)).then_some(end)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        let digits = self.index.to_string();
        let padded = format!("{}{digits}", "0".repeat((3 - digits.len() % 3) % 3));
        let groups = padded.len() / 3;
        for (place, group) in padded.as_bytes().chunks(3).enumerate() {
            let mark = if place + 1 < groups { "x" } else { "" };
            write!(f, "/{mark}{}", String::from_utf8_lossy(group))?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    /// Reads exactly what [`Tile`] writes: each tile has one name.
    fn from_str(text: &str) -> Result<Self, TileError> {
        let (name, width) = match text.split_once(".p/") {
            Some((name, width)) => (name, width.parse().map_err(|_| TileError)?),
            None => (text, WIDTH),
        };
        let (level, groups) = name.split_once('/').ok_or(TileError)?;
        let digits: String = groups.split('/').map(|group| group.trim_start_matches('x')).collect();
        let index = digits.parse().map_err(|_| TileError)?;
        let tile = Self::new(level.parse().map_err(|_| TileError)?, index, width)?;
        if tile.to_string() == text { Ok(tile) } else { Err(TileError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_one_name() {
        for (level, index, width, name) in [
            (0, 0, 256, "0/000"),
            (0, 999, 256, "0/999"),
            (0, 1000, 256, "0/x001/000"),
            (3, 1_234_067, 256, "3/x001/x234/067"),
            (1, 12, 3, "1/012.p/3"),
            (0, 1_000_000, 255, "0/x001/x000/000.p/255"),
        ] {
            let tile = Tile::new(level, index, width).unwrap();
            assert_eq!(tile.to_string(), name);
            assert_eq!(name.parse(), Ok(tile));
        }
        for bad in [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "0/x000/001",
            "00/000",
            "8/000",
            "-1/000",
            "0/+01",
            "0/001.p/0",
            "0/001.p/256",
            "0/001.p/",
            "0/001.p/01",
            "0/x001",
            "0/xx001/000",
            "entries/000",
            "0/000/",
            "0/001/002",
            "7/x999/999",
        ] {
            assert_eq!(bad.parse::<Tile>(), Err(TileError), "{bad}");
        }
    }

    #[test]
    fn a_tile_is_there_once_all_its_leaves_are() {
        let tile = |name: &str| name.parse::<Tile>().unwrap();
        assert!(tile("0/000.p/3").is_in(3) && !tile("0/000.p/4").is_in(3));
        assert!(tile("0/000").is_in(256) && !tile("0/000").is_in(255));
        assert!(tile("1/000.p/1").is_in(256) && !tile("1/000.p/1").is_in(255));
        assert_eq!(tile("1/000.p/2").subtrees().collect::<Vec<_>>(), [0, 1].map(|index| Subtree { level: 8, index }));
    }
}
