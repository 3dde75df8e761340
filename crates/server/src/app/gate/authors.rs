//! The author set: who made a version, and so does not approve it (APR-2).
//!
//! The registry knows who registered it, who brought in its bytes, who added evidence and who opened the promotion. Who started the run, wrote the commit or
//! started the workflow stands in the sealed facts, as a name of another system: it counts when it resolves to somebody here, by id,
//! by name for commands, or by an email address whose local part is such a name.

use std::collections::BTreeSet;

use chancery_core::names::{ActorId, Label};
use chancery_core::speakers::Authors;
use chancery_core::tables::{ActorRow, EvidenceRow, HandleRow, PromotionRow, SpeakerRow, VersionRow};
use serde_json::Value;

use crate::app::AppError;
use crate::store::Snapshot;
use crate::values;

/// Facts that name somebody who made the version: run user, commit author, workflow actor.
const FACTS: [&str; 3] = ["/training/run_user", "/training/code/author", "/pipeline/actor"];

/// Everybody who made the version or asks for its promotion, in the order of their ids.
///
/// # Errors
/// A fault.
pub(in crate::app) async fn authors(
    snapshot: &Snapshot,
    version: &VersionRow,
    facts: &Value,
    promotion: Option<&PromotionRow>,
    evidence: &[EvidenceRow],
) -> Result<Vec<ActorId>, AppError> {
    // Who reviews in a role of approval did not make the version.
    let mut authors: BTreeSet<ActorId> = evidence.iter().filter(|row| row.role.is_none()).map(|row| row.actor.clone()).collect();
    authors.extend(makers(version).0);
    authors.extend(promotion.map(|row| row.opened_by.clone()));
    for stated in FACTS.iter().filter_map(|pointer| facts.pointer(pointer)?.as_str()) {
        for name in names(stated) {
            authors.extend(resolve(snapshot, &name).await?);
        }
    }
    Ok(authors.into_iter().collect())
}

/// The authors, with who made the credentials by which they registered, brought in bytes, added evidence and opened the promotion.
///
/// # Errors
/// A fault.
pub(in crate::app) async fn with_makers(
    snapshot: &Snapshot,
    made: Vec<ActorId>,
    version: &VersionRow,
    promotion: Option<&PromotionRow>,
    evidence: &[EvidenceRow],
) -> Result<Authors, AppError> {
    let mut entries = makers(version).1;
    entries.extend(promotion.map(|row| row.opened_index));
    entries.extend(evidence.iter().filter(|row| row.role.is_none()).map(|row| row.entry_index));
    Ok(Authors { made, behind: behind(snapshot, &entries).await? })
}

/// Who registered a version and who brought in its bytes, and the entries by which they did.
pub(in crate::app) fn makers(version: &VersionRow) -> (Vec<ActorId>, Vec<u64>) {
    let people = std::iter::once(version.registered_by.clone()).chain(version.attached_by.clone());
    let entries = std::iter::once(version.registered_index).chain(version.attached_index);
    (people.collect(), entries.collect())
}

/// Who made the credentials by which these entries were made.
///
/// # Errors
/// A fault.
pub(in crate::app) async fn behind(snapshot: &Snapshot, entries: &[u64]) -> Result<Vec<ActorId>, AppError> {
    let mut found = BTreeSet::new();
    for entries in entries.chunks(200) {
        let marks: Vec<String> = (1..=entries.len()).map(|number| format!("${number}")).collect();
        let wanted: Vec<_> = entries.iter().flat_map(|index| values![*index]).collect();
        let rows = snapshot.everything().rows::<SpeakerRow>(&format!("WHERE entry_index IN ({})", marks.join(", ")), &wanted).await?;
        found.extend(rows.iter().flat_map(|row| row.made_by.iter().cloned()));
    }
    Ok(found.into_iter().collect())
}

/// What a stated author may be called here: `Ann Lee <ann@example.com>` is `ann lee <ann@example.com>`, `ann@example.com` and `ann`.
fn names(stated: &str) -> BTreeSet<String> {
    let whole = stated.trim().to_lowercase();
    let address = whole.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(whole.as_str(), |(address, _)| address.trim());
    let local = address.split_once('@').map(|(local, _)| local);
    [Some(whole.as_str()), Some(address), local].into_iter().flatten().map(str::to_owned).collect()
}

async fn resolve(snapshot: &Snapshot, name: &str) -> Result<Option<ActorId>, AppError> {
    if let Ok(id) = ActorId::parse(name)
        && let Some(row) = snapshot.get::<ActorRow>(values![id]).await?
    {
        return Ok(Some(row.actor_id));
    }
    let Ok(handle) = Label::parse(name) else { return Ok(None) };
    Ok(snapshot.get::<HandleRow>(values![handle]).await?.map(|row| row.actor_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_of_another_system_is_looked_for_by_name_and_address() {
        for (stated, expected) in [
            ("ann", vec!["ann"]),
            (" Ann ", vec!["ann"]),
            ("ann@example.com", vec!["ann", "ann@example.com"]),
            ("Ann Lee <Ann.Lee@example.com>", vec!["ann lee <ann.lee@example.com>", "ann.lee", "ann.lee@example.com"]),
            ("<>", vec!["", "<>"]),
        ] {
            assert_eq!(names(stated).into_iter().collect::<Vec<_>>(), expected, "{stated}");
        }
    }
}
