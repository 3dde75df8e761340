//! Tiles and entry bundles: how a log is cut into static files (C2SP tlog-tiles).
//!
//! A hash tile at level `l` holds up to 256 hashes of complete subtrees of `256^l` leaves; the hash at level `l + 1`
//! is the root of a *full* tile at level `l`. An entry bundle holds up to 256 entries. Full tiles never change.

use std::{fmt, str::FromStr};

use super::merkle::{Frontier, Hash};
use super::parse_decimal;

/// How many hashes a full hash tile holds, and how many entries a full bundle.
pub const HASHES_PER_TILE: usize = 256;

/// The longest entry: its length is written as a 16-bit number.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// The highest tile level that a path can name.
pub const MAX_LEVEL: u8 = 63;

const FULL_WIDTH: u16 = 256;
const HASH_BYTES: usize = 32;
/// A tile spans 8 levels of the tree.
const TILE_HEIGHT: u8 = 8;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileLevel {
    /// The entries themselves (an entry bundle).
    Entries,
    /// Hashes of complete subtrees of `256^level` leaves, level 0 to [`MAX_LEVEL`].
    Level(u8),
}

/// The path of a tile below the log's prefix: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
///
/// Parsing accepts only the canonical spelling, the one that `Display` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    level: TileLevel,
    index: u64,
    width: u16,
}

/// Why a path, tile or bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not the canonical path of a tile.
    #[error("`{0}` is not a tile path")]
    Path(String),
    /// The level is above [`MAX_LEVEL`] or the width is not 1 to 256.
    #[error("no tile has level `{level}` and width `{width}`")]
    Shape {
        /// The level that was given; 0 for entries.
        level: u8,
        /// The width that was given.
        width: u16,
    },
    /// A hash tile is not 1 to 256 whole hashes.
    #[error("`{0}` bytes are not a hash tile")]
    HashTile(usize),
    /// An entry is longer than [`MAX_ENTRY_BYTES`].
    #[error("entry of `{0}` bytes is longer than 65535 bytes")]
    EntryTooLong(usize),
    /// A bundle ends in the middle of an entry.
    #[error("entry bundle is cut short")]
    BundleCut,
    /// A bundle does not hold the number of entries that its path says.
    #[error("entry bundle holds `{found}` entries instead of `{expected}`")]
    BundleWidth {
        /// The number of entries expected.
        expected: u16,
        /// The number of entries found.
        found: usize,
    },
}

impl TilePath {
    /// Names a tile of `width` (1 to 256; 256 is a full tile) hashes or entries.
    pub fn new(level: TileLevel, index: u64, width: u16) -> Result<Self, TileError> {
        let number = match level {
            TileLevel::Entries => 0,
            TileLevel::Level(number) => number,
        };
        if number > MAX_LEVEL || !(1..=FULL_WIDTH).contains(&width) {
            return Err(TileError::Shape { level: number, width });
        }
        Ok(Self { level, index, width })
    }

    /// What the tile holds.
    pub fn level(&self) -> TileLevel {
        self.level
    }

    /// The number of the tile within its level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The number of hashes or entries, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile holds 256 hashes or entries and so never changes.
    pub fn is_full(&self) -> bool {
        self.width == FULL_WIDTH
    }

    /// Whether all hashes or entries of this tile exist in a tree of `size` leaves.
    pub fn exists_in(&self, size: u64) -> bool {
        let available = match self.level {
            TileLevel::Entries => size,
            TileLevel::Level(level) => hashes_at(level, size),
        };
        let needed = u128::from(self.index) * u128::from(FULL_WIDTH) + u128::from(self.width);
        needed <= u128::from(available)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            TileLevel::Entries => write!(formatter, "tile/entries/")?,
            TileLevel::Level(level) => write!(formatter, "tile/{level}/")?,
        }
        let digits = self.index.to_string();
        let padded_length = digits.len().next_multiple_of(3);
        let padded = format!("{digits:0>padded_length$}");
        for (position, digit) in padded.chars().enumerate() {
            let starts_group = position % 3 == 0;
            if starts_group && position > 0 {
                write!(formatter, "/")?;
            }
            if starts_group && position + 3 < padded_length {
                write!(formatter, "x")?;
            }
            write!(formatter, "{digit}")?;
        }
        match self.width {
            FULL_WIDTH => Ok(()),
            width => write!(formatter, ".p/{width}"),
        }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || TileError::Path(text.to_owned());
        let path = parse_lenient(text).ok_or_else(refused)?;
        // Writing it again is the whole check that the spelling is the canonical one.
        if path.to_string() != text {
            return Err(refused());
        }
        Ok(path)
    }
}

/// Where the hash of a complete subtree is found: the root of `count` consecutive hashes of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubtreePlace {
    /// The level of the tile.
    pub tile_level: u8,
    /// The number of the tile within its level.
    pub tile_index: u64,
    /// The position of the first hash in the tile, 0 to 255.
    pub first: usize,
    /// How many hashes the subtree covers: 1, 2, 4, … 128.
    pub count: usize,
}

impl SubtreePlace {
    /// Finds the complete subtree `(level, index)`, as [`super::merkle::inclusion_proof`] asks for it.
    pub fn of(level: u8, index: u64) -> Self {
        let height = level % TILE_HEIGHT;
        let tiles_of_subtrees = u32::from(TILE_HEIGHT - height);
        let subtrees_per_tile = 1_u64 << tiles_of_subtrees;
        Self {
            tile_level: level / TILE_HEIGHT,
            tile_index: index / subtrees_per_tile,
            first: ((index % subtrees_per_tile) << height) as usize,
            count: 1 << height,
        }
    }

    /// The subtree's hash, given the hashes of its tile; `None` if the tile is not wide enough.
    pub fn hash(&self, tile: &[Hash]) -> Option<Hash> {
        tile.get(self.first..self.first + self.count).map(tile_root)
    }
}

/// The root over consecutive hashes of one tile; over a full tile it is a hash of the tile one level up.
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}

/// How many hashes the partial tile at `level` of a tree of `size` leaves holds, 0 to 255; there is none if it is 0.
pub fn partial_width(level: u8, size: u64) -> u16 {
    (hashes_at(level, size) % u64::from(FULL_WIDTH)) as u16
}

/// All hash tiles of a tree of `size` leaves: the full ones, then the partial one of each level that has one.
///
/// The entry bundles have the index and width of the tiles of level 0.
pub fn hash_tiles(size: u64) -> impl Iterator<Item = TilePath> {
    completed_tiles(0, size).chain((0..=MAX_LEVEL).filter_map(move |level| {
        Some(TilePath { level: TileLevel::Level(level), index: full_tiles(level, size), width: Some(partial_width(level, size)).filter(|width| *width > 0)? })
    }))
}

/// The full hash tiles that a tree of `new` leaves has and a tree of `old` leaves has not, level by level from 0.
///
/// The entry bundles that become full have the indices of the tiles of level 0.
pub fn completed_tiles(old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    (0..=MAX_LEVEL).flat_map(move |level| {
        (full_tiles(level, old)..full_tiles(level, new)).map(move |index| TilePath { level: TileLevel::Level(level), index, width: FULL_WIDTH })
    })
}

/// Writes a hash tile: the hashes one after the other, 32 bytes each.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a hash tile of 1 to 256 hashes.
pub fn decode_hashes(bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let refused = || TileError::HashTile(bytes.len());
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || !(1..=HASHES_PER_TILE).contains(&hashes.len()) {
        return Err(refused());
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// Writes an entry bundle of at most 256 entries: for each its length as a big-endian 16-bit number, then its bytes.
pub fn encode_entries<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Result<Vec<u8>, TileError> {
    let mut bundle = Vec::new();
    let mut found = 0;
    for entry in entries {
        found += 1;
        let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong(entry.len()))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    if found > HASHES_PER_TILE {
        return Err(TileError::BundleWidth { expected: FULL_WIDTH, found });
    }
    Ok(bundle)
}

/// Reads an entry bundle that must hold exactly `width` entries; they borrow from the bundle.
pub fn decode_entries(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bundle;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or(TileError::BundleCut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(TileError::BundleCut)?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() != usize::from(width) {
        return Err(TileError::BundleWidth { expected: width, found: entries.len() });
    }
    Ok(entries)
}

/// How many hashes level `level` has in all: `⌊size / 256^level⌋`.
fn hashes_at(level: u8, size: u64) -> u64 {
    let shift = u32::from(level) * u32::from(TILE_HEIGHT);
    size.checked_shr(shift).unwrap_or(0)
}

fn full_tiles(level: u8, size: u64) -> u64 {
    hashes_at(level, size) / u64::from(FULL_WIDTH)
}

/// Reads all that a path says without minding its spelling: groups may lack `x` or digits.
fn parse_lenient(text: &str) -> Option<TilePath> {
    let (place, width) = match text.split_once(".p/") {
        Some((place, width)) => (place, u16::try_from(parse_decimal(width)?).ok()?),
        None => (text, FULL_WIDTH),
    };
    let (level, groups) = place.strip_prefix("tile/")?.split_once('/')?;
    let level = match level {
        "entries" => TileLevel::Entries,
        number => TileLevel::Level(u8::try_from(parse_decimal(number)?).ok()?),
    };
    let digits: String = groups.chars().filter(char::is_ascii_digit).collect();
    TilePath::new(level, digits.parse().ok()?, width).ok()
}

#[cfg(test)]
mod tests;
