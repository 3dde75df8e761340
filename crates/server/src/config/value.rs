//! Checks that values of several sections share.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

/// Why a configuration is refused: one line that names the key, the rule and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Refuses a number outside of its range.
pub(super) fn within<T: PartialOrd + Display>(key: &str, value: T, range: RangeInclusive<T>) -> Result<(), Invalid> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Invalid(format!("`{key}` is {value}, it must be from {} to {}", range.start(), range.end())))
}

/// Refuses what is not scheme, host and port of a web server.
pub(super) fn is_web_address(key: &str, text: &str) -> Result<(), Invalid> {
    let bad = || Invalid(format!("`{key}` is `{text}`, it must be scheme, host and port such as `https://registry.example.com`, without path or user"));
    let parsed = reqwest::Url::parse(text).map_err(|_| bad())?;
    let plain = parsed.username().is_empty() && parsed.password().is_none() && parsed.query().is_none() && parsed.fragment().is_none();
    let fits = matches!(parsed.scheme(), "http" | "https") && parsed.host().is_some() && parsed.path() == "/" && !text.ends_with('/');
    if plain && fits { Ok(()) } else { Err(bad()) }
}

/// Refuses a file that cannot be opened.
pub(super) fn readable(key: &str, path: &Path) -> Result<(), Invalid> {
    let opened = std::fs::File::open(path).and_then(|file| file.metadata());
    match opened {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Invalid(format!("`{key}` names `{}`, which is not a file", path.display()))),
        Err(error) => Err(Invalid(format!("`{key}` names `{}`, which cannot be read: {error}", path.display()))),
    }
}
