//! Sealed facts of a version: what the bytes say, what the facts file claims, where the code was.
//!
//! INVARIANT: each fact has a source grade. Where the bytes and the claim contradict, the bytes win, and the claim is
//! kept under `claims`, so that nothing is lost silently.

use std::collections::BTreeMap;

use chancery_inspect::{GitState, Inspection};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use crate::app::register::environment;

/// Keys that only the registration writes.
const RESERVED: [&str; 3] = ["grades", "claims", "formats"];

/// The facts of a version, and what to tell the person who registers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The sealed document.
    pub document: Value,
    /// Semantic version that the facts file proposes.
    pub semver: Option<String>,
    /// Description that the facts file proposes.
    pub description: Option<String>,
    /// Contradictions and malformed files, one line each.
    pub warnings: Vec<String>,
}

/// Puts the facts together. `claimed` is the content of the facts file, an empty object without one.
///
/// # Errors
/// A facts file that is not an object, or that uses a key which only the registration writes.
pub fn merge(claimed: Value, inspection: &Inspection, git: Option<&GitState>) -> Result<Facts, Failure> {
    let Value::Object(mut claimed) = claimed else {
        return Err(Failure::Usage("the facts file must be a mapping of names to values".to_owned()));
    };
    if let Some(key) = RESERVED.iter().find(|key| claimed.contains_key(**key)) {
        return Err(Failure::Usage(format!("the facts file must not hold `{key}`: the registration writes it")));
    }
    let mut merge = Merge::default();
    let semver = take_text(&mut claimed, "semver")?;
    let description = take_text(&mut claimed, "description")?;
    for (name, read) in read_facts(inspection) {
        let claim = claimed.remove(name).filter(|claim| name != "flavour" || !is_flavor_of(inspection, claim));
        merge.read(name, read, claim);
    }
    for (name, value) in claimed {
        merge.claim(&name, value);
    }
    merge.code(git);
    merge.run(inspection);
    merge.warnings.extend(inspection.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)));
    Ok(Facts { semver, description, warnings: merge.warnings.clone(), document: merge.finish() })
}

/// Whether the MLmodel file has a flavor of this name: `sklearn` is MLflow's word for the flavour `scikit-learn`.
fn is_flavor_of(inspection: &Inspection, claim: &Value) -> bool {
    let flavors = inspection.mlmodel.as_ref().map(|mlmodel| &mlmodel.flavors);
    claim.as_str().is_some_and(|claim| flavors.is_some_and(|flavors| flavors.contains_key(claim)))
}

/// What the bytes say, by name of the fact.
fn read_facts(inspection: &Inspection) -> Vec<(&'static str, Value)> {
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
    let facts = [
        ("framework", framework),
        ("flavour", inspection.flavour.as_ref().map(|flavour| json!(flavour))),
        ("signature", signature),
        ("environment", inspection.environment.as_ref().map(environment)),
        ("formats", Some(formats(inspection)).filter(|formats| formats != &json!({}))),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// How many files have each format.
fn formats(inspection: &Inspection) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for file in &inspection.files {
        if let Ok(Value::String(format)) = serde_json::to_value(file.format) {
            *counts.entry(format).or_default() += 1;
        }
    }
    json!(counts)
}

fn take_text(claimed: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Failure> {
    match claimed.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Failure::Usage(format!("`{name}` in the facts file must be text; put it in quotes")))
        }
    }
}

#[derive(Debug, Default)]
struct Merge {
    facts: Map<String, Value>,
    grades: Map<String, Value>,
    claims: Map<String, Value>,
    warnings: Vec<String>,
}

impl Merge {
    fn claim(&mut self, name: &str, value: Value) {
        if !value.is_null() {
            self.grades.insert(name.to_owned(), json!("claimed"));
            self.facts.insert(name.to_owned(), value);
        }
    }

    /// A fact that the bytes show. Members of the claim that the bytes say nothing about stay, as claims.
    fn read(&mut self, name: &str, read: Value, claim: Option<Value>) {
        self.grades.insert(name.to_owned(), json!("read"));
        let merged = match (read, claim) {
            (read, None | Some(Value::Null)) => read,
            (Value::Object(read), Some(Value::Object(claim))) => Value::Object(self.members(name, read, claim)),
            (read, Some(claim)) => {
                self.contradiction(name, &read, claim);
                read
            }
        };
        self.facts.insert(name.to_owned(), merged);
    }

    fn members(&mut self, name: &str, mut read: Map<String, Value>, claim: Map<String, Value>) -> Map<String, Value> {
        for (key, claimed) in claim {
            let path = format!("{name}.{key}");
            match read.get(&key) {
                Some(value) => self.contradiction(&path, value, claimed),
                None => {
                    self.grades.insert(path, json!("claimed"));
                    read.insert(key, claimed);
                }
            }
        }
        read
    }

    fn contradiction(&mut self, path: &str, read: &Value, claim: Value) {
        if !agrees(&claim, read) {
            self.warnings.push(format!("{path}: the facts file says {}, the files say {}; the files win", brief(&claim), brief(read)));
            self.claims.insert(path.to_owned(), claim);
        }
    }

    /// Where the code was, when the facts file does not say. It is a claim: the commit is not in the bytes of the model.
    fn code(&mut self, git: Option<&GitState>) {
        let Some(git) = git else { return };
        let Some(training) = self.training() else { return };
        if training.get("code").and_then(|code| code.get("commit")).is_some_and(|commit| !commit.is_null()) {
            return;
        }
        let code = json!({"repository": git.repository_url, "commit": git.commit, "branch": git.branch, "dirty": git.dirty});
        let known = code.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let known: Map<String, Value> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
        training.insert("code".to_owned(), Value::Object(known));
        self.grades.insert("training".to_owned(), json!("claimed"));
    }

    /// The run that the MLmodel file names, when the facts file does not say.
    fn run(&mut self, inspection: &Inspection) {
        let Some(run) = inspection.mlmodel.as_ref().and_then(|mlmodel| mlmodel.run_id.clone()) else { return };
        let Some(training) = self.training() else { return };
        if training.get("run_id").is_some_and(|value| !value.is_null()) {
            return;
        }
        training.insert("run_id".to_owned(), json!(run));
        self.grades.insert("training.run_id".to_owned(), json!("read"));
    }

    /// The training facts, made when there are none; nothing when the claim is not an object.
    fn training(&mut self) -> Option<&mut Map<String, Value>> {
        self.facts.entry("training").or_insert_with(|| json!({})).as_object_mut()
    }

    fn finish(mut self) -> Value {
        if self.facts.get("training") == Some(&json!({})) {
            self.facts.remove("training");
        }
        if !self.claims.is_empty() {
            self.facts.insert("claims".to_owned(), Value::Object(self.claims));
        }
        self.facts.insert("grades".to_owned(), Value::Object(self.grades));
        Value::Object(self.facts)
    }
}

/// Whether a claim says nothing else than the bytes. A claim may say less: members that it leaves out agree.
fn agrees(claim: &Value, read: &Value) -> bool {
    match (claim, read) {
        (Value::Null, _) => true,
        (Value::String(claim), Value::String(read)) => claim.trim().eq_ignore_ascii_case(read),
        (Value::Array(claim), Value::Array(read)) => claim.len() == read.len() && claim.iter().zip(read).all(|(claim, read)| agrees(claim, read)),
        (Value::Object(claim), Value::Object(read)) => claim.iter().all(|(key, claim)| read.get(key).is_none_or(|read| agrees(claim, read))),
        (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_), _) => claim == read,
    }
}

fn brief(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("`{text}`"),
        Value::Array(list) => return format!("{} entries", list.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => format!("`{value}`"),
    };
    if text.chars().count() > 80 { format!("{}…`", text.chars().take(80).collect::<String>()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_inspect::{Column, Framework, Signature};

    fn column(name: &str) -> Column {
        Column { name: Some(name.into()), data_type: "double".into(), shape: None, required: true }
    }

    fn inspection() -> Inspection {
        Inspection {
            framework: Some(Framework { name: "scikit-learn".into(), version: Some("1.9.1".into()) }),
            flavour: Some("sklearn".into()),
            signature: Some(Signature { inputs: vec![column("income")], outputs: vec![column("score")], params: vec![] }),
            ..Inspection::default()
        }
    }

    fn git() -> GitState {
        GitState { repository_url: None, commit: "a".repeat(40), branch: Some("main".into()), dirty: true, dirty_files: 1, untracked_files: 0 }
    }

    #[test]
    fn each_fact_has_the_grade_of_its_source() {
        let claimed = json!({"semver": "1.2.0", "description": "d", "model_type": "classifier", "training": {"seed": 0}});
        let facts = merge(claimed, &inspection(), Some(&git())).unwrap();
        assert_eq!((facts.semver.as_deref(), facts.description.as_deref()), (Some("1.2.0"), Some("d")));
        assert_eq!(facts.warnings, Vec::<String>::new());
        assert_eq!(
            facts.document,
            json!({
                "framework": {"name": "scikit-learn", "version": "1.9.1"},
                "flavour": "sklearn",
                "signature": {
                    "inputs": [{"name": "income", "type": "double", "required": true}],
                    "outputs": [{"name": "score", "type": "double", "required": true}],
                },
                "model_type": "classifier",
                "training": {"seed": 0, "code": {"commit": "a".repeat(40), "branch": "main", "dirty": true}},
                "grades": {"framework": "read", "flavour": "read", "signature": "read", "model_type": "claimed", "training": "claimed"},
            })
        );
    }

    #[test]
    fn the_bytes_win_and_the_claim_is_kept() {
        let cases = [
            (json!({"framework": {"name": "scikit-learn", "version": "1.8.0"}}), Some(("framework.version", json!("1.8.0")))),
            (json!({"framework": {"version": 1.9}}), Some(("framework.version", json!(1.9)))),
            (json!({"framework": "torch"}), Some(("framework", json!("torch")))),
            (json!({"flavour": "xgboost"}), Some(("flavour", json!("xgboost")))),
            (json!({"signature": {"inputs": [{"name": "age"}]}}), Some(("signature.inputs", json!([{"name": "age"}])))),
            (json!({"signature": {"inputs": []}}), Some(("signature.inputs", json!([])))),
            (json!({"flavour": "Sklearn", "framework": {"name": "scikit-learn"}}), None),
            (json!({"signature": {"inputs": [{"name": "income", "type": "double"}]}}), None),
            (json!({"signature": null, "framework": null}), None),
        ];
        let read = merge(json!({}), &inspection(), None).unwrap().document;
        for (claimed, expected) in cases {
            let facts = merge(claimed.clone(), &inspection(), None).unwrap();
            for name in ["framework", "flavour", "signature"] {
                assert_eq!(facts.document[name], read[name], "{claimed}");
            }
            let claims = expected.map_or(Value::Null, |(path, claim)| json!({path: claim}));
            assert_eq!(facts.document.get("claims").unwrap_or(&Value::Null), &claims, "{claimed}");
            assert_eq!(facts.warnings.len(), usize::from(!claims.is_null()), "{claimed}");
        }
    }

    #[test]
    fn what_the_bytes_do_not_say_stays_a_claim() {
        let facts = merge(json!({"framework": {"libraries": ["numpy"]}, "environment": {"pinned": true}}), &inspection(), None).unwrap().document;
        assert_eq!(facts["framework"], json!({"name": "scikit-learn", "version": "1.9.1", "libraries": ["numpy"]}));
        assert_eq!(facts["grades"]["framework.libraries"], "claimed");
        assert_eq!(facts["grades"]["environment"], "claimed");
    }

    #[test]
    fn a_claimed_commit_is_not_replaced_by_the_state_of_the_folder() {
        let claimed = json!({"training": {"code": {"commit": "b", "repository": "r"}}});
        let facts = merge(claimed.clone(), &inspection(), Some(&git())).unwrap();
        assert_eq!(facts.document["training"], claimed["training"]);
        let empty = merge(json!({}), &Inspection::default(), None).unwrap();
        assert_eq!(empty.document, json!({"grades": {}}));
    }

    #[test]
    fn malformed_facts_files_are_refused() {
        for claimed in [json!([]), json!({"grades": {}}), json!({"claims": {}}), json!({"formats": {}}), json!({"semver": 1.2})] {
            assert_eq!(merge(claimed.clone(), &inspection(), None).unwrap_err().exit_code().number(), 2, "{claimed}");
        }
    }
}
