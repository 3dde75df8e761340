//! Semantic versions of models: MAJOR when old inputs are refused or the output changes, MINOR when retrained or extended, PATCH for packaging.

use semver::{BuildMetadata, Prerelease, Version};

use crate::refusal::Refusal;

/// Largest part that a caller gives: above the largest number nothing could be suggested any more.
const MAX_PART: u64 = 999_999_999;

crate::words! {
    /// What a change of the signature demands.
    Bump, "bump" {
        /// Old callers break.
        Major = "major",
        /// Compatible, with new content.
        Minor = "minor",
        /// Packaging only.
        Patch = "patch",
    }
}

crate::words! {
    /// What a new signature means for those who call the model now (ENT-9).
    Contract, "signature_change" {
        /// The same contract.
        None = "none",
        /// Old callers go on working.
        Compatible = "compatible",
        /// Old callers may fail: only a higher MAJOR part says so.
        Breaking = "breaking",
        /// One of the two does not say its signature.
        Unknown = "unknown",
    }
}

/// Parses a semantic version that a caller gives.
///
/// # Errors
/// A refusal with the reason of the parser.
pub fn parse(text: &str) -> Result<Version, Refusal> {
    if text.len() > 128 {
        return Err(Refusal::invalid("semver", "a semantic version has at most 128 bytes"));
    }
    let version = Version::parse(text).map_err(|error| {
        Refusal::invalid("semver", &format!("semantic version `{}` is malformed: {error}", crate::names::clipped(text)))
            .remedy("write MAJOR.MINOR.PATCH, such as 1.4.0")
    })?;
    if [version.major, version.minor, version.patch].into_iter().any(|part| part > MAX_PART) {
        return Err(
            Refusal::invalid("semver", &format!("no part of a semantic version may be over {MAX_PART}")).remedy("write MAJOR.MINOR.PATCH, such as 1.4.0")
        );
    }
    Ok(version)
}

/// The version without build metadata, which has no precedence: `1.0.0+a` and `1.0.0+b` are one.
pub fn precedence(version: &Version) -> String {
    Version { build: BuildMetadata::EMPTY, ..version.clone() }.to_string()
}

/// The next version after `last` (empty: none yet) for this change.
pub fn suggest(last: &str, bump: Bump) -> Version {
    match (Version::parse(last), bump) {
        (Err(_), _) => Version::new(1, 0, 0),
        (Ok(last), Bump::Major) => Version::new(last.major.saturating_add(1), 0, 0),
        (Ok(last), Bump::Minor) => Version::new(last.major, last.minor.saturating_add(1), 0),
        (Ok(last), Bump::Patch) if last.pre == Prerelease::EMPTY => Version::new(last.major, last.minor, last.patch.saturating_add(1)),
        (Ok(last), Bump::Patch) => Version::new(last.major, last.minor, last.patch),
    }
}

/// The given version, or the suggested one.
pub(crate) fn choose(given: Option<&Version>, last: &str, bump: Bump) -> Version {
    given.cloned().unwrap_or_else(|| suggest(last, bump))
}

/// The newer of two versions in text; an unreadable one loses.
pub(crate) fn newer(left: &str, right: &str) -> String {
    match (Version::parse(left), Version::parse(right)) {
        (Ok(left_version), Ok(right_version)) if left_version.cmp_precedence(&right_version).is_gt() => left.to_owned(),
        (Ok(_), Err(_)) => left.to_owned(),
        (Ok(_) | Err(_), _) => right.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_leaves_room_for_the_next() {
        for (text, accepted) in [("999999999.0.0", true), ("0.0.1000000000", false), ("18446744073709551615.0.0", false), ("1", false)] {
            assert_eq!(parse(text).is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn suggestions_follow_the_signature() {
        for (last, bump, next) in [
            ("", Bump::Patch, "1.0.0"),
            ("1.4.2", Bump::Major, "2.0.0"),
            ("1.4.2", Bump::Minor, "1.5.0"),
            ("1.4.2", Bump::Patch, "1.4.3"),
            ("2.0.0-rc.1", Bump::Patch, "2.0.0"),
        ] {
            assert_eq!(suggest(last, bump).to_string(), next);
        }
    }

    #[test]
    fn build_metadata_has_no_precedence() {
        assert_eq!(precedence(&parse("1.0.0+a").unwrap()), precedence(&parse("1.0.0+b").unwrap()));
        assert_eq!(newer("1.10.0", "1.9.0"), "1.10.0");
        assert!(parse("1.0").is_err());
    }
}
