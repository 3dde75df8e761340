//! Makes all derived rows anew from the entries.

use chancery_core::entry::Entry;
use chancery_core::rows::{Class, Row as _};
use chancery_core::tables::EntryRow;

use super::damaged;
use super::fold::Fold;
use crate::crash::{CrashPoint, reach};
use crate::fault::Fault;
use crate::store::{Tx, Writer};

/// Entries that are read at once.
const PAGE: u32 = 512;

/// Deletes all derived rows and folds all entries, in one transaction under the head lock: readers see the old rows until the
/// commit, other writers wait. Log and vault tables are not touched, and no policy is evaluated. Gives the number of entries.
///
/// `crash` is where the process ends itself in a test.
///
/// # Errors
/// [`Fault::Config`] when an entry is missing or cannot be read: nothing is changed then; [`Fault::Database`].
pub async fn rebuild(writer: &mut Writer, crash: Option<CrashPoint>) -> Result<u64, Fault> {
    let mut tx = writer.begin().await?;
    let size = tx.head().size;
    tx.truncate_class(Class::Derived).await?;
    let mut fold = Fold::default();
    let mut done = 0;
    while done < size {
        let page = page(&mut tx, done).await?;
        fold.entries(&page, &mut tx, None).await?;
        done += page.len() as u64;
    }
    fold.flush(&mut tx).await?;
    reach(crash, CrashPoint::BeforeRebuild);
    // A crash before this commit leaves the old rows: run it again. After it the new rows stand.
    tx.commit().await?;
    reach(crash, CrashPoint::AfterRebuild);
    Ok(done)
}

async fn page(tx: &mut Tx<'_>, from: u64) -> Result<Vec<Entry>, Fault> {
    let after = from.checked_sub(1).map(|last| crate::values![last]);
    let mut entries = Vec::new();
    for (values, expected) in tx.scan(EntryRow::TABLE, after, PAGE).await?.into_iter().zip(from..) {
        let row = EntryRow::from_values(values)?;
        let entry = Entry::from_bytes(&row.bytes).map_err(|error| damaged(format!("entry {} cannot be read ({error})", row.entry_index)))?;
        if row.entry_index != expected || entry.index != expected {
            return Err(damaged(format!("entry {expected} is missing")));
        }
        entries.push(entry);
    }
    if entries.is_empty() {
        return Err(damaged(format!("entry {from} is missing")));
    }
    Ok(entries)
}
