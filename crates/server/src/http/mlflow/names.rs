//! Names, version numbers, aliases and tag keys as MLflow checks them: its rules first, in its words; then ours, which are stricter.

use chancery_core::names::{AliasName, MAX_TAG_VALUE_CHARACTERS, ModelName, TagKey, VersionNumber};

use super::error::{MlflowError, clipped};

/// Longest tag key, in characters.
const MAX_KEY: usize = 250;
/// Longest alias, in characters.
const MAX_ALIAS: usize = 255;

/// `Registered Model with name=X not found`.
pub(super) fn no_model(name: &str) -> MlflowError {
    MlflowError::missing(format!("Registered Model with name={} not found", clipped(name)))
}

/// `Model Version (name=X, version=N) not found`.
pub(super) fn no_version(name: &str, version: impl std::fmt::Display) -> MlflowError {
    MlflowError::missing(format!("Model Version (name={}, version={version}) not found", clipped(name)))
}

/// A name that is looked up. What can be no name belongs to no model.
pub(super) fn known_model(name: &str) -> Result<ModelName, MlflowError> {
    ModelName::parse(name).map_err(|_| no_model(name))
}

/// A name that is given: to a new model, or to one that is renamed (`field` is then `new_name`).
pub(super) fn new_model(name: &str, field: &str) -> Result<ModelName, MlflowError> {
    if name.trim().is_empty() {
        return Err(MlflowError::invalid(format!("Missing value for required parameter '{field}'")));
    }
    if name.contains(['/', ':']) {
        return Err(MlflowError::invalid(format!("Invalid model name '{}'. Names cannot contain '/' or ':'.", clipped(name))));
    }
    if name == "." || name == ".." {
        return Err(MlflowError::invalid(resolves("name", name, name)));
    }
    Ok(ModelName::parse(name)?)
}

/// The number of a version as Python reads an integer: `01` is 1. `Ok(None)` for a number that no version has.
pub(super) fn version_number(text: &str) -> Result<Option<VersionNumber>, MlflowError> {
    let trimmed = text.trim();
    let (positive, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (false, digits),
        None => (true, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MlflowError::invalid(format!("Parameter 'version' must be an integer, got '{}'.", clipped(text))));
    }
    Ok(digits.parse().ok().filter(|_| positive).and_then(|number| VersionNumber::new(number).ok()))
}

/// An alias that is set.
pub(super) fn new_alias(alias: &str) -> Result<AliasName, MlflowError> {
    if !alias.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-')) {
        let rule = "Names may only contain alphanumerics, underscores (_), and dashes (-).";
        return Err(MlflowError::invalid(format!("Invalid alias name: '{}'. {rule}", clipped(alias))));
    }
    if alias.chars().count() > MAX_ALIAS {
        return Err(MlflowError::invalid(format!("'Registered model alias name' exceeds the maximum length of {MAX_ALIAS} characters")));
    }
    if is_latest(alias) {
        return Err(MlflowError::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let numbered = alias.strip_prefix(['v', 'V']).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if numbered {
        return Err(MlflowError::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(AliasName::parse(alias)?)
}

/// Whether an alias means the newest version.
pub(super) fn is_latest(alias: &str) -> bool {
    alias.eq_ignore_ascii_case("latest")
}

/// The key of a tag.
pub(super) fn tag_key(key: &str) -> Result<TagKey, MlflowError> {
    if !key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '/' | '.' | '-' | ' ' | ':')) {
        let rule = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).";
        return Err(MlflowError::invalid(format!("Invalid value \"{}\" for parameter 'key' supplied: {rule}", clipped(key))));
    }
    let normal = normal_path(key);
    if normal != key || normal == "." || normal.starts_with("..") || normal.starts_with('/') {
        return Err(MlflowError::invalid(resolves("key", key, &normal)));
    }
    if key.chars().count() > MAX_KEY {
        return Err(MlflowError::invalid(format!("'key' exceeds the maximum length of {MAX_KEY} characters")));
    }
    Ok(TagKey::parse(key)?)
}

/// A tag: key and value.
pub(super) fn tag(key: &str, value: String) -> Result<(TagKey, String), MlflowError> {
    let key = tag_key(key)?;
    if value.len() > MAX_TAG_VALUE_CHARACTERS && value.chars().count() > MAX_TAG_VALUE_CHARACTERS {
        return Err(MlflowError::invalid(format!("'value' exceeds the maximum length of {MAX_TAG_VALUE_CHARACTERS} characters")));
    }
    Ok((key, value))
}

fn resolves(field: &str, given: &str, normal: &str) -> String {
    format!(
        "Invalid value \"{}\" for parameter '{field}' supplied: Names may be treated as files in certain cases, and must not resolve to other names \
         when treated as such. This name would resolve to '{}'",
        clipped(given),
        clipped(normal)
    )
}

/// A path without empty, `.` and `..` segments where they mean nothing, as POSIX normalises it.
pub(super) fn normal_path(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => drop(kept.pop()),
            ".." if !root.is_empty() => {}
            other => kept.push(other),
        }
    }
    let joined = format!("{root}{}", kept.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, MlflowError>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn names_are_refused_in_the_words_that_clients_match() {
        for (name, begins) in [
            ("  ", "Missing value for required parameter 'name'"),
            ("a/b", "Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
            (".", "Invalid value \".\" for parameter 'name' supplied: Names may be treated as files"),
            ("a\nb", "name `a\u{fffd}b` must not contain control characters"),
        ] {
            assert!(refused(new_model(name, "name")).starts_with(begins), "{name:?}: {}", refused(new_model(name, "name")));
        }
    }

    #[test]
    fn version_numbers_are_read_as_python_reads_integers() {
        for (text, number) in [("1", Some(1)), ("01", Some(1)), (" 7 ", Some(7)), ("+2", Some(2)), ("0", None), ("-1", None), ("99999999999999999999", None)] {
            assert_eq!(version_number(text).unwrap().map(VersionNumber::get), number, "{text}");
        }
        for text in ["", "abc", "1.0", "1e3", "²"] {
            assert_eq!(refused(version_number(text)), format!("Parameter 'version' must be an integer, got '{text}'."));
        }
    }

    #[test]
    fn aliases_and_keys_have_mlflows_rules() {
        for (alias, begins) in [
            ("a b", "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and dashes (-)."),
            ("LaTest", "'latest' alias name (case insensitive) is reserved."),
            ("V12", "Version alias name 'V12' is reserved."),
            (&"a".repeat(256), "'Registered model alias name' exceeds the maximum length of 255 characters"),
        ] {
            assert_eq!(refused(new_alias(alias)), begins);
        }
        assert_eq!(new_alias("é-1").unwrap().as_str(), "é-1");
        for (key, begins) in [
            ("bad!", "Invalid value \"bad!\" for parameter 'key' supplied: Names may only contain alphanumerics"),
            ("..", "Invalid value \"..\" for parameter 'key' supplied: Names may be treated as files"),
            ("/x", "Invalid value \"/x\" for parameter 'key' supplied: Names may be treated as files"),
            ("a//b", "Invalid value \"a//b\" for parameter 'key' supplied: Names may be treated as files"),
            (&"a".repeat(251), "'key' exceeds the maximum length of 250 characters"),
        ] {
            assert!(refused(tag_key(key)).starts_with(begins), "{key}: {}", refused(tag_key(key)));
        }
        assert_eq!(tag_key("a.b/c:d é").unwrap().as_str(), "a.b/c:d é");
    }

    #[test]
    fn paths_are_normalised_as_posix_does() {
        for (path, normal) in [("", "."), ("a/./b", "a/b"), ("a//b/", "a/b"), ("../a", "../a"), ("/../a", "/a"), ("a/../..", "..")] {
            assert_eq!(normal_path(path), normal, "{path}");
        }
    }
}
