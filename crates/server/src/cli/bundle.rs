//! A policy bundle as a folder on this machine: `*.rego` and `data.json`.

use std::collections::BTreeMap;
use std::path::Path;

use chancery_core::policy::{MAX_FILE_BYTES, MAX_FILES};
use serde_json::{Value, json};

use super::failure::Failure;

/// Deepest folder in a bundle.
const MAX_DEPTH: usize = 8;

/// How somebody names a policy: `active`, `baseline`, a digest, or a folder.
pub fn named(text: &str) -> Result<Value, Failure> {
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(json!({"files": files(path)?}));
    }
    Ok(json!({"policy": text}))
}

/// The files of a bundle, as texts by path from its root.
///
/// # Errors
/// A usage failure that names the file: unreadable, too large, no UTF-8, or too many.
pub fn files(root: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    walk(root, "", 0, &mut found)?;
    if found.is_empty() {
        return Err(Failure::Usage(format!("`{}` holds no `*.rego` and no `data.json`", root.display())));
    }
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let bad = |path: &Path, why: &dyn std::fmt::Display| Failure::Usage(format!("cannot read `{}`: {why}", path.display()));
    if depth > MAX_DEPTH {
        return Err(bad(folder, &format!("folders are nested deeper than {MAX_DEPTH}")));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| bad(folder, &error))? {
        let entry = entry.map_err(|error| bad(folder, &error))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(|error| bad(&entry.path(), &error))?);
        let Ok(name) = entry.file_name().into_string() else { return Err(bad(&path, &"its name is not UTF-8")) };
        let inside = format!("{prefix}{name}");
        if kind.is_dir() {
            walk(&path, &format!("{inside}/"), depth + 1, found)?;
        } else if kind.is_file() && (inside == "data.json" || name.ends_with(".rego")) {
            let size = entry.metadata().map_err(|error| bad(&path, &error))?.len();
            if size > MAX_FILE_BYTES as u64 {
                return Err(bad(&path, &format!("it has {size} bytes; at most {MAX_FILE_BYTES} are accepted")));
            }
            found.insert(inside, std::fs::read_to_string(&path).map_err(|error| bad(&path, &error))?);
        }
        if found.len() > MAX_FILES {
            return Err(bad(folder, &format!("the bundle has more than {MAX_FILES} files")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_its_paths() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("org")).unwrap();
        for (path, text) in [("data.json", "{}"), ("org/a.rego", "package a"), ("README.md", "no"), ("org/data.json", "no")] {
            std::fs::write(place.path().join(path), text).unwrap();
        }
        let found = files(place.path()).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("data.json".to_owned(), "{}".to_owned()), ("org/a.rego".to_owned(), "package a".to_owned())]);
        assert_eq!(named("baseline").unwrap(), json!({"policy": "baseline"}));
        std::fs::write(place.path().join("x.rego"), [0xff, 0xfe]).unwrap();
        assert!(files(place.path()).unwrap_err().to_string().contains("x.rego"));
        assert!(files(&place.path().join("none")).is_err());
    }
}
