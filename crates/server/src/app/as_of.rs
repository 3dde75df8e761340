//! A model as it stood after some entry: its entries up to there, folded by the one projection code.
//!
//! INVARIANT: what is shown for entry `i` equals what a registry shows that ends with entry `i`.

use std::collections::BTreeMap;

use chancery_core::entry::{Entry, Subject};
use chancery_core::names::{AliasName, ModelName, State, Timestamp, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::rows::{Change, Row, Rows};
use chancery_core::tables::{AliasRow, EntryRow, ModelRow, PayloadRow, TagRow, TierProposalRow, TimelineRow, VersionRow, WHOLE_MODEL};
use chancery_core::{Event, apply, tag};

use super::AppError;
use super::view::{self, LatestView, ModelView, VersionView};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Entries that are read at once.
const BATCH: u32 = 1_000;

/// The last entry that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut(u64);

impl Cut {
    /// After this entry.
    ///
    /// # Errors
    /// `invalid_field` when there is no such entry yet.
    pub fn at_index(snapshot: &Snapshot, index: u64) -> Result<Self, AppError> {
        let size = snapshot.head().size;
        if index < size {
            return Ok(Self(index));
        }
        Err(Refusal::invalid("as_of", &format!("there is no entry {index}: the ledger has {size} entries")).into())
    }

    /// After the last entry at or before this time; times of entries never go back.
    ///
    /// # Errors
    /// `invalid_field` when the ledger did not exist then; a fault for an entry that cannot be read.
    pub async fn at_time(snapshot: &Snapshot, time: Timestamp) -> Result<Self, AppError> {
        // The times of all entries, also of those that are out of sight.
        let snapshot = snapshot.everything();
        let mut search = Search { from: 0, to: snapshot.head().size };
        while let Some(index) = search.probe() {
            let row = snapshot.get::<EntryRow>(values![index]).await?.ok_or_else(|| Fault::Config(format!("entry {index} is missing")))?;
            search.learn(index, entry(&row)?.at <= time);
        }
        let count = search.from;
        count.checked_sub(1).map(Self).ok_or_else(|| Refusal::invalid("as_of", &format!("the ledger has no entry at or before {time}")).into())
    }

    /// The index of the entry.
    pub fn index(self) -> u64 {
        self.0
    }
}

/// Binary search for the number of leading entries that are not later than a time.
#[derive(Clone, Copy, Debug)]
struct Search {
    from: u64,
    to: u64,
}

impl Search {
    /// The next entry to look at; none when `from` is the answer.
    fn probe(self) -> Option<u64> {
        (self.from < self.to).then(|| self.from.midpoint(self.to))
    }

    fn learn(&mut self, index: u64, is_in_time: bool) {
        if is_in_time { self.from = index + 1 } else { self.to = index }
    }
}

/// Parses a stored entry.
///
/// # Errors
/// A fault: the ledger was altered or belongs to a newer program.
pub fn entry(row: &EntryRow) -> Result<Entry, AppError> {
    Entry::from_bytes(&row.bytes).map_err(|error| Fault::database(format!("read entry {}", row.entry_index), error).into())
}

/// The entries about a subject around a cut: the change before the one that is in force then, and the change after it.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn changes_around(snapshot: &Snapshot, subject: &Subject, cut: Cut) -> Result<(Option<u64>, Option<u64>), AppError> {
    let subject = subject.to_string();
    let until = "WHERE subject = $1 AND entry_index <= $2 ORDER BY entry_index DESC LIMIT 2";
    let before = snapshot.rows::<EntryRow>(until, &values![subject, cut.0]).await?;
    let after = snapshot.rows::<EntryRow>("WHERE subject = $1 AND entry_index > $2 ORDER BY entry_index LIMIT 1", &values![subject, cut.0]).await?;
    Ok((before.get(1).map(|row| row.entry_index), after.first().map(|row| row.entry_index)))
}

/// A model and everything under it as of a cut.
#[derive(Debug)]
pub struct Past {
    cut: Cut,
    model: ModelRow,
    versions: BTreeMap<VersionNumber, VersionRow>,
    aliases: Vec<AliasRow>,
    tags: Vec<TagRow>,
    proposal: Option<TierProposalRow>,
}

/// The model that had `name` at the cut, else the one that has it now, as of the cut.
///
/// # Errors
/// `not_found` when it did not exist yet.
pub async fn model_named(snapshot: &Snapshot, name: &ModelName, cut: Cut) -> Result<Past, AppError> {
    let held = snapshot
        .rows::<TimelineRow>(
            "WHERE attribute = 'name' AND substr(value, 1, 200) = substr($1, 1, 200) AND value = $1 AND from_index <= $2 AND to_index > $2",
            &values![*name, cut.0],
        )
        .await?;
    let subject = held.into_iter().next().and_then(|row| Subject::try_from(row.subject).ok());
    let row = match subject {
        Some(Subject::Model(id)) => snapshot.get::<ModelRow>(values![id]).await?.ok_or_else(|| Refusal::not_found("model", name.as_str()))?,
        Some(
            Subject::Registry
            | Subject::Version(..)
            | Subject::Promotion(_)
            | Subject::Actor(_)
            | Subject::Token(_)
            | Subject::Exception(_)
            | Subject::Risk(_)
            | Subject::Review(_)
            | Subject::Bundle(_)
            | Subject::Template(_)
            | Subject::Team(_)
            | Subject::AccessPolicy(_),
        )
        | None => view::model_named(snapshot, name).await?,
    };
    past(snapshot, &row, cut).await
}

/// A model as of the cut.
///
/// # Errors
/// `not_found` when it did not exist yet.
pub async fn past(snapshot: &Snapshot, model: &ModelRow, cut: Cut) -> Result<Past, AppError> {
    let subject = Subject::Model(model.model_id.clone()).to_string();
    // `0` follows `/`: the range holds the model and its versions. Ids have one length, so no other model is in it.
    let end = format!("{subject}0");
    let mut rows = Rows::empty();
    let mut from = 0_u64;
    loop {
        let batch = snapshot
            .rows::<EntryRow>(
                "WHERE subject >= $1 AND subject < $2 AND entry_index >= $3 AND entry_index <= $4 ORDER BY entry_index LIMIT $5",
                &values![subject, end, from, cut.0, i64::from(BATCH)],
            )
            .await?;
        for row in &batch {
            let entry = entry(row)?;
            if let Event::Tag(tag::Event::Set { value_digest: Some(digest), .. }) = &entry.event {
                rows.put(&PayloadRow { digest: *digest, bytes: view::payload(snapshot, digest).await? });
            }
            apply(&mut rows, &entry).map_err(|missing| Fault::Config(format!("entry {} cannot be applied: {missing:?}", row.entry_index)))?;
        }
        match batch.last() {
            Some(last) if batch.len() >= BATCH as usize => from = last.entry_index + 1,
            Some(_) | None => break,
        }
    }
    let stood = changed::<ModelRow>(&rows)?.into_iter().next();
    let stood = stood.ok_or_else(|| Refusal::not_found("model", model.name.as_str()).remedy("it did not exist yet at that moment"))?;
    Ok(Past {
        cut,
        model: stood,
        versions: changed::<VersionRow>(&rows)?.into_iter().map(|row| (row.number, row)).collect(),
        aliases: changed(&rows)?,
        tags: changed(&rows)?,
        proposal: changed(&rows)?.into_iter().next(),
    })
}

/// The rows of a table that the fold left.
fn changed<R: Row>(rows: &Rows) -> Result<Vec<R>, AppError> {
    let of_table = rows.changes().iter().filter(|(key, _)| key.table.name == R::TABLE.name);
    let values = of_table.filter_map(|(_, change)| match change {
        Change::Put(values) => Some(values.clone()),
        Change::Remove => None,
    });
    values.map(|values| R::from_values(values).map_err(AppError::from)).collect()
}

impl Past {
    /// The model.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn model(&self, snapshot: &Snapshot) -> Result<ModelView, AppError> {
        let mut production: Vec<&VersionRow> = self.versions.values().filter(|row| row.state == State::Production).collect();
        production.sort_by_key(|row| std::cmp::Reverse(row.production_index));
        let latest = self.versions.values().rev().find(|row| !row.hidden);
        let now = view::model(snapshot, &self.model).await?;
        Ok(ModelView {
            tags: self.tags(WHOLE_MODEL),
            tier_proposal: match self.proposal.clone() {
                Some(proposal) => Some(view::tier_proposal(snapshot, proposal).await?),
                None => None,
            },
            aliases: self.aliases.iter().map(|row| (row.alias.to_string(), row.number.get())).collect(),
            latest: latest.map(|row| LatestView { number: row.number.get(), semver: row.semver.clone(), state: row.state.to_string() }),
            production: production.into_iter().map(|row| row.number.get()).collect(),
            ..now
        })
    }

    /// The row of a version then.
    ///
    /// # Errors
    /// `not_found`.
    pub fn row(&self, number: VersionNumber) -> Result<&VersionRow, Refusal> {
        self.versions.get(&number).ok_or_else(|| Refusal::not_found("version", &format!("{}/{number}", self.model.name)))
    }

    /// A version of the model.
    ///
    /// # Errors
    /// `not_found` when it did not exist yet.
    pub async fn version(&self, snapshot: &Snapshot, number: VersionNumber) -> Result<VersionView, AppError> {
        let row = self.row(number)?;
        let now = view::version(snapshot, &self.model, row).await?;
        let aliases = self.aliases.iter().filter(|alias| alias.number == number).map(|alias| alias.alias.to_string());
        // What the parts of a system are called, and where they stand, is not in the entries about the system.
        let composition = if now.composition.is_empty() { Vec::new() } else { view::composition(snapshot, row, self.cut.0).await? };
        Ok(VersionView { tags: self.tags(number.get()), aliases: aliases.collect(), composition, ..now })
    }

    /// Numbers of the versions that were listed, newest first.
    pub fn numbers(&self, state: Option<State>) -> Vec<VersionNumber> {
        let listed = self.versions.values().filter(|row| !row.hidden && state.is_none_or(|state| row.state == state));
        listed.rev().map(|row| row.number).collect()
    }

    /// The model then.
    pub fn model_row(&self) -> &ModelRow {
        &self.model
    }

    /// The versions that were listed, newest first, below a number.
    pub fn listed(&self, before: u64) -> impl Iterator<Item = &VersionRow> {
        self.versions.values().rev().filter(move |row| !row.hidden && row.number.get() < before)
    }

    /// The state of a version then; none when there was no such version.
    pub fn state(&self, number: VersionNumber) -> Option<State> {
        self.versions.get(&number).map(|row| row.state)
    }

    /// The aliases then.
    pub fn aliases(&self) -> &[AliasRow] {
        &self.aliases
    }

    /// An alias.
    pub fn alias(&self, alias: &AliasName) -> Option<&AliasRow> {
        self.aliases.iter().find(|row| row.alias == *alias)
    }

    fn tags(&self, number: u64) -> BTreeMap<String, String> {
        self.tags.iter().filter(|row| row.number == number).map(|row| (row.key.to_string(), row.value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_counts_the_entries_in_time() {
        for (times, time, expected) in
            [(vec![], 5, 0), (vec![6], 5, 0), (vec![5], 5, 1), (vec![1, 2, 2, 2, 3], 2, 4), (vec![1, 2, 2, 2, 3], 9, 5), (vec![1, 2, 4, 8], 3, 2)]
        {
            let mut search = Search { from: 0, to: times.len() as u64 };
            while let Some(index) = search.probe() {
                search.learn(index, times[index as usize] <= time);
            }
            assert_eq!(search.from, expected, "{times:?} at {time}");
        }
    }
}
