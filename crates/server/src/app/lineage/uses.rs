//! The reverse look-up: which versions used this dataset, commit, run, package or version.

use chancery_core::lineage::{Relation, normalised};
use chancery_core::names::{Digest, ModelId, State, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::rows::Value;
use chancery_core::tables::{LineageRow, ModelRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppError;
use crate::app::view::ModelReference;
use crate::store::Snapshot;
use crate::values;

/// Longest text that is looked for, in characters: facts have none that is longer.
const MAX_TEXT: usize = 2_048;

/// What was used.
#[derive(Clone, Debug, PartialEq)]
pub enum Used {
    /// A dataset by its name, and by its version if one is given.
    Dataset(String, Option<String>),
    /// Whatever has this digest: a dataset, or a set of packages.
    Digest(Digest),
    /// A commit.
    Commit(String),
    /// A run of an experiment.
    Run(String),
    /// A run of a pipeline.
    Pipeline(String),
    /// A package by its name, and by its version if one is given.
    Package(String, Option<String>),
    /// A version of the registry.
    Version(ModelId, VersionNumber),
    /// A parent that the registry does not have, by the reference that was claimed.
    External(String),
}

/// A version that used it.
#[derive(Debug, Serialize, ToSchema)]
pub struct UseView {
    /// Model of the version.
    pub model: ModelReference,
    /// Kind of the model.
    pub kind: String,
    /// Number of the version.
    pub number: u64,
    /// Its semantic version.
    pub semver: String,
    /// Its state.
    pub state: String,
    /// Whether it is in production.
    pub production: bool,
    /// Whether it is out of listings.
    pub hidden: bool,
    /// How it used it, such as `dataset`, `environment` or `component`.
    pub relation: String,
    /// Name of the dataset, commit, run or reference; empty for a package.
    pub name: String,
    /// Version of the dataset; empty when nobody said.
    pub version: String,
    /// Digest of the dataset, of the other version or of the pinned packages.
    pub digest: Option<String>,
    /// Role of a dataset or part, method of a parent, repository of a commit; empty when nobody said.
    pub detail: String,
    /// `claimed`, `read` or `attested`.
    pub grade: String,
    /// Digest of the facts or of the addendum that says so.
    pub source: String,
    #[serde(skip)]
    place: u64,
}

impl UseView {
    /// Where the next page goes on.
    pub fn cursor(&self) -> String {
        format!("{}/{}/{}/{}", self.model.id, self.number, self.source, self.place)
    }
}

/// The versions that used something, by model and number: those after the place `after`, at most `limit`.
///
/// # Errors
/// `invalid_field` for a place that no page gave; a fault.
pub async fn uses(snapshot: &Snapshot, used: &Used, after: Option<&str>, limit: u32) -> Result<Vec<UseView>, AppError> {
    let (condition, mut parameters) = condition(used)?;
    let mut position = String::new();
    if let Some(after) = after {
        let from = place(after)?;
        let marks: Vec<String> = (0..from.len()).map(|at| format!("${}", parameters.len() + at + 1)).collect();
        position = format!(" AND (lineage.model_id, lineage.number, lineage.source, lineage.place) > ({})", marks.join(", "));
        parameters.extend(from);
    }
    parameters.extend(values![i64::from(limit)]);
    let tail = format!(
        "lineage JOIN versions ON versions.model_id = lineage.model_id AND versions.number = lineage.number WHERE {condition}{position}
        ORDER BY lineage.model_id, lineage.number, lineage.source, lineage.place LIMIT ${}",
        parameters.len()
    );
    let found = snapshot.pairs::<LineageRow, VersionRow>(&tail, &parameters).await?;
    let models = super::models(snapshot, found.iter().map(|(edge, _)| &edge.model_id)).await?;
    let targets = super::models(snapshot, found.iter().filter_map(|(edge, _)| edge.to_model.as_ref())).await?;
    let view = |(edge, version): &(LineageRow, VersionRow)| {
        let view = shown(edge, version, models.get(&edge.model_id)?);
        Some(if edge.to_model.as_ref().is_none_or(|to| targets.contains_key(to)) { view } else { UseView { name: String::new(), digest: None, ..view } })
    };
    Ok(found.iter().filter_map(view).collect())
}

/// The condition on `lineage` and its parameters.
fn condition(used: &Used) -> Result<(String, Vec<Value>), Refusal> {
    let named = |relation: Relation, name: &str| {
        // The index holds the beginning of a name; see `Index::columns`.
        let text = "lineage.relation = $1 AND substr(lineage.name, 1, 200) = substr($2, 1, 200) AND lineage.name = $2";
        (text.to_owned(), values![relation, name])
    };
    Ok(match used {
        Used::Dataset(name, version) => {
            let (mut text, mut parameters) = named(Relation::Dataset, bounded("dataset", name)?);
            if let Some(version) = version {
                text.push_str(" AND lineage.version = $3");
                parameters.extend(values![bounded("dataset_version", version)?]);
            }
            (text, parameters)
        }
        Used::Digest(digest) => ("lineage.digest = $1".to_owned(), values![*digest]),
        Used::Commit(commit) => named(Relation::Code, bounded("commit", commit)?),
        Used::Run(run) => named(Relation::Run, bounded("run", run)?),
        Used::Pipeline(run) => named(Relation::Pipeline, bounded("pipeline", run)?),
        Used::Package(name, version) => {
            let mut sets = "SELECT packages.environment FROM packages WHERE packages.name = $2".to_owned();
            let mut parameters = values![Relation::Environment, normalised(bounded("package", name)?)];
            if let Some(version) = version {
                sets.push_str(" AND packages.version = $3");
                parameters.extend(values![bounded("package", version)?]);
            }
            (format!("lineage.relation = $1 AND lineage.digest IN ({sets})"), parameters)
        }
        Used::Version(model, number) => ("lineage.to_model = $1 AND lineage.to_number = $2".to_owned(), values![*model, *number]),
        Used::External(reference) => {
            let reference = bounded("external", reference)?;
            let words: Vec<String> =
                Relation::ALL.iter().filter(|relation| super::is_of_versions(**relation)).map(|relation| format!("'{relation}'")).collect();
            let text = format!(
                "lineage.relation IN ({}) AND lineage.to_model IS NULL AND substr(lineage.name, 1, 200) = substr($1, 1, 200) AND lineage.name = $1",
                words.join(", ")
            );
            (text, values![reference])
        }
    })
}

fn bounded<'a>(field: &str, text: &'a str) -> Result<&'a str, Refusal> {
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        return Err(Refusal::invalid(field, &format!("{field} must have 1 to {MAX_TEXT} characters")));
    }
    Ok(text)
}

/// The key of the last row of a page, as [`UseView::cursor`] wrote it.
fn place(text: &str) -> Result<Vec<Value>, Refusal> {
    let bad = || Refusal::invalid("after", "after must be the `next` of a page");
    let parts: Vec<&str> = text.split('/').collect();
    let [model, number, source, place] = parts.as_slice() else { return Err(bad()) };
    let number: u64 = number.parse().map_err(|_| bad())?;
    let place: u64 = place.parse().map_err(|_| bad())?;
    Ok(values![ModelId::parse(model).map_err(|_| bad())?, number, Digest::parse(source).map_err(|_| bad())?, place])
}

fn shown(edge: &LineageRow, version: &VersionRow, model: &ModelRow) -> UseView {
    UseView {
        model: ModelReference { id: model.model_id.to_string(), name: model.name.to_string() },
        kind: model.kind.to_string(),
        number: version.number.get(),
        semver: version.semver.clone(),
        state: version.state.to_string(),
        production: version.state == State::Production,
        hidden: version.hidden,
        relation: edge.relation.to_string(),
        name: edge.name.clone(),
        version: edge.version.clone(),
        digest: edge.digest.map(|digest| digest.to_string()),
        detail: edge.detail.clone(),
        grade: edge.grade.to_string(),
        source: edge.source.to_string(),
        place: edge.place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_key_and_nothing_else_is_one() {
        let model = format!("m{}", "a".repeat(32));
        let good = format!("{model}/3/{}/7", "b".repeat(64));
        assert_eq!(place(&good).unwrap().len(), 4);
        for bad in ["", "a/b/c/d", good.trim_start_matches('m'), &format!("{good}/1"), &good.replace("/3/", "/-3/")] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
