//! Full mode: every entry read and applied, every payload hashed.

use std::collections::BTreeSet;

use chancery_core::entry::Entry;
use chancery_core::names::{Digest, Timestamp};
use chancery_core::rows::{Row as _, Value};
use chancery_core::tables::{EntryRow, PayloadRow, PrivateRow};

use super::{Area, Problem, Report};
use crate::fault::Fault;
use crate::ledger::fold::Fold;
use crate::ledger::payloads;
use crate::store::{Snapshot, Tx};

/// Payloads that are read at once: each has up to 1 MiB.
const PAYLOADS: u32 = 32;
/// Digests that are looked up at once.
const DIGESTS: usize = 64;

/// Entries on their way into the temporary database.
pub(super) struct Record<'a, 'tx> {
    snapshot: &'a Snapshot,
    scratch: &'a mut Tx<'tx>,
    fold: Fold,
    last_at: Timestamp,
    /// Why entries are no longer applied: what follows from them cannot be known.
    stopped: Option<String>,
}

impl<'a, 'tx> Record<'a, 'tx> {
    pub(super) fn new(snapshot: &'a Snapshot, scratch: &'a mut Tx<'tx>) -> Self {
        Self { snapshot, scratch, fold: Fold::default(), last_at: Timestamp::from_micros(i64::MIN), stopped: None }
    }

    /// Takes the next entries, in order of their index.
    pub(super) async fn entries(&mut self, rows: &[EntryRow], report: &mut Report) -> Result<(), Fault> {
        let size = self.snapshot.head().size;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.entry_index < size) {
            match Entry::from_bytes(&row.bytes) {
                Ok(entry) => {
                    self.columns(row, &entry, report);
                    entries.push(entry);
                }
                Err(error) => {
                    let place = format!("entry {}", row.entry_index);
                    self.stopped.get_or_insert_with(|| format!("{place} cannot be read"));
                    report.problem(Problem::new(Area::Log, place, format!("it cannot be read: {error}")));
                }
            }
        }
        self.payloads_exist(&entries, report).await?;
        if self.stopped.is_some() {
            return Ok(());
        }
        match self.fold.entries(&entries, self.scratch, Some(self.snapshot)).await {
            Err(Fault::BadRow(bad)) => {
                self.stopped = Some(bad.to_string());
                Ok(())
            }
            other => other,
        }
    }

    /// Whether the derived rows can be compared with what the entries say.
    ///
    /// # Errors
    /// [`Fault`] when the temporary database cannot be written.
    pub(super) async fn finish(mut self, report: &mut Report) -> Result<bool, Fault> {
        self.fold.flush(self.scratch).await?;
        if report.entries == self.snapshot.head().size && report.root.is_some() && self.last_at != self.snapshot.head().at && report.entries > 0 {
            let message = "its time is not that of the newest entry";
            report.problem(Problem::new(Area::Log, "head", message).values(self.last_at.to_string(), self.snapshot.head().at.to_string()));
        }
        let Some(reason) = self.stopped else { return Ok(true) };
        report.problem(Problem::new(Area::Log, "derived rows", format!("they could not be compared: {reason}")));
        Ok(false)
    }

    /// Compares the columns of an entry with its bytes.
    fn columns(&mut self, row: &EntryRow, entry: &Entry, report: &mut Report) {
        let request = entry.request.as_ref().map(|request| request.key.to_string());
        let columns = [
            ("entry_index", entry.index.to_string(), row.entry_index.to_string()),
            ("subject", entry.subject.to_string(), row.subject.clone()),
            ("request", request.unwrap_or_default(), row.request.clone().unwrap_or_default()),
        ];
        let place = format!("entry {}", row.entry_index);
        for (column, expected, found) in columns {
            if expected != found {
                let problem = Problem::new(Area::Log, place.as_str(), format!("column `{column}` is not what its bytes say")).values(expected, found);
                report.problem(Problem { column: Some(column.to_owned()), ..problem });
            }
        }
        if entry.at < self.last_at {
            let message = "it is older than the entry in front of it";
            report.problem(Problem::new(Area::Log, place, message).values(format!("{} or later", self.last_at), entry.at.to_string()));
        }
        self.last_at = self.last_at.max(entry.at);
    }

    /// Checks that every payload that these entries name is there.
    async fn payloads_exist(&mut self, entries: &[Entry], report: &mut Report) -> Result<(), Fault> {
        let mut named: Vec<(Digest, u64)> = Vec::new();
        for entry in entries {
            named.extend(payloads::named(&entry.event).into_iter().map(|digest| (digest, entry.index)));
        }
        for named in named.chunks(DIGESTS) {
            let marks: Vec<String> = (1..=named.len()).map(|number| format!("${number}")).collect();
            let digests: Vec<Value> = named.iter().map(|(digest, _)| Value::Text(digest.to_string())).collect();
            let sql = format!("SELECT digest FROM payloads WHERE digest IN ({})", marks.join(", "));
            let found: BTreeSet<Value> = self.snapshot.query(&sql, &digests).await?.into_iter().flatten().collect();
            for ((digest, index), value) in named.iter().zip(&digests) {
                if !found.contains(value) {
                    report.problem(Problem::new(Area::Log, format!("payload {digest}"), format!("entry {index} names it; it is missing")));
                }
            }
        }
        Ok(())
    }
}

/// Hashes every payload.
pub(super) async fn payloads(snapshot: &Snapshot, report: &mut Report) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let page = snapshot.scan(PayloadRow::TABLE, after, PAYLOADS).await?;
        after = page.last().and_then(|values| values.first()).map(|digest| vec![digest.clone()]);
        if after.is_none() {
            return Ok(());
        }
        for values in page {
            report.payloads += 1;
            match PayloadRow::from_values(values) {
                Ok(row) if Digest::of(&row.bytes) == row.digest => {}
                Ok(row) => {
                    let problem = Problem::new(Area::Log, format!("payload {}", row.digest), "its bytes have another digest");
                    report.problem(problem.values(row.digest.to_string(), Digest::of(&row.bytes).to_string()));
                }
                Err(bad) => report.problem(Problem::new(Area::Log, "payloads", bad.to_string())),
            }
        }
    }
}

/// Hashes every private text that was not erased, with its salt: the entries name it by that digest.
pub(super) async fn private_texts(snapshot: &Snapshot, report: &mut Report) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let page = snapshot.scan(PrivateRow::TABLE, after, PAYLOADS).await?;
        after = page.last().and_then(|values| values.first()).map(|digest| vec![digest.clone()]);
        if after.is_none() {
            return Ok(());
        }
        for values in page {
            match PrivateRow::from_values(values) {
                Ok(row) => {
                    let actual = Digest::of(&[row.salt.as_slice(), row.text.as_bytes()].concat());
                    if actual != row.digest {
                        let problem = Problem::new(Area::Log, format!("private text {}", row.digest), "its text has another digest");
                        report.problem(problem.values(row.digest.to_string(), actual.to_string()));
                    }
                }
                Err(bad) => report.problem(Problem::new(Area::Log, PrivateRow::TABLE.name, bad.to_string())),
            }
        }
    }
}
