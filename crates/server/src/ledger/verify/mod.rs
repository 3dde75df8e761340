//! Verification of the ledger: is everything still what was committed and signed?
//!
//! - [`Mode::Tree`]: entries without gap, leaf hashes, tiles, the root at every published checkpoint and its signature, and that the
//!   key has not signed more than is there;
//! - [`Mode::Full`]: that, and every entry parsed, its columns compared with its bytes, payloads hashed, and every derived row
//!   compared with what the entries say. Vault tables are not compared: they can be erased.
//!
//! One consistent view of the database is read throughout, so that a running server does not disturb (PostgreSQL) or sees its log
//! file grow meanwhile (SQLite).

mod blobs;
mod derived;
mod record;
mod report;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;

use chancery_core::ledger::note::Verifier;
use chancery_core::rows::Row as _;
use chancery_core::tables::EntryRow;

pub use report::{Area, Mode, Problem, Report, Verdict};

use super::memory;
use crate::blobs::Blobs;
use crate::fault::Fault;
use crate::store::{Schema, Scratchpad, Snapshot, Store};

/// Entries that are read at once.
const PAGE: u32 = 1024;

/// What to verify, and against what.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// How much.
    pub mode: Mode,
    /// The keys of the log, the one in force first; never empty.
    pub logs: &'a [Verifier],
    /// The memory of the key (`keys/checkpoint.memory`); a missing file says that nothing was signed.
    pub memory: Option<&'a Path>,
    /// The tables of this build.
    pub schema: &'a Schema,
    /// Files to hash again; nothing of them is looked at without it.
    pub blobs: Option<&'a Blobs>,
}

/// Verifies the whole ledger. What is wrong with the data is in the report, never an error.
///
/// # Errors
/// [`Fault`] when the database, the memory file or the temporary database cannot be read: then nothing is known.
pub async fn verify(store: &Store, options: &Options<'_>) -> Result<Report, Fault> {
    let mut report = Report::new(options.mode, options.logs.first().map_or("", Verifier::name));
    let snapshot = store.read().await?;
    match options.mode {
        Mode::Tree => log(&snapshot, options, &mut report, None).await?,
        Mode::Full => {
            let mut scratchpad = Scratchpad::open(options.schema)?;
            let mut scratch = scratchpad.begin()?;
            let mut record = record::Record::new(&snapshot, &mut scratch);
            log(&snapshot, options, &mut report, Some(&mut record)).await?;
            let folded = record.finish(&mut report).await?;
            record::payloads(&snapshot, &mut report).await?;
            record::private_texts(&snapshot, &mut report).await?;
            if folded {
                derived::compare(&snapshot, &mut scratch, options.schema, &mut report).await?;
            }
        }
    }
    drop(snapshot);
    if let Some(blobs) = options.blobs {
        blobs::verify(store, blobs, &mut report).await?;
    }
    Ok(report)
}

/// Streams the entries once, through the tree and, in full mode, through the fold.
async fn log(snapshot: &Snapshot, options: &Options<'_>, report: &mut Report, mut record: Option<&mut record::Record<'_, '_>>) -> Result<(), Fault> {
    let remembered = match options.memory {
        Some(path) => memory::read(path, options.logs)?,
        None => None,
    };
    let mut tree = tree::Tree::new(snapshot, options.logs, remembered);
    let mut after = None;
    loop {
        let page = snapshot.scan(EntryRow::TABLE, after, PAGE).await?;
        after = page.last().and_then(|values| values.first()).map(|index| vec![index.clone()]);
        if after.is_none() {
            break;
        }
        let mut rows = Vec::with_capacity(page.len());
        for values in page {
            match EntryRow::from_values(values) {
                Ok(row) => rows.push(row),
                Err(bad) => report.problem(Problem::new(Area::Log, "entries", bad.to_string())),
            }
        }
        tree.entries(&rows, report).await?;
        if let Some(record) = record.as_deref_mut() {
            record.entries(&rows, report).await?;
        }
    }
    tree.finish(report).await
}
