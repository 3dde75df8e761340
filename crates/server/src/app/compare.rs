//! What differs between two versions: facts, files, signature. The comparison of two versions and the view of a promotion show it.

use std::collections::BTreeSet;

use chancery_core::manifest::Manifest;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A fact that differs.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct FactDifference {
    /// Names of the members, with dots between.
    pub path: String,
    /// Value in the first version; null when absent.
    pub old: Value,
    /// Value in the second version; null when absent.
    pub new: Value,
}

/// A file that differs.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct FileDifference {
    /// Path.
    pub path: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Digest in the first version.
    pub old: Option<String>,
    /// Digest in the second version.
    pub new: Option<String>,
}

/// The facts that differ, metrics apart.
pub fn facts(mut old: Value, mut new: Value) -> Vec<FactDifference> {
    for facts in [&mut old, &mut new] {
        if let Some(members) = facts.as_object_mut() {
            // Metrics have their own list; grades say how a fact is known, not what it is.
            members.retain(|name, _| name != "metrics" && name != "grades");
        }
    }
    let mut differences = Vec::new();
    differ("", &old, &new, &mut differences);
    differences
}

/// Objects are compared by member, everything else whole. The depth of facts is bounded where they come in.
fn differ(path: &str, old: &Value, new: &Value, differences: &mut Vec<FactDifference>) {
    if old == new {
        return;
    }
    let (Some(old_members), Some(new_members)) = (old.as_object(), new.as_object()) else {
        differences.push(FactDifference { path: path.to_owned(), old: old.clone(), new: new.clone() });
        return;
    };
    let names: BTreeSet<&String> = old_members.keys().chain(new_members.keys()).collect();
    for name in names {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        differ(&place, old_members.get(name).unwrap_or(&Value::Null), new_members.get(name).unwrap_or(&Value::Null), differences);
    }
}

/// The files that differ.
pub fn files(old: &Manifest, new: &Manifest) -> Vec<FileDifference> {
    let paths: BTreeSet<&str> = old.files().iter().chain(new.files()).map(|file| file.path.as_str()).collect();
    let difference = |path: &str| {
        let digest = |manifest: &Manifest| manifest.file(path).map(|file| file.digest.to_string());
        let (old, new) = (digest(old), digest(new));
        let change = match (&old, &new) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some(old), Some(new)) if old != new => "changed",
            (Some(_), Some(_)) => return None,
        };
        Some(FileDifference { path: path.to_owned(), change, old, new })
    };
    paths.into_iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_differ_by_member() {
        let old = json!({"training": {"seed": 1, "date": "2026-01-01"}, "flavour": "sklearn", "grades": {"flavour": "read"}, "metrics": [{"name": "auc", "value": 0.5}]});
        let new = json!({"training": {"seed": 2, "date": "2026-01-01"}, "metrics": [{"name": "auc", "value": 0.75}]});
        assert_eq!(
            facts(old, new),
            vec![
                FactDifference { path: "flavour".into(), old: json!("sklearn"), new: Value::Null },
                FactDifference { path: "training.seed".into(), old: json!(1), new: json!(2) },
            ]
        );
    }
}
