//! Sealed facts as the lineage reads them: only the members that lead somewhere. What a caller left out or gave as null is absent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Edge, MAX_PACKAGES, Relation};
use crate::names::{Digest, Grade, ModelId, VersionNumber};
use crate::version::composition::Part;

/// Longest name of a package that is indexed, in bytes; PyPI, npm and crates.io have none that is longer.
const MAX_PACKAGE_NAME: usize = 214;
/// Longest version of a package that is indexed, in bytes.
const MAX_PACKAGE_VERSION: usize = 100;

/// Facts, or an addendum with members of facts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sealed {
    composition: Option<Vec<Part>>,
    parents: Option<Vec<TextOr<Parent>>>,
    datasets: Option<Vec<Dataset>>,
    training: Option<Training>,
    environment: Option<Environment>,
    origin: Option<Origin>,
    grades: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TextOr<T> {
    Text(String),
    Object(T),
}

#[derive(Debug, Deserialize)]
struct Parent {
    reference: String,
    relation: Option<String>,
    digest: Option<Digest>,
    method: Option<String>,
    resolved: Option<Resolved>,
}

#[derive(Debug, Deserialize)]
struct Resolved {
    model: ModelId,
    number: VersionNumber,
    version_digest: Digest,
}

#[derive(Debug, Deserialize)]
struct Dataset {
    role: Option<String>,
    name: String,
    version: Option<String>,
    digest: Option<Digest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Training {
    run_id: Option<String>,
    pipeline_run: Option<String>,
    code: Option<Code>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Code {
    repository: Option<String>,
    commit: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Environment {
    packages: Option<Vec<TextOr<Package>>>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    specifier: Option<String>,
    pinned_version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Origin {
    run_id: Option<String>,
}

/// The pinned packages of a version.
pub(super) struct Packages {
    /// Digest over all of them.
    pub(super) digest: Digest,
    /// Name and version, sorted.
    pub(super) pinned: BTreeSet<(String, String)>,
}

impl Sealed {
    /// An addendum: a claim, in which nobody looked anything up.
    pub(super) fn of_addendum(self) -> Self {
        let parents = self.parents.map(|parents| parents.into_iter().map(unresolved).collect());
        Self { composition: None, grades: None, parents, ..self }
    }

    /// The parts of a system.
    pub(super) fn parts(&self) -> &[Part] {
        self.composition.as_deref().unwrap_or_default()
    }

    /// Every version of the registry that it leads to, and whether its digest is pinned.
    pub(super) fn used(&self) -> impl Iterator<Item = (&ModelId, VersionNumber, bool)> {
        let parts = self.parts().iter().map(|part| (&part.model, part.number, true));
        let parents = self.parents.iter().flatten().filter_map(|parent| match parent {
            TextOr::Object(Parent { resolved: Some(found), .. }) => Some((&found.model, found.number, false)),
            TextOr::Object(Parent { resolved: None, .. }) | TextOr::Text(_) => None,
        });
        parts.chain(parents)
    }

    /// The pinned packages; none when nothing is pinned.
    pub(super) fn packages(&self) -> Option<Packages> {
        let given = self.environment.as_ref()?.packages.as_ref()?;
        let mut pinned: BTreeSet<(String, String)> = given.iter().filter_map(pinned).collect();
        while pinned.len() > MAX_PACKAGES {
            pinned.pop_last();
        }
        if pinned.is_empty() {
            return None;
        }
        let lines: String = pinned.iter().map(|(name, version)| format!("{name}=={version}\n")).collect();
        Some(Packages { digest: Digest::of(lines.as_bytes()), pinned })
    }

    /// The edges, always in the same order.
    pub(super) fn edges(&self, environment: Option<Digest>) -> Vec<Edge> {
        let mut edges: Vec<Edge> = self.parts().iter().map(part).collect();
        edges.extend(self.parents.iter().flatten().map(|parent| self.parent(parent)));
        edges.extend(self.datasets.iter().flatten().map(|dataset| self.dataset(dataset)));
        edges.extend(self.code());
        let runs: BTreeSet<&str> =
            [self.training.as_ref().and_then(|training| training.run_id.as_deref()), self.origin.as_ref().and_then(|origin| origin.run_id.as_deref())]
                .into_iter()
                .flatten()
                .filter(|run| !run.is_empty())
                .collect();
        edges.extend(runs.into_iter().map(|run| Edge { name: run.to_owned(), ..self.plain(Relation::Run, &["training.run_id", "training"]) }));
        let pipeline = self.training.as_ref().and_then(|training| training.pipeline_run.as_deref()).filter(|run| !run.is_empty());
        edges.extend(pipeline.map(|run| Edge { name: run.to_owned(), ..self.plain(Relation::Pipeline, &["training.pipeline_run", "training"]) }));
        edges.extend(environment.map(|digest| Edge { digest: Some(digest), ..self.plain(Relation::Environment, &["environment.packages", "environment"]) }));
        edges
    }

    fn parent(&self, parent: &TextOr<Parent>) -> Edge {
        let plain = |relation| self.plain(relation, &["parents"]);
        match parent {
            TextOr::Text(reference) => Edge { name: reference.clone(), ..plain(Relation::DerivedFrom) },
            TextOr::Object(parent) => {
                // The check of the facts accepted the word.
                let relation = parent.relation.as_deref().and_then(|word| Relation::of_parent(word).ok()).unwrap_or(Relation::DerivedFrom);
                Edge {
                    to: parent.resolved.as_ref().map(|found| (found.model.clone(), found.number)),
                    name: parent.reference.clone(),
                    digest: parent.resolved.as_ref().map(|found| found.version_digest).or(parent.digest),
                    detail: parent.method.clone().unwrap_or_default(),
                    ..plain(relation)
                }
            }
        }
    }

    fn dataset(&self, dataset: &Dataset) -> Edge {
        Edge {
            name: dataset.name.clone(),
            version: dataset.version.clone().unwrap_or_default(),
            digest: dataset.digest,
            detail: dataset.role.clone().unwrap_or_default(),
            ..self.plain(Relation::Dataset, &["datasets"])
        }
    }

    fn code(&self) -> Option<Edge> {
        let code = self.training.as_ref()?.code.as_ref()?;
        let (commit, repository) = (code.commit.clone().unwrap_or_default(), code.repository.clone().unwrap_or_default());
        if commit.is_empty() && repository.is_empty() {
            return None;
        }
        Some(Edge { name: commit, detail: repository, ..self.plain(Relation::Code, &["training.code", "training"]) })
    }

    /// An edge to nothing yet, with the grade of the first of these facts that has one.
    fn plain(&self, relation: Relation, facts: &[&str]) -> Edge {
        let grades = self.grades.as_ref();
        let word = facts.iter().find_map(|fact| grades.and_then(|grades| grades.get(*fact)));
        let grade = word.and_then(|word| Grade::parse(word).ok()).unwrap_or(Grade::Claimed);
        Edge { relation, to: None, name: String::new(), version: String::new(), digest: None, detail: String::new(), grade }
    }
}

/// The registry looked it up itself.
fn part(part: &Part) -> Edge {
    Edge {
        relation: Relation::Component,
        to: Some((part.model.clone(), part.number)),
        name: part.reference.clone(),
        version: String::new(),
        digest: Some(part.version_digest),
        detail: part.role.to_string(),
        grade: Grade::Read,
    }
}

fn unresolved(parent: TextOr<Parent>) -> TextOr<Parent> {
    match parent {
        TextOr::Object(parent) => TextOr::Object(Parent { resolved: None, ..parent }),
        text @ TextOr::Text(_) => text,
    }
}

/// Name and version of a package of which exactly one version will do.
fn pinned(package: &TextOr<Package>) -> Option<(String, String)> {
    let (name, version) = match package {
        TextOr::Text(text) => exactly(text)?,
        TextOr::Object(package) => {
            let exact = package.specifier.as_deref().and_then(|specifier| exactly(specifier).map(|(_, version)| version));
            let given = if package.specifier.is_none() { package.version.as_deref() } else { exact };
            (package.name.as_str(), package.pinned_version.as_deref().or(given)?)
        }
    };
    let name = normalised(name.split('[').next().unwrap_or(name));
    let fits = !name.is_empty() && name.len() <= MAX_PACKAGE_NAME && !version.is_empty() && version.len() <= MAX_PACKAGE_VERSION;
    fits.then(|| (name, version.to_owned()))
}

/// The sides of `name==1.2.3`; a marker after `;` does not count.
fn exactly(text: &str) -> Option<(&str, &str)> {
    let (name, version) = text.split(';').next().unwrap_or(text).split_once("==")?;
    let (name, version) = (name.trim(), version.trim_start_matches('=').trim());
    let is_one = !version.is_empty() && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '!'));
    is_one.then_some((name, version))
}

/// The name of a package as an index compares it (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
pub fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}
