//! Reads YAML and JSON files that the user wrote: facts, model entries, conditions.

use std::path::Path;

use serde_json::Value;

use super::failure::Failure;

/// Largest file, in bytes: what the server takes as one body.
pub const MAX_DOCUMENT_BYTES: u64 = 1024 * 1024;

/// Reads a file as plain data. JSON when its name ends in `.json`, YAML otherwise.
///
/// # Errors
/// A usage failure that names the file: unreadable, too large, malformed, a key twice, an unknown tag.
pub fn read(path: &Path) -> Result<Value, Failure> {
    let bad = |why: String| Failure::Usage(format!("cannot read `{}`: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?.len();
    if size > MAX_DOCUMENT_BYTES {
        return Err(bad(format!("it has {size} bytes; at most {MAX_DOCUMENT_BYTES} are accepted")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = if is_json { serde_json::from_str(&text).map_err(|error| error.to_string()) } else { yaml(&text) };
    parsed.map_err(|error| bad(error.lines().next().unwrap_or_default().to_owned()))
}

fn yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_documents: 1, },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_name_says_the_format() {
        let place = tempfile::tempdir().unwrap();
        let cases = [
            ("a.yaml", "a: 1\nb: [x]\n", Some(json!({"a": 1, "b": ["x"]}))),
            ("a.json", r#"{"a": 1}"#, Some(json!({"a": 1}))),
            ("twice.yaml", "a: 1\na: 2\n", None),
            ("broken.json", "{", None),
            ("tag.yaml", "!!python/object:x {}\n", None),
        ];
        for (name, text, expected) in cases {
            let path = place.path().join(name);
            std::fs::write(&path, text).unwrap();
            let read = read(&path);
            if let Err(failure) = &read {
                assert!(failure.to_string().contains(name), "{failure}");
            }
            assert_eq!(read.ok(), expected, "{name}");
        }
    }
}
