//! Preparing a registration: are the bytes here, and what do they say? The bytes win over what the caller says (ENT-17).

mod files;

use std::collections::BTreeMap;

use chancery_core::entry::Payload;
use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::names::{Digest, ModelKind, TagKey};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::semver::{self, Bump, Contract};
use chancery_core::tables::{ModelRow, PayloadRow, VersionRow};
use chancery_core::version::Origin;
use chancery_core::{facts, version};
use chancery_inspect::{Change, Environment, Inspection, Signature, SignatureChange};
use serde_json::{Map, Value, json};

use super::{App, AppError, Caller, composition, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Missing digests that a refusal names.
const MAX_LISTED: usize = 10;
/// Problems of the inspection that are sealed.
const MAX_PROBLEMS: usize = 100;

/// Facts of which nothing that a caller says is kept beside what was read.
const ONLY_READ: [&str; 2] = ["formats", "inspection"];

/// What a caller gives to register a version.
#[derive(Debug)]
pub struct NewVersion {
    /// Files, whose bytes were uploaded before; none only with an origin, or for a system.
    pub files: Vec<ManifestFile>,
    /// What he says about them.
    pub facts: Value,
    /// Semantic version.
    pub semver: Option<String>,
    /// Description.
    pub description: String,
    /// Where the bytes come from, when the caller said so.
    pub origin: Option<Origin>,
    /// Tags that it has from the start.
    pub tags: Vec<(TagKey, String)>,
}

impl App {
    /// The command that registers a version of `model`. Without files nothing is inspected: its bytes are elsewhere.
    ///
    /// # Errors
    /// `digest_mismatch` for bytes that are not here, `invalid_field` and `too_large` for what is malformed.
    pub async fn registration(&self, caller: &Caller, snapshot: Snapshot, model: &ModelRow, new: NewVersion) -> Result<version::Command, AppError> {
        check_given(&new.facts)?;
        let semver = new.semver.as_deref().map(semver::parse).transpose()?;
        let mut given = new.facts;
        let pins = composition::resolve(&snapshot, model, &mut given).await?;
        let may_lack_files = new.origin.is_some() || model.kind == ModelKind::System;
        let manifest = if new.files.is_empty() && may_lack_files { Manifest::empty() } else { Manifest::new(new.files)? }.with(pins);
        let is_held = !manifest.files().is_empty();
        let before = if is_held || given.get("signature").is_some() { self.newest(&snapshot, model).await? } else { None };
        // Hashing and reading are slow; no snapshot may wait for them.
        drop(snapshot);
        let inspection = if is_held { Some(self.inspect(caller, &manifest).await?) } else { None };
        let facts = with_composition_grade(merge(with_origin(given, new.origin.as_ref()), inspection.as_ref()));
        let content = manifest.payload()?.digest;
        let bump = before.map_or(Bump::Minor, |(old, old_facts)| bump(signature_change(&old_facts, &facts).as_ref(), is_held && old == content));
        let facts = Payload::json("facts", &facts)?;
        let (description, origin, tags) = (new.description, new.origin, new.tags);
        Ok(version::Command::Register { model: model.model_id.clone(), manifest, facts, semver, bump, description, origin, tags })
    }

    /// The command that brings in the bytes of a version whose bytes are elsewhere. Its facts are the sealed ones and what the bytes say.
    ///
    /// # Errors
    /// `digest_mismatch` for bytes that are not here, `invalid_field` and `too_large` for what is malformed.
    pub async fn attachment(
        &self,
        caller: &Caller,
        snapshot: Snapshot,
        version: &VersionRow,
        files: Vec<ManifestFile>,
        expected: Option<u64>,
    ) -> Result<version::Command, AppError> {
        let manifest = Manifest::new(files)?;
        let sealed = view::facts(&snapshot, version).await?;
        // Hashing and reading are slow; no snapshot may wait for them.
        drop(snapshot);
        let inspection = self.inspect(caller, &manifest).await?;
        let facts = Payload::json("facts", &merge(sealed, Some(&inspection)))?;
        Ok(version::Command::Attach { model: version.model_id.clone(), number: version.number, manifest, facts, expected })
    }

    /// Content digest and facts of the newest version.
    async fn newest(&self, snapshot: &Snapshot, model: &ModelRow) -> Result<Option<(Digest, Value)>, AppError> {
        let tail = "versions JOIN payloads ON payloads.digest = versions.facts_digest WHERE versions.model_id = $1 ORDER BY versions.number DESC LIMIT 1";
        let Some((row, facts)) = snapshot.pairs::<VersionRow, PayloadRow>(tail, &values![model.model_id]).await?.into_iter().next() else { return Ok(None) };
        let facts = serde_json::from_slice(&facts.bytes).map_err(|error| Fault::database("read sealed facts", error))?;
        Ok(Some((row.content_digest, facts)))
    }

    /// What the files say. Refuses a manifest of which bytes are missing or have another size.
    async fn inspect(&self, caller: &Caller, manifest: &Manifest) -> Result<Inspection, AppError> {
        let mut absent = self.files_not_had(caller, manifest).await?;
        if absent.is_empty() {
            absent = match files::inspect(self.blobs().clone(), manifest).await? {
                files::Found::Held(inspection) => return Ok(*inspection),
                files::Found::Absent(digests) => digests,
            };
        }
        let named: Vec<String> = absent.iter().take(MAX_LISTED).map(ToString::to_string).collect();
        let message = format!("the bytes of {} blobs are not held with the size that is given: {}", absent.len(), named.join(", "));
        Err(Refusal::new(Code::DigestMismatch, &message).field("files").remedy("upload them first, then register").into())
    }
}

/// Checks the facts that a caller gives.
fn check_given(given: &Value) -> Result<(), Refusal> {
    facts::check(given)?;
    match given.get("origin") {
        Some(Value::Null) | None => Ok(()),
        Some(_) => Err(Refusal::invalid("facts.origin", "`facts.origin` is written by the registry").remedy("give `origin` beside `facts`")),
    }
}

/// The facts with the origin, which is sealed with them.
fn with_origin(mut facts: Value, origin: Option<&Origin>) -> Value {
    if let (Some(members), Some(origin)) = (facts.as_object_mut(), origin) {
        members.insert("origin".to_owned(), json!(origin));
    }
    facts
}

/// What a system is made of was looked up in the registry, not claimed.
fn with_composition_grade(mut facts: Value) -> Value {
    if let Some(grade) = facts.pointer_mut("/grades/composition") {
        *grade = json!("read");
    }
    facts
}

/// What the signature of `new` changes for callers of `old` (ENT-9).
pub fn contract(old: &Value, new: &Value) -> Contract {
    match signature_change(old, new).map(|change| change.change) {
        Some(Change::Major) => Contract::Breaking,
        Some(Change::Minor) => Contract::Compatible,
        Some(Change::Patch) => Contract::None,
        None => Contract::Unknown,
    }
}

/// What a new signature demands of the version number, when both sides say what their signature is.
pub fn signature_change(old: &Value, new: &Value) -> Option<SignatureChange> {
    Some(chancery_inspect::signature_change(&signature(old)?, &signature(new)?))
}

/// The suggestion that follows: a model that was trained again is never a mere patch.
pub fn bump(change: Option<&SignatureChange>, is_same_content: bool) -> Bump {
    match change.map(|change| change.change) {
        Some(Change::Major) => Bump::Major,
        Some(Change::Minor) => Bump::Minor,
        Some(Change::Patch) | None if is_same_content => Bump::Patch,
        Some(Change::Patch) | None => Bump::Minor,
    }
}

/// The signature in facts; a column is required unless it says otherwise, and a list may be left out.
fn signature(facts: &Value) -> Option<Signature> {
    let mut value = facts.get("signature")?.clone();
    let members = value.as_object_mut()?;
    for (list, required) in [("inputs", true), ("outputs", true), ("params", false)] {
        let columns = members.entry(list).or_insert_with(|| json!([]));
        if columns.is_null() {
            *columns = json!([]);
        }
        for column in columns.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            column.retain(|_, value| !value.is_null());
            column.entry("required").or_insert(Value::Bool(required));
        }
    }
    serde_json::from_value(value).ok()
}

/// The facts to seal: what was read replaces what was said, which goes to `claims`; grades are given anew.
fn merge(given: Value, inspection: Option<&Inspection>) -> Value {
    let mut facts: Map<String, Value> = given.as_object().cloned().unwrap_or_default();
    facts.retain(|_, value| !value.is_null());
    facts.remove("grades");
    let mut claims = facts.remove("claims").and_then(|claims| claims.as_object().cloned()).unwrap_or_default();
    let mut grades: Map<String, Value> = facts.keys().map(|name| (name.clone(), json!("claimed"))).collect();
    for (name, read) in inspection.map(read_facts).unwrap_or_default() {
        let claim = facts.remove(name);
        let value = if ONLY_READ.contains(&name) {
            grades.insert(name.to_owned(), json!("read"));
            claims.extend(claim.filter(|claim| *claim != read).map(|claim| (name.to_owned(), claim)));
            read
        } else {
            replace(name, read, claim, &mut claims, &mut grades)
        };
        facts.insert(name.to_owned(), value);
    }
    if let Some(run) = inspection.and_then(|inspection| inspection.mlmodel.as_ref()).and_then(|mlmodel| mlmodel.run_id.as_ref()) {
        let training = facts.entry("training").or_insert_with(|| json!({}));
        if let Some(training) = training.as_object_mut() {
            let claim = training.remove("run_id");
            let value = replace("training.run_id", json!(run), claim, &mut claims, &mut grades);
            training.insert("run_id".to_owned(), value);
        }
        grades.entry("training").or_insert_with(|| json!("claimed"));
    }
    if !claims.is_empty() {
        facts.insert("claims".to_owned(), Value::Object(claims));
    }
    facts.insert("grades".to_owned(), Value::Object(grades));
    Value::Object(facts)
}

/// A fact that was read. Members of the claim about which the bytes say nothing stay, with the grade `claimed`.
fn replace(path: &str, read: Value, claim: Option<Value>, claims: &mut Map<String, Value>, grades: &mut Map<String, Value>) -> Value {
    grades.insert(path.to_owned(), json!("read"));
    match (read, claim) {
        (read, None) => read,
        (Value::Object(mut read), Some(Value::Object(claim))) => {
            for (key, claimed) in claim.into_iter().filter(|(_, value)| !value.is_null()) {
                let place = format!("{path}.{key}");
                match read.get(&key) {
                    Some(value) if *value != claimed => drop(claims.insert(place, claimed)),
                    Some(_) => {}
                    None => {
                        grades.insert(place, json!("claimed"));
                        read.insert(key, claimed);
                    }
                }
            }
            Value::Object(read)
        }
        (read, Some(claim)) => {
            if read != claim {
                claims.insert(path.to_owned(), claim);
            }
            read
        }
    }
}

/// What the bytes say, by name of the fact; nothing for what they do not say.
pub fn read_facts(inspection: &Inspection) -> Vec<(&'static str, Value)> {
    let framework = inspection.framework.as_ref().map(|framework| match &framework.version {
        Some(version) => json!({"name": framework.name, "version": version}),
        None => json!({"name": framework.name}),
    });
    let signature = inspection.signature.as_ref().map(|signature| {
        let mut value = json!({"inputs": signature.inputs, "outputs": signature.outputs});
        if let (Some(members), false) = (value.as_object_mut(), signature.params.is_empty()) {
            members.insert("params".to_owned(), json!(signature.params));
        }
        value
    });
    let mut formats: BTreeMap<String, u64> = BTreeMap::new();
    for file in &inspection.files {
        if let Ok(Value::String(format)) = serde_json::to_value(file.format) {
            *formats.entry(format).or_default() += 1;
        }
    }
    let problems: Vec<&chancery_inspect::Problem> = inspection.problems.iter().take(MAX_PROBLEMS).collect();
    let facts = [
        ("framework", framework),
        ("flavour", inspection.flavour.as_ref().map(|flavour| json!(flavour))),
        ("signature", signature),
        ("environment", inspection.environment.as_ref().map(environment)),
        ("formats", Some(json!(formats))),
        ("inspection", Some(json!({"problems": problems}))),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The environment as a fact: what the client sends and what the server reads from the bytes have one shape.
pub(crate) fn environment(environment: &Environment) -> Value {
    // The same package is often listed by several files; for a reader it is one.
    let mut packages: Vec<String> = environment.packages.iter().map(|package| format!("{}{}", package.name, package.specifier)).collect();
    packages.sort();
    packages.dedup();
    let mut unpinned: Vec<&str> = environment.unpinned.iter().map(|package| package.name.as_str()).collect();
    unpinned.sort_unstable();
    unpinned.dedup();
    let mut value = json!({"pinned": environment.pinned, "unpinned": unpinned, "packages": packages});
    if let (Some(members), Some(python)) = (value.as_object_mut(), &environment.python_version) {
        members.insert("python".to_owned(), json!(python));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_wins_and_no_grade_of_the_caller_counts() {
        let inspection = Inspection {
            flavour: Some("sklearn".to_owned()),
            framework: Some(chancery_inspect::Framework { name: "scikit-learn".to_owned(), version: Some("1.9.1".to_owned()) }),
            ..Inspection::default()
        };
        let given = json!({
            "flavour": "xgboost", "framework": {"name": "scikit-learn", "version": "1.0", "libraries": ["numpy"]},
            "intended_use": "x", "training": null, "formats": {"pickle": 1}, "grades": {"intended_use": "read"}, "claims": {"model_type": "y"},
        });
        assert_eq!(
            merge(given, Some(&inspection)),
            json!({
                "flavour": "sklearn", "framework": {"name": "scikit-learn", "version": "1.9.1", "libraries": ["numpy"]},
                "intended_use": "x", "formats": {}, "inspection": {"problems": []},
                "claims": {"model_type": "y", "formats": {"pickle": 1}, "flavour": "xgboost", "framework.version": "1.0"},
                "grades": {
                    "flavour": "read", "framework": "read", "framework.libraries": "claimed", "intended_use": "claimed",
                    "formats": "read", "inspection": "read",
                },
            })
        );
    }

    #[test]
    fn the_suggestion_follows_signature_and_content() {
        let facts = |inputs: Value| json!({"signature": {"inputs": inputs}});
        let one = facts(json!([{"name": "a", "type": "double"}]));
        let more = facts(json!([{"name": "a", "type": "double"}, {"name": "b", "type": "double", "required": false}]));
        let none = json!({});
        for (old, new, same, expected) in [
            (&one, &one, true, Bump::Patch),
            (&one, &one, false, Bump::Minor),
            (&one, &more, true, Bump::Minor),
            (&more, &one, true, Bump::Major),
            (&none, &one, false, Bump::Minor),
            (&none, &none, true, Bump::Patch),
        ] {
            assert_eq!(bump(signature_change(old, new).as_ref(), same), expected, "{old} {new}");
        }
        for (old, new, expected) in
            [(&one, &one, Contract::None), (&one, &more, Contract::Compatible), (&more, &one, Contract::Breaking), (&none, &one, Contract::Unknown)]
        {
            assert_eq!(contract(old, new), expected, "{old} {new}");
        }
    }
}
