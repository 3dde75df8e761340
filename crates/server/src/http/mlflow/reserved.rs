//! Tags with a meaning. Given with a new version, those about it become sealed facts; those about governed facts of the model are
//! proposals: they stay tags, and somebody who may change the fact reads them. All of them stay visible as tags.

use chancery_core::names::TagKey;
use serde_json::{Map, Value, json};

use super::error::MlflowError;

/// What a reserved tag means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The semantic version.
    SemanticVersion,
    /// A fact at this path of the sealed facts.
    Fact(&'static [&'static str]),
    /// The training dataset: its name, or JSON of one dataset or a list of them.
    Dataset,
    /// A member of the dataset whose name the tag `chancery.dataset` gives.
    DatasetMember(&'static str),
    /// A version that this one was made of.
    Parent,
    /// A proposal for a governed fact of the model.
    Proposal,
}

/// Every reserved tag: key, meaning, and what it is in words.
pub const RESERVED: &[(&str, Meaning, &str)] = &[
    ("chancery.semver", Meaning::SemanticVersion, "semantic version of the version"),
    ("chancery.dataset", Meaning::Dataset, "training dataset: its name, or JSON {name, digest, …} or a list of such"),
    ("chancery.dataset.version", Meaning::DatasetMember("version"), "version of that dataset"),
    ("chancery.dataset.digest", Meaning::DatasetMember("digest"), "SHA-256 of that dataset"),
    ("chancery.dataset.uri", Meaning::DatasetMember("uri"), "address of that dataset"),
    ("chancery.code.repository", Meaning::Fact(&["training", "code", "repository"]), "repository of the training code"),
    ("chancery.code.commit", Meaning::Fact(&["training", "code", "commit"]), "full commit of the training code"),
    ("chancery.code.branch", Meaning::Fact(&["training", "code", "branch"]), "branch of the training code"),
    ("chancery.training.date", Meaning::Fact(&["training", "date"]), "date or time of the training (RFC 3339)"),
    ("chancery.pipeline_run", Meaning::Fact(&["training", "pipeline_run"]), "run of the pipeline that trained it"),
    ("chancery.model_type", Meaning::Fact(&["model_type"]), "type of the model"),
    ("chancery.intended_use", Meaning::Fact(&["intended_use"]), "what it is meant for"),
    ("chancery.limitations", Meaning::Fact(&["limitations"]), "what it is not good for"),
    ("chancery.ethical_considerations", Meaning::Fact(&["ethical_considerations"]), "ethical considerations"),
    ("chancery.parent", Meaning::Parent, "reference of the version that it was made of"),
    ("chancery.risk_tier", Meaning::Proposal, "proposed risk tier of the model"),
    ("chancery.owner", Meaning::Proposal, "proposed owner of the model"),
    ("chancery.owning_team", Meaning::Proposal, "proposed owning team of the model"),
];

/// What the reserved tags of a new version say.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Facts to seal.
    pub(super) facts: Map<String, Value>,
    /// Semantic version.
    pub(super) semver: Option<String>,
}

/// Reads the reserved tags among those of a new version.
///
/// # Errors
/// INVALID_PARAMETER_VALUE that names the tag. Whether a fact has the right form is checked where facts are sealed.
pub(super) fn read(tags: &[(TagKey, String)]) -> Result<Said, MlflowError> {
    let mut said = Said::default();
    let mut dataset = Map::new();
    for (key, value) in tags {
        let Some((name, meaning, _)) = RESERVED.iter().find(|(name, ..)| *name == key.as_str()) else { continue };
        match meaning {
            Meaning::SemanticVersion => said.semver = Some(value.clone()),
            Meaning::Fact(path) => insert(&mut said.facts, path, json!(value)),
            Meaning::Dataset => match datasets(name, value)? {
                Some(list) => insert(&mut said.facts, &["datasets"], list),
                None => drop(dataset.insert("name".to_owned(), json!(value))),
            },
            Meaning::DatasetMember(member) => drop(dataset.insert((*member).to_owned(), json!(value))),
            Meaning::Parent => insert(&mut said.facts, &["parents"], json!([value])),
            Meaning::Proposal => {}
        }
    }
    if dataset.contains_key("name") {
        dataset.insert("role".to_owned(), json!("training"));
        insert(&mut said.facts, &["datasets"], json!([dataset]));
    }
    Ok(said)
}

/// Datasets as JSON; none when the value is a plain name.
fn datasets(tag: &str, value: &str) -> Result<Option<Value>, MlflowError> {
    if !value.trim_start().starts_with(['{', '[']) {
        return Ok(None);
    }
    match serde_json::from_str(value) {
        Ok(list @ Value::Array(_)) => Ok(Some(list)),
        Ok(one) => Ok(Some(json!([one]))),
        Err(error) => Err(MlflowError::invalid(format!("tag `{tag}` begins as JSON and is none: {error}"))),
    }
}

fn insert(facts: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => drop(facts.insert((*last).to_owned(), value)),
        [first, rest @ ..] => {
            if let Value::Object(members) = facts.entry((*first).to_owned()).or_insert_with(|| json!({})) {
                insert(members, rest, value);
            }
        }
    }
}

/// The table for `docs/mlflow.md`.
pub fn markdown() -> String {
    let mut text = String::from("| tag | becomes | value |\n| --- | --- | --- |\n");
    for (key, meaning, words) in RESERVED {
        let becomes = match meaning {
            Meaning::SemanticVersion => "the semantic version".to_owned(),
            Meaning::Fact(path) => format!("fact `{}`", path.join(".")),
            Meaning::Dataset => "fact `datasets`".to_owned(),
            Meaning::DatasetMember(member) => format!("fact `datasets[0].{member}`"),
            Meaning::Parent => "fact `parents`".to_owned(),
            Meaning::Proposal => "stays a tag: a proposal".to_owned(),
        };
        text.push_str(&format!("| `{key}` | {becomes} | {words} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Vec<(TagKey, String)> {
        pairs.iter().map(|(key, value)| (TagKey::parse(key).unwrap(), (*value).to_owned())).collect()
    }

    #[test]
    fn reserved_tags_become_facts_and_others_say_nothing() {
        let said = read(&tags(&[
            ("chancery.semver", "1.4.0"),
            ("chancery.code.commit", "abc"),
            ("chancery.code.repository", "loans"),
            ("chancery.dataset.digest", "d"),
            ("chancery.dataset", "loanapp"),
            ("chancery.risk_tier", "high"),
            ("team", "credit"),
            ("chancery.parent", "loan/1"),
        ]))
        .unwrap();
        assert_eq!(said.semver.as_deref(), Some("1.4.0"));
        let expected = json!({
            "training": {"code": {"commit": "abc", "repository": "loans"}}, "datasets": [{"name": "loanapp", "digest": "d", "role": "training"}],
            "parents": ["loan/1"],
        });
        assert_eq!(Value::Object(said.facts), expected);
    }

    #[test]
    fn datasets_may_be_json() {
        let said = read(&tags(&[("chancery.dataset", r#"{"name": "a"}"#)])).unwrap();
        assert_eq!(said.facts["datasets"], json!([{"name": "a"}]));
        assert!(read(&tags(&[("chancery.dataset", "{no")])).unwrap_err().message.starts_with("tag `chancery.dataset` begins as JSON"));
    }

    #[test]
    fn every_reserved_tag_is_a_key_and_its_fact_is_one_of_the_schema() {
        let schema = chancery_core::facts::schema();
        for (key, meaning, _) in RESERVED {
            assert!(TagKey::parse(key).is_ok() && key.starts_with("chancery."), "{key}");
            if let Meaning::Fact(path) = meaning {
                let mut place = &schema;
                for member in *path {
                    let inner = place.get("properties").or_else(|| place.pointer("/anyOf/0/properties"));
                    place = inner.and_then(|members| members.get(member)).unwrap_or_else(|| panic!("{key}: no fact {path:?}"));
                }
            }
        }
    }
}
