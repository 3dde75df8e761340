//! References to versions in all the forms that people and tools write, and what they mean now.

use chancery_core::entry::Subject;
use chancery_core::names::{AliasName, ModelName, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::semver;
use chancery_core::tables::{AliasRow, ModelRow, SemverRow, TimelineRow, VersionRow};

use super::AppError;
use super::view;
use crate::store::Snapshot;
use crate::values;

/// Fewest hexadecimal digits of a version digest that name a version.
pub const MIN_PREFIX: usize = 12;

/// A reference, parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// `name`, `name/latest`, `name@latest`: the newest listed version.
    Newest(ModelName),
    /// `name/3`.
    Number(ModelName, VersionNumber),
    /// `name@1.4.0`.
    Semver(ModelName, ::semver::Version),
    /// `name@champion`.
    Alias(ModelName, AliasName),
    /// `chancery:name/3@sha256:PREFIX`, or the digest alone.
    Digest {
        /// Name and number that must be those of the version.
        named: Option<(ModelName, VersionNumber)>,
        /// The first hexadecimal digits, at least [`MIN_PREFIX`].
        prefix: String,
    },
}

impl Reference {
    /// Parses any form; `models:/` in front is MLflow's.
    ///
    /// # Errors
    /// `invalid_field`, with the rule of the part that is malformed.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(composite) = text.strip_prefix("chancery:") {
            let Some((named, digest)) = composite.rsplit_once("@sha256:") else { return Self::of_number(composite) };
            return match Self::of_number(named)? {
                Self::Number(name, number) => Ok(Self::Digest { named: Some((name, number)), prefix: prefix(digest)? }),
                Self::Newest(_) | Self::Semver(..) | Self::Alias(..) | Self::Digest { .. } => Err(malformed("a composite id has a version number")),
            };
        }
        if let Some(digest) = text.strip_prefix("sha256:") {
            return Ok(Self::Digest { named: None, prefix: prefix(digest)? });
        }
        let text = text.strip_prefix("models:/").unwrap_or(text);
        if text.contains('/') {
            return Self::of_number(text);
        }
        match text.rsplit_once('@') {
            None => Ok(Self::Newest(ModelName::parse(text)?)),
            Some((name, "latest")) => Ok(Self::Newest(ModelName::parse(name)?)),
            Some((name, version)) if version.contains('.') => Ok(Self::Semver(ModelName::parse(name)?, semver::parse(version)?)),
            Some((name, alias)) => Ok(Self::Alias(ModelName::parse(name)?, AliasName::parse(alias)?)),
        }
    }

    /// A composite id, or a version digest with or without `sha256:`; both may be cut to a prefix.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn parse_composite(text: &str) -> Result<Self, Refusal> {
        if text.contains(':') { Self::parse(text) } else { Ok(Self::Digest { named: None, prefix: prefix(text)? }) }
    }

    fn of_number(text: &str) -> Result<Self, Refusal> {
        let (name, number) = text.split_once('/').ok_or_else(|| malformed("a version number is missing"))?;
        let name = ModelName::parse(name)?;
        if number == "latest" {
            return Ok(Self::Newest(name));
        }
        let number = number.parse().map_err(|_| malformed("what follows `/` must be a version number"))?;
        Ok(Self::Number(name, VersionNumber::new(number)?))
    }
}

fn malformed(rule: &str) -> Refusal {
    Refusal::invalid("reference", rule).remedy("write name, name/3, name@1.4.0, name@alias, models:/name/3, or chancery:name/3@sha256:DIGEST")
}

fn prefix(text: &str) -> Result<String, Refusal> {
    let hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if hex && (MIN_PREFIX..=64).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(Refusal::invalid("reference", &format!("a version digest is given by {MIN_PREFIX} to 64 lower case hexadecimal digits")))
}

/// The version that a reference means now.
///
/// # Errors
/// `not_found`; `already_exists` (409) when a prefix fits several versions.
pub async fn resolve(snapshot: &Snapshot, reference: &Reference) -> Result<(ModelRow, VersionRow), AppError> {
    match reference {
        Reference::Number(name, number) => view::version_named(snapshot, name, *number).await,
        Reference::Digest { named, prefix } => by_digest(snapshot, named.as_ref(), prefix).await,
        Reference::Newest(name) => {
            let model = view::model_named(snapshot, name).await?;
            let rows = snapshot.rows::<VersionRow>("WHERE model_id = $1 AND hidden = 0 ORDER BY number DESC LIMIT 1", &values![model.model_id]).await?;
            let row = rows.into_iter().next().ok_or_else(|| Refusal::not_found("version", &format!("{name}@latest")))?;
            Ok((model, row))
        }
        Reference::Semver(name, version) => {
            let model = view::model_named(snapshot, name).await?;
            let row = snapshot.get::<SemverRow>(values![model.model_id, semver::precedence(version)]).await?;
            of_number(snapshot, model, row.map(|row| row.number), &format!("{name}@{version}")).await
        }
        Reference::Alias(name, alias) => {
            let model = view::model_named(snapshot, name).await?;
            let row = snapshot.get::<AliasRow>(values![model.model_id, *alias]).await?;
            of_number(snapshot, model, row.map(|row| row.number), &format!("{name}@{alias}")).await
        }
    }
}

async fn of_number(snapshot: &Snapshot, model: ModelRow, number: Option<VersionNumber>, shown: &str) -> Result<(ModelRow, VersionRow), AppError> {
    let not_found = || Refusal::not_found("version", shown);
    let number = number.ok_or_else(not_found)?;
    let row = snapshot.get::<VersionRow>(values![model.model_id, number]).await?.ok_or_else(not_found)?;
    Ok((model, row))
}

async fn by_digest(snapshot: &Snapshot, named: Option<&(ModelName, VersionNumber)>, prefix: &str) -> Result<(ModelRow, VersionRow), AppError> {
    // `g` follows every hexadecimal digit.
    let end = format!("{prefix}g");
    let mut rows = snapshot.rows::<VersionRow>("WHERE version_digest >= $1 AND version_digest < $2 LIMIT 10", &values![prefix, end]).await?;
    if rows.is_empty() {
        rows = sealed_before(snapshot, prefix, &end).await?;
    }
    if let Some((name, number)) = named {
        let (model, version) = view::version_named(snapshot, name, *number).await?;
        rows.retain(|row| row.version_digest == version.version_digest);
        let row = rows.into_iter().next().ok_or_else(|| Refusal::not_found("version", &format!("{name}/{number}@sha256:{prefix}")))?;
        return Ok((model, row));
    }
    if rows.len() > 1 {
        return Err(Refusal::new(Code::AlreadyExists, &format!("`{prefix}` fits {} versions or more", rows.len()))
            .field("reference")
            .remedy("give more digits")
            .into());
    }
    let row = rows.into_iter().next().ok_or_else(|| Refusal::not_found("version", &format!("sha256:{prefix}")))?;
    let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(|| Refusal::not_found("model", row.model_id.as_str()))?;
    Ok((model, row))
}

/// Versions that had such a digest before their bytes were attached: what was given out once is found for ever.
async fn sealed_before(snapshot: &Snapshot, prefix: &str, end: &str) -> Result<Vec<VersionRow>, AppError> {
    let tail = "WHERE attribute = 'version_digest' AND substr(value, 1, 200) >= $1 AND substr(value, 1, 200) < $2 LIMIT 10";
    let mut rows = Vec::new();
    for past in snapshot.rows::<TimelineRow>(tail, &values![prefix, end]).await? {
        if let Ok(Subject::Version(model, number)) = Subject::try_from(past.subject) {
            rows.extend(snapshot.get::<VersionRow>(values![model, number]).await?);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_parsed() {
        let name = || ModelName::parse("loan").unwrap();
        let three = || VersionNumber::new(3).unwrap();
        let alias = |text: &str| Reference::Alias(name(), AliasName::parse(text).unwrap());
        for (text, expected) in [
            ("loan", Reference::Newest(name())),
            ("loan@latest", Reference::Newest(name())),
            ("models:/loan/latest", Reference::Newest(name())),
            ("loan/3", Reference::Number(name(), three())),
            ("models:/loan/3", Reference::Number(name(), three())),
            ("chancery:loan/3", Reference::Number(name(), three())),
            ("loan@1.4.0", Reference::Semver(name(), ::semver::Version::new(1, 4, 0))),
            ("loan@champion", alias("champion")),
            ("models:/loan@champion", alias("champion")),
            ("a@b@champion", Reference::Alias(ModelName::parse("a@b").unwrap(), AliasName::parse("champion").unwrap())),
            ("chancery:loan/3@sha256:0123456789ab", Reference::Digest { named: Some((name(), three())), prefix: "0123456789ab".to_owned() }),
            ("sha256:0123456789ab", Reference::Digest { named: None, prefix: "0123456789ab".to_owned() }),
        ] {
            assert_eq!(Reference::parse(text), Ok(expected), "{text}");
        }
        for text in
            ["", "loan/", "loan/0", "loan/x", "loan/3/4", "loan@", "loan@v1", "loan@1.4", "chancery:loan", "sha256:0123", "chancery:loan/3@sha256:0123456789AB"]
        {
            assert!(Reference::parse(text).is_err(), "{text:?} was accepted");
        }
        assert!(Reference::parse_composite("0123456789abcdef").is_ok() && Reference::parse_composite("0123").is_err());
    }
}
