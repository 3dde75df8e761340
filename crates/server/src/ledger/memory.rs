//! The memory of the checkpoint key: the newest checkpoint that it signed, in a file beside it, out of the database's reach.
//!
//! A database that was restored from a backup does not know what was signed after the backup; this file does.

use std::path::Path;

use chancery_core::ledger::SignedCheckpoint;
use chancery_core::ledger::note::Verifier;

use crate::fault::Fault;
use crate::keys::{read_private, write_private};

/// Reads the memory; `None` when the key has signed nothing yet.
///
/// # Errors
/// [`Fault::Config`] when the file is no checkpoint that one of these keys signed, or others may read it; [`Fault::Database`].
pub fn read(path: &Path, logs: &[Verifier]) -> Result<Option<SignedCheckpoint>, Fault> {
    let Some(note) = read_private(path)? else { return Ok(None) };
    let opened = SignedCheckpoint::open_any(&note, logs);
    opened.map(Some).map_err(|error| Fault::Config(format!("`{}` is not the newest checkpoint of this key: {error}", path.display())))
}

/// Remembers a checkpoint; when this returns, a power cut does not make the key forget it.
///
/// # Errors
/// [`Fault::Database`].
pub(super) fn write(path: &Path, signed: &SignedCheckpoint) -> Result<(), Fault> {
    write_private(path, signed.note().as_bytes())
}
