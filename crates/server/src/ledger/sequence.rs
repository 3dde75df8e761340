//! The right edge of the ledger, kept by the sequencer, so that a batch writes its full tiles without reading the tree.

use chancery_core::ledger::Hash;
use chancery_core::ledger::tile::{HASHES_PER_TILE, encode_hashes, partial_width, tile_root};
use chancery_core::rows::Row as _;
use chancery_core::tables::TileRow;

use super::{damaged, hashes};
use crate::fault::Fault;
use crate::store::Tx;

/// The hashes after the last full tile of each level, and the tiles that became full since they were last written.
///
/// After a transaction that was not committed it must be loaded again.
#[derive(Debug, Default)]
pub struct Edge {
    size: u64,
    /// Less than 256 hashes for each tile level, level 0 first.
    levels: Vec<Vec<Hash>>,
    full: Vec<TileRow>,
}

impl Edge {
    /// Reads the edge of a ledger of `size` entries: one query for each tile level (three at a million entries).
    ///
    /// # Errors
    /// [`Fault::Config`] when hashes are missing; [`Fault::Database`].
    pub async fn load(tx: &mut Tx<'_>, size: u64) -> Result<Self, Fault> {
        let mut levels = Vec::new();
        let mut count = size;
        for level in 0_u8.. {
            let width = partial_width(level, size);
            let first = count - u64::from(width);
            let rows = if level == 0 {
                let sql = "SELECT leaf_hash FROM entries WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index";
                tx.query(sql, &crate::values![first, count]).await?
            } else {
                let sql = "SELECT root FROM tiles WHERE level = $1 AND tile_index >= $2 AND tile_index < $3 ORDER BY tile_index";
                tx.query(sql, &crate::values![u64::from(level - 1), first, count]).await?
            };
            if rows.len() != usize::from(width) {
                return Err(damaged(format!("level {level} of the tree has {} hashes at its edge instead of {width}", rows.len())));
            }
            levels.push(hashes(&rows)?);
            count /= HASHES_PER_TILE as u64;
            if count == 0 {
                break;
            }
        }
        Ok(Self { size, levels, full: Vec::new() })
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends the leaf hash of the next entry.
    pub fn append(&mut self, leaf: Hash) {
        let mut carried = Some(leaf);
        for number in 0_u64.. {
            let Some(hash) = carried.take() else { break };
            let position = usize::try_from(number).unwrap_or(usize::MAX);
            if self.levels.len() <= position {
                self.levels.push(Vec::with_capacity(HASHES_PER_TILE));
            }
            let Some(level) = self.levels.get_mut(position) else { break };
            level.push(hash);
            if level.len() == HASHES_PER_TILE {
                let tile_index = (self.size >> (8 * number)) / HASHES_PER_TILE as u64;
                let root = tile_root(level);
                self.full.push(TileRow { level: number, tile_index, hashes: encode_hashes(level), root: root.as_bytes().to_vec() });
                level.clear();
                carried = Some(root);
            }
        }
        self.size += 1;
    }

    /// Takes the tiles that became full, of all levels.
    pub fn take_full(&mut self) -> Vec<TileRow> {
        std::mem::take(&mut self.full)
    }

    /// Writes the tiles that became full. Part of the transaction that writes their entries: a crash loses or keeps both.
    ///
    /// # Errors
    /// [`Fault::Database`]; a tile that is there already is one, since tiles never change.
    pub async fn full_tiles(&mut self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let rows: Vec<_> = self.take_full().iter().map(chancery_core::rows::Row::to_values).collect();
        if rows.is_empty() {
            return Ok(());
        }
        tx.insert(TileRow::TABLE, &rows).await
    }
}
