//! Hashes of complete subtrees from the database, for roots and proofs.
//!
//! A proof needs hashes of one full tile and of the right edge for each tile level. The pure functions of the core run twice:
//! first to learn which hashes they want, then with what one read of tiles and one query for the edge brought.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::ledger::Hash;
use chancery_core::ledger::merkle::{self, ProofError};
use chancery_core::ledger::tile::{HASHES_PER_TILE, SubtreePlace, decode_hashes};
use chancery_core::rows::{Key, Row as _, Value};
use chancery_core::tables::TileRow;

use super::{damaged, hash};
use crate::fault::Fault;
use crate::store::Snapshot;

/// Level and index of a tile.
type TileId = (u8, u64);

/// The root of the first `size` entries.
///
/// # Errors
/// [`Fault::Config`] when the database has not all hashes; [`Fault::Database`].
pub async fn root(snapshot: &Snapshot, size: u64) -> Result<Hash, Fault> {
    run(snapshot, size, |tiles| merkle::root(size, |level, index| tiles.read(level, index))).await
}

/// The inclusion proof of entry `index` in the tree of the first `size` entries, the leaf's sibling first.
///
/// # Errors
/// As [`root`]; [`Fault::Config`] also when `index` is not below `size`.
pub async fn inclusion_proof(snapshot: &Snapshot, index: u64, size: u64) -> Result<Vec<Hash>, Fault> {
    run(snapshot, size, |tiles| flat(merkle::inclusion_proof(index, size, |level, index| tiles.read(level, index)))).await
}

/// The proof that the tree of the first `old` entries is a prefix of that of the first `new`.
///
/// # Errors
/// As [`root`]; [`Fault::Config`] also when `old` is above `new`.
pub async fn consistency_proof(snapshot: &Snapshot, old: u64, new: u64) -> Result<Vec<Hash>, Fault> {
    run(snapshot, new, |tiles| flat(merkle::consistency_proof(old, new, |level, index| tiles.read(level, index)))).await
}

/// The hashes of a tile of any width, also of a part of a tile that is full by now; `None` when some are not there.
///
/// # Errors
/// As [`root`].
pub async fn tile(snapshot: &Snapshot, level: u8, index: u64, width: u16) -> Result<Option<Vec<Hash>>, Fault> {
    let id = (level, index);
    let mut found = if usize::from(width) == HASHES_PER_TILE { full_tiles(snapshot, &[id]).await? } else { edge_tiles(snapshot, &[(id, width)]).await? };
    Ok(found.remove(&id).filter(|hashes| hashes.len() == usize::from(width)))
}

/// Tiles that were read, and those that are wanted.
#[derive(Default)]
struct Tiles {
    read: BTreeMap<TileId, Vec<Hash>>,
    wanted: BTreeSet<TileId>,
}

impl Tiles {
    /// The hash of a complete subtree; of a tile that was not read yet it is a placeholder, and the tile becomes wanted.
    fn read(&mut self, level: u8, index: u64) -> Result<Hash, Fault> {
        let place = SubtreePlace::of(level, index);
        let id = (place.tile_level, place.tile_index);
        match self.read.get(&id) {
            Some(hashes) => place.hash(hashes).ok_or_else(|| damaged(format!("tile {}/{} is too short", id.0, id.1))),
            None => {
                self.wanted.insert(id);
                Ok(Hash([0; 32]))
            }
        }
    }
}

async fn run<T>(snapshot: &Snapshot, size: u64, function: impl Fn(&mut Tiles) -> Result<T, Fault>) -> Result<T, Fault> {
    let mut tiles = Tiles::default();
    function(&mut tiles)?;
    let (mut full, mut edge) = (Vec::new(), Vec::new());
    for id in std::mem::take(&mut tiles.wanted) {
        let (level, index) = id;
        let hashes_of_level = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        match u16::try_from(hashes_of_level.saturating_sub(index * HASHES_PER_TILE as u64)) {
            Ok(width) if usize::from(width) < HASHES_PER_TILE => edge.push((id, width)),
            Ok(_) | Err(_) => full.push(id),
        }
    }
    tiles.read = full_tiles(snapshot, &full).await?;
    tiles.read.extend(edge_tiles(snapshot, &edge).await?);
    let result = function(&mut tiles)?;
    match tiles.wanted.first() {
        Some((level, index)) => Err(damaged(format!("tile {level}/{index} is missing"))),
        None => Ok(result),
    }
}

/// Full tiles, by key.
async fn full_tiles(snapshot: &Snapshot, ids: &[TileId]) -> Result<BTreeMap<TileId, Vec<Hash>>, Fault> {
    let key = |(level, index): &TileId| Key { table: TileRow::TABLE, values: crate::values![u64::from(*level), *index] };
    let loaded = if ids.is_empty() { Vec::new() } else { snapshot.load(ids.iter().map(key).collect()).await? };
    let mut found = BTreeMap::new();
    for (id, (_, values)) in ids.iter().zip(loaded) {
        let Some(values) = values else { continue };
        let row = TileRow::from_values(values)?;
        let hashes = decode_hashes(&row.hashes).map_err(|error| damaged(format!("tile {}/{}: {error}", id.0, id.1)))?;
        found.insert(*id, hashes);
    }
    Ok(found)
}

/// Partial tiles: leaf hashes of entries, and above them the roots of the tiles below. One query for all.
async fn edge_tiles(snapshot: &Snapshot, ids: &[(TileId, u16)]) -> Result<BTreeMap<TileId, Vec<Hash>>, Fault> {
    let mut parts = Vec::new();
    let mut parameters = Vec::new();
    for ((level, index), width) in ids {
        let Some(first) = index.checked_mul(HASHES_PER_TILE as u64) else { continue };
        let (from, to) = (parameters.len() + 1, parameters.len() + 2);
        parameters.extend(crate::values![first, first.saturating_add(u64::from(*width))]);
        parts.push(match level.checked_sub(1) {
            None => format!("SELECT 0 AS tile_level, entry_index AS place, leaf_hash AS hash FROM entries WHERE entry_index >= ${from} AND entry_index < ${to}"),
            Some(below) => format!(
                "SELECT {level} AS tile_level, tile_index AS place, root AS hash FROM tiles WHERE level = {below} AND tile_index >= ${from} AND tile_index < ${to}"
            ),
        });
    }
    if parts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!("SELECT place, hash, CAST(tile_level AS bigint) FROM ({}) AS edge ORDER BY tile_level, place", parts.join(" UNION ALL "));
    let rows = snapshot.query(&sql, &parameters).await?;
    let mut found: BTreeMap<TileId, Vec<Hash>> = BTreeMap::new();
    for row in rows {
        let [Value::Integer(place), value, Value::Integer(level)] = row.as_slice() else {
            return Err(damaged("a row of hashes has another form"));
        };
        let (Ok(place), Ok(level)) = (u64::try_from(*place), u8::try_from(*level)) else { return Err(damaged("a hash has a negative place")) };
        let hashes = found.entry((level, place / HASHES_PER_TILE as u64)).or_default();
        if hashes.len() as u64 != place % HASHES_PER_TILE as u64 {
            return Err(damaged(format!("hash {place} of tile level {level} does not follow the one in front of it")));
        }
        hashes.push(hash(Some(value))?);
    }
    Ok(found)
}

fn flat<T>(made: Result<T, ProofError<Fault>>) -> Result<T, Fault> {
    made.map_err(|error| match error {
        ProofError::OutOfRange { .. } => Fault::Config(error.to_string()),
        ProofError::Read(fault) => fault,
    })
}
