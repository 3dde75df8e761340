//! The ledger in the database: the growing edge, hashes for proofs, checkpoints, verification and what leaves the house.
//!
//! The formats are those of [`chancery_core::ledger`]; here they meet the tables `entries`, `tiles` and `checkpoints`.
//!
//! INVARIANT: entries, their full tiles and the head change in one transaction, so a stored size always has its tiles.
//! INVARIANT: a published checkpoint covers committed entries only, and extends every checkpoint that its key ever signed.

pub mod export;
pub mod hashes;
pub mod memory;
pub mod prove;
pub mod rebuild;
pub mod sequence;
pub mod signer;
pub mod tiles;
pub mod verify;

mod fold;
mod payloads;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use chancery_core::ledger::Hash;
use chancery_core::rows::Value;

use crate::fault::Fault;
use crate::store::{Snapshot, Values};

/// The newest published checkpoint: its size and note.
pub(crate) async fn newest_checkpoint(snapshot: &Snapshot) -> Result<Option<chancery_core::tables::CheckpointRow>, Fault> {
    Ok(snapshot.rows("ORDER BY size DESC LIMIT 1", &[]).await?.into_iter().next())
}

/// A hash from a column.
fn hash(value: Option<&Value>) -> Result<Hash, Fault> {
    let hash = if let Some(Value::Bytes(bytes)) = value { Hash::from_slice(bytes) } else { None };
    hash.ok_or_else(|| damaged("a stored hash has not 32 bytes"))
}

/// Hashes from rows of one column.
fn hashes(rows: &[Values]) -> Result<Vec<Hash>, Fault> {
    rows.iter().map(|row| hash(row.first())).collect()
}

/// The database does not hold what it must; verification says where.
fn damaged(what: impl std::fmt::Display) -> Fault {
    Fault::Config(format!("{what}: the database is damaged, run `chancery ledger verify`"))
}
