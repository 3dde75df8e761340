//! Offline proofs of entries (C2SP tlog-proof).

use chancery_core::ledger::LogProof;
use chancery_core::ledger::SignedCheckpoint;
use chancery_core::ledger::note::Verifier;

use super::{damaged, hashes, newest_checkpoint};
use crate::fault::Fault;
use crate::store::Snapshot;

/// The proof that entry `index` is covered by the newest published checkpoint; its `Display` is the `.tlog-proof` file.
/// `None` when no checkpoint covers it (yet: an entry is covered within a second).
///
/// # Errors
/// [`Fault::Config`] when the checkpoint is not signed by one of `logs` or hashes are missing; [`Fault::Database`].
pub async fn prove(snapshot: &Snapshot, logs: &[Verifier], index: u64) -> Result<Option<LogProof>, Fault> {
    let Some(row) = newest_checkpoint(snapshot).await? else { return Ok(None) };
    let signed = SignedCheckpoint::open_any(&row.note, logs).map_err(damaged)?;
    let size = signed.checkpoint().size;
    if index >= size {
        return Ok(None);
    }
    // Of entries that its reader may not see too, the tree is made of the hashes; these are public.
    let hashes = hashes::inclusion_proof(&snapshot.everything(), index, size).await?;
    Ok(Some(LogProof { extra: None, index, hashes, checkpoint: row.note }))
}
