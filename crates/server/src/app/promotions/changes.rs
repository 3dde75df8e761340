//! What changed against the version that an open promotion is compared with: facts, files, signature.

use std::collections::BTreeMap;

use chancery_core::tables::VersionRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::compare::{self, FactDifference, FileDifference};
use crate::app::gate::Subjects;
use crate::app::{AppError, register, view};
use crate::store::Snapshot;
use crate::values;

/// Most differences of one sort that are shown; the comparison of both versions shows all.
const MOST: usize = 100;

/// What changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangesView {
    /// Number of facts that differ, metrics apart.
    pub fact_count: u64,
    /// The first 100 of them.
    pub facts: Vec<FactDifference>,
    /// Source grade of each fact of the proposed version of which something differs.
    pub grades: BTreeMap<String, String>,
    /// Number of files that differ.
    pub file_count: u64,
    /// The first 100 of them.
    pub files: Vec<FileDifference>,
    /// What the new signature means for callers; null when a version does not say its signature.
    #[schema(value_type = Option<Object>)]
    pub signature: Option<chancery_inspect::SignatureChange>,
}

/// The changes against the reference; none without a reference.
pub(super) async fn against_reference(snapshot: &Snapshot, subjects: &Subjects) -> Result<Option<ChangesView>, AppError> {
    let Some(reference) = &subjects.input.reference else { return Ok(None) };
    let Some(old) = snapshot.get::<VersionRow>(values![subjects.model.model_id, reference.number]).await? else { return Ok(None) };
    let (old_facts, new_facts) = (view::facts(snapshot, &old).await?, view::facts(snapshot, &subjects.version).await?);
    let signature = register::signature_change(&old_facts, &new_facts);
    let mut files = compare::files(&view::manifest(snapshot, &old).await?, &view::manifest(snapshot, &subjects.version).await?);
    let all_grades = view::take_grades(&mut new_facts.clone());
    let mut facts = compare::facts(old_facts, new_facts);
    let (fact_count, file_count) = (facts.len() as u64, files.len() as u64);
    facts.truncate(MOST);
    files.truncate(MOST);
    let differs = |name: &str| facts.iter().any(|fact| fact.path.split('.').next() == Some(name));
    let grades = all_grades.into_iter().filter(|(name, _)| differs(name)).map(|(name, grade)| (name, grade.to_string())).collect();
    Ok(Some(ChangesView { fact_count, facts, grades, file_count, files, signature }))
}
