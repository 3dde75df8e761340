//! Folds entries into derived rows with the core's `apply`, for verification and rebuild.

use std::collections::BTreeMap;

use chancery_core::apply;
use chancery_core::entry::Entry;
use chancery_core::rows::{Change, Class, Key, Missing, Rows, Value};

use crate::fault::Fault;
use crate::store::{Snapshot, Tx};

/// Rows are kept from batch to batch up to this weight (a row weighs 1 and more when it is long).
const MAX_WEIGHT: usize = 200_000;

/// Changed rows that wait to be written together: what changes again meanwhile is written once.
const MAX_WAITING: usize = 50_000;

/// A fold from the first entry on. INVARIANT: a row that waits is among `rows` too, so nobody reads an older one from the database.
#[derive(Default)]
pub(super) struct Fold {
    rows: Rows,
    weight: usize,
    waiting: BTreeMap<Key, Change>,
}

impl Fold {
    /// Applies the next entries and writes the changed rows into `derived`, when many have gathered. Rows of log tables (manifests) are read from `log`
    /// when it is given, because a temporary database has none.
    pub(super) async fn entries(&mut self, entries: &[Entry], derived: &mut Tx<'_>, log: Option<&Snapshot>) -> Result<(), Fault> {
        loop {
            self.rows.forget_changes();
            for entry in entries {
                match apply(&mut self.rows, entry) {
                    // The others may go on: whatever they do is forgotten, but it tells early which rows they need.
                    Ok(()) | Err(Missing::Row) => {}
                    Err(Missing::Bad(bad)) => return Err(bad.into()),
                }
            }
            let missing = self.rows.take_missing();
            if missing.is_empty() {
                break;
            }
            self.load(missing, derived, log).await?;
        }
        let changes = self.rows.take_changes();
        self.weight += changes.len();
        self.waiting.extend(changes);
        if self.weight > MAX_WEIGHT || self.waiting.len() > MAX_WAITING {
            self.flush(derived).await?;
        }
        if self.weight > MAX_WEIGHT {
            *self = Self::default();
        }
        Ok(())
    }

    /// Writes the rows that wait: what the last call must be.
    pub(super) async fn flush(&mut self, derived: &mut Tx<'_>) -> Result<(), Fault> {
        derived.flush(std::mem::take(&mut self.waiting)).await
    }

    async fn load(&mut self, missing: Vec<Key>, derived: &mut Tx<'_>, log: Option<&Snapshot>) -> Result<(), Fault> {
        let (of_log, others): (Vec<Key>, Vec<Key>) = missing.into_iter().partition(|key| key.table.class == Class::Log && log.is_some());
        let mut loaded = derived.load(others).await?;
        if let Some(log) = log
            && !of_log.is_empty()
        {
            loaded.extend(log.load(of_log).await?);
        }
        for (key, values) in loaded {
            self.weight += values.as_deref().map_or(1, weight);
            self.rows.fill(key, values);
        }
        Ok(())
    }
}

fn weight(values: &[Value]) -> usize {
    let bytes = values.iter().map(|value| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) => 0,
    });
    1 + bytes.sum::<usize>() / 1024
}
