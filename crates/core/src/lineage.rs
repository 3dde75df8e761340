//! Lineage: what a version comes from, as edges that the sealed facts and the addenda of a version say (ENT-10, LIN-1).
//!
//! An edge leads from a version to a dataset, a commit, a run, a pipeline run, a set of packages, a parent or a part. It is written
//! when the version is registered, when its bytes are attached, or when an addendum is added; nobody writes one by hand. What a
//! version leads to is sealed, and a parent or part has to exist before it: the versions and their edges form a graph without cycles.
//!
//! Packages have a table of their own, keyed by the digest of the whole set: versions that were made with the same packages share it,
//! so a registration writes one edge for its environment and not hundreds.

mod sealed;

use crate::names::{Digest, Grade, ModelId, VersionNumber};
use crate::refusal::Refusal;
use crate::rows::{Missing, Rows};
use crate::tables::{ComponentRow, CompositionRow, EnvironmentRow, LineageRow, PackageRow, PayloadRow};
use crate::version::{self, composition};

use sealed::Sealed;
pub use sealed::normalised;

/// Most parents of a version.
pub const MAX_PARENTS: usize = 100;
/// Most pinned packages of a version that are indexed: the first ones by name.
pub const MAX_PACKAGES: usize = 2_000;

crate::words! {
    /// How a version relates to what it comes from.
    Relation, "relation" {
        /// It was made with, or tested on, this dataset.
        Dataset = "dataset",
        /// It was made by this code.
        Code = "code",
        /// It was made in this run of an experiment.
        Run = "run",
        /// It was made in this run of a pipeline.
        Pipeline = "pipeline",
        /// It was made with these packages.
        Environment = "environment",
        /// It is a system that has this part.
        Component = "component",
        /// It is an adapter of this version.
        AdapterOf = "adapter-of",
        /// It is this version, trained further.
        FineTunedFrom = "fine-tuned-from",
        /// It was taught by this version.
        DistilledFrom = "distilled-from",
        /// It is this version with smaller numbers.
        QuantisedFrom = "quantised-from",
        /// This version is one of those that were merged into it.
        MergedFrom = "merged-from",
        /// It uses this prompt.
        PromptUsedBy = "prompt-used-by",
        /// It is a copy of this version.
        CopyOf = "copy",
        /// It comes from this version in a way that nobody said.
        DerivedFrom = "derived-from",
    }
}

impl Relation {
    /// The words for the relation of a parent in facts: ours, and those that Hugging Face's model cards use.
    pub const PARENTS: &'static [&'static str] = &[
        "adapter-of",
        "adapter",
        "fine-tuned-from",
        "finetune",
        "distilled-from",
        "quantised-from",
        "quantized",
        "merged-from",
        "merge",
        "prompt-used-by",
        "copy",
        "derived-from",
    ];

    /// The relation of a parent, by one of [`Self::PARENTS`].
    ///
    /// # Errors
    /// `invalid_field` that lists the words.
    pub fn of_parent(text: &str) -> Result<Self, Refusal> {
        match text {
            "adapter-of" | "adapter" => Ok(Self::AdapterOf),
            "fine-tuned-from" | "finetune" => Ok(Self::FineTunedFrom),
            "distilled-from" => Ok(Self::DistilledFrom),
            "quantised-from" | "quantized" => Ok(Self::QuantisedFrom),
            "merged-from" | "merge" => Ok(Self::MergedFrom),
            "prompt-used-by" => Ok(Self::PromptUsedBy),
            "copy" => Ok(Self::CopyOf),
            "derived-from" => Ok(Self::DerivedFrom),
            _ => Err(Refusal::unknown_word("relation", text, Self::PARENTS)),
        }
    }
}

/// What a version comes from.
#[derive(Clone, Debug, PartialEq)]
struct Edge {
    relation: Relation,
    to: Option<(ModelId, VersionNumber)>,
    name: String,
    version: String,
    digest: Option<Digest>,
    detail: String,
    grade: Grade,
}

/// Writes what the sealed facts of a version say, which were stored with its entry.
///
/// # Errors
/// [`Missing`].
pub(crate) fn note_facts(rows: &mut Rows, model: &ModelId, number: VersionNumber, facts: &Digest) -> Result<(), Missing> {
    let Some(sealed) = load(rows, facts)? else { return Ok(()) };
    let packages = sealed.packages();
    let environment = packages.as_ref().map(|set| set.digest);
    for (place, edge) in (0_u64..).zip(sealed.edges(environment)) {
        put(rows, model, number, *facts, place, &edge);
    }
    let sets = packages.map_or(Ok(()), |set| note_packages(rows, &set));
    let uses = note_uses(rows, &sealed);
    let parts = note_parts(rows, model, number, sealed.parts());
    sets.and(uses).and(parts)
}

/// Removes what facts said that are replaced, because the bytes came in.
///
/// # Errors
/// [`Missing`].
pub(crate) fn forget_facts(rows: &mut Rows, model: &ModelId, number: VersionNumber, facts: &Digest) -> Result<(), Missing> {
    let Some(sealed) = load(rows, facts)? else { return Ok(()) };
    let environment = sealed.packages().map(|set| set.digest);
    for (place, _) in (0_u64..).zip(sealed.edges(environment)) {
        rows.remove::<LineageRow>(&[model, &number, facts, &place]);
    }
    Ok(())
}

/// Writes what an addendum says that has members of facts. Its grade is `claimed`, and its parents are not looked up.
///
/// # Errors
/// [`Missing`].
pub(crate) fn note_addendum(rows: &mut Rows, model: &ModelId, number: VersionNumber, document: &Digest) -> Result<(), Missing> {
    let Some(sealed) = load(rows, document)?.map(Sealed::of_addendum) else { return Ok(()) };
    let packages = sealed.packages();
    let environment = packages.as_ref().map(|set| set.digest);
    for (place, edge) in (0_u64..).zip(sealed.edges(environment)) {
        put(rows, model, number, *document, place, &edge);
    }
    packages.map_or(Ok(()), |set| note_packages(rows, &set))
}

/// A stored document as facts; none for one that has another shape, which says nothing about lineage.
fn load(rows: &mut Rows, digest: &Digest) -> Result<Option<Sealed>, Missing> {
    let payload = rows.get::<PayloadRow>(&[digest])?;
    Ok(payload.and_then(|row| serde_json::from_slice(&row.bytes).ok()))
}

fn put(rows: &mut Rows, model: &ModelId, number: VersionNumber, source: Digest, place: u64, edge: &Edge) {
    let (to_model, to_number) = edge.to.clone().unzip();
    rows.put(&LineageRow {
        model_id: model.clone(),
        number,
        source,
        place,
        relation: edge.relation,
        to_model,
        to_number: to_number.map(VersionNumber::get),
        name: edge.name.clone(),
        version: edge.version.clone(),
        digest: edge.digest,
        detail: edge.detail.clone(),
        grade: edge.grade,
    });
}

/// A set that another version brought is there already.
fn note_packages(rows: &mut Rows, set: &sealed::Packages) -> Result<(), Missing> {
    if rows.get::<EnvironmentRow>(&[&set.digest])?.is_some() {
        return Ok(());
    }
    rows.put(&EnvironmentRow { environment: set.digest, packages: set.pinned.len() as u64 });
    for (name, version) in &set.pinned {
        rows.put(&PackageRow { environment: set.digest, name: name.clone(), version: version.clone() });
    }
    Ok(())
}

/// Whatever a version comes from cannot be hidden any more. It goes on where rows are missing, so that all are asked for at once.
fn note_uses(rows: &mut Rows, sealed: &Sealed) -> Result<(), Missing> {
    let mut all = Ok(());
    for (model, number, is_pinned) in sealed.used() {
        match version::note_use(rows, model, number, is_pinned) {
            Ok(()) => {}
            Err(Missing::Row) => all = Err(Missing::Row),
            Err(bad @ Missing::Bad(_)) => return Err(bad),
        }
    }
    all
}

fn note_parts(rows: &mut Rows, model: &ModelId, number: VersionNumber, parts: &[composition::Part]) -> Result<(), Missing> {
    if parts.is_empty() {
        return Ok(());
    }
    for part in parts {
        rows.put(&ComponentRow {
            model_id: model.clone(),
            number,
            role: part.role.clone(),
            part_model: part.model.clone(),
            part_number: part.number,
            version_digest: part.version_digest,
        });
    }
    let depth = composition::depth(rows, parts)?;
    rows.put(&CompositionRow { model_id: model.clone(), number, depth, components: parts.len() as u64 });
    Ok(())
}

#[cfg(test)]
mod tests;
