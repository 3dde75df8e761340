//! The words of the domain as types: each has one fallible constructor, and no invalid value of one can exist.
//!
//! Every type here parses text from outside and says which rule a bad value breaks. Limits follow MLflow's registry
//! (`name`, `alias`, tag key), so that its clients keep working.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::refusal::{Code, Refusal};

/// Longest name of a model, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest tag value, in characters.
pub const MAX_TAG_VALUE_CHARACTERS: usize = 100_000;
/// Longest description, in bytes of UTF-8.
pub const MAX_DESCRIPTION_BYTES: usize = 100_000;
/// Longest free text that accompanies a command (reason, comment), in bytes of UTF-8.
pub const MAX_REASON_BYTES: usize = 10_000;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses `text`; the refusal names the field and the rule that it breaks.
            pub fn parse(text: &str) -> Result<Self, Refusal> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(rule) => Err(Refusal::invalid($field, &format!("{} `{}` {rule}", $field, clipped(text)))),
                }
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Refusal;
            fn from_str(text: &str) -> Result<Self, Refusal> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refusal;
            fn try_from(text: String) -> Result<Self, Refusal> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
    };
}

text_type! {
    /// Name of a model: 1 to 256 bytes, no `/` or `:`, no control characters, not `.` or `..`, no space at either end.
    ModelName, "name", check_name
}
text_type! {
    /// Alias of a version: 1 to 255 letters and digits of Unicode, `_` and `-`; not `latest`, not `v` and a number (MLflow reserves both).
    AliasName, "alias", check_alias
}
text_type! {
    /// Key of a tag: 1 to 250 characters: letters, digits, `_`, `-`, `.`, `/`, `:` and spaces; no `..` or empty path segment.
    TagKey, "key", check_tag_key
}
text_type! {
    /// Opaque identifier of a model, given once at creation: `m` and 32 hexadecimal digits.
    ModelId, "model_id", check_model_id
}
text_type! {
    /// Opaque identifier of an actor: a letter for its kind and 32 hexadecimal digits, or one of the fixed words `system` and `anonymous`.
    ActorId, "actor", check_actor_id
}
text_type! {
    /// Identifier of a promotion: `p` and 32 hexadecimal digits.
    PromotionId, "promotion", check_promotion_id
}
text_type! {
    /// Identifier of an exception: `x` and 32 hexadecimal digits.
    ExceptionId, "exception", check_exception_id
}
text_type! {
    /// Identifier of a risk of the register: `r` and 32 hexadecimal digits.
    RiskId, "risk", check_risk_id
}
text_type! {
    /// Identifier of a review of the calendar: `v` and 32 hexadecimal digits.
    ReviewId, "review", check_review_id
}
text_type! {
    /// Identifier of a token (never the secret): `t` and 32 hexadecimal digits.
    TokenId, "token", check_token_id
}
text_type! {
    /// Identifier of a workload identity of a pipeline: `i` and 32 hexadecimal digits.
    IdentityId, "identity", check_identity_id
}
text_type! {
    /// Name of a team, a role of approval or an environment: lower case letters, digits, `-`, `_`, `.`; at most 64 bytes.
    Label, "label", check_label
}
text_type! {
    /// Path of a file in a package: relative, `/` between segments, no `.`/`..`, no backslash, no control characters, at most 1,024 bytes.
    FilePath, "path", check_path
}

/// Foreign text for a message: at most 80 characters, none of them a control character or a deceptive one.
pub fn clipped(text: &str) -> String {
    let mut shown: String = text.chars().take(80).map(|c| if c.is_control() || is_deceptive(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > 80 {
        shown.push('…');
    }
    shown
}

/// Whether a text has no control characters and none that deceive whoever reads it.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|letter| letter.is_control() || is_deceptive(letter))
}

const DECEPTIVE: &str = "must not contain invisible characters or ones that change the direction of writing";

/// Characters that make two texts look alike, or one read otherwise than it is: zero width (not the joiners, which some
/// languages need), line separators, and the controls of writing direction (Unicode Technical Report 36, section 2.9).
fn is_deceptive(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn check_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        return Err("must have 1 to 256 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    if text.chars().any(is_deceptive) {
        return Err(DECEPTIVE);
    }
    if text.contains(['/', ':']) {
        return Err("must not contain `/` or `:`");
    }
    if text == "." || text == ".." || text.trim() != text {
        return Err("must not be `.` or `..` or begin or end with a space");
    }
    Ok(())
}

fn check_alias(text: &str) -> Result<(), &'static str> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.chars().count() > 255 || !text.chars().all(word) {
        return Err("must have 1 to 255 letters, digits, `_` or `-`");
    }
    let numbered = text.strip_prefix(['v', 'V']).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    if text.to_lowercase() == "latest" || numbered {
        return Err("is reserved: `latest` and `v<number>` always mean a version");
    }
    Ok(())
}

fn check_tag_key(text: &str) -> Result<(), &'static str> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ' ');
    if text.is_empty() || text.chars().count() > 250 || !text.chars().all(word) {
        return Err("must have 1 to 250 letters, digits, `_`, `-`, `.`, `/`, `:` or spaces");
    }
    if text.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
        return Err("must not contain an empty, `.` or `..` segment");
    }
    Ok(())
}

fn hex_after(text: &str, letters: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| letters.contains(first)) && text.len() == 33 && chars.all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn check_model_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "m") { Ok(()) } else { Err("must be `m` and 32 hexadecimal digits") }
}

fn check_actor_id(text: &str) -> Result<(), &'static str> {
    if text == "system" || text == "anonymous" || hex_after(text, "ups") { Ok(()) } else { Err("must be `u`, `p` or `s` and 32 hexadecimal digits") }
}

fn check_promotion_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "p") { Ok(()) } else { Err("must be `p` and 32 hexadecimal digits") }
}

fn check_exception_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "x") { Ok(()) } else { Err("must be `x` and 32 hexadecimal digits") }
}

fn check_risk_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "r") { Ok(()) } else { Err("must be `r` and 32 hexadecimal digits") }
}

fn check_review_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "v") { Ok(()) } else { Err("must be `v` and 32 hexadecimal digits") }
}

fn check_token_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "t") { Ok(()) } else { Err("must be `t` and 32 hexadecimal digits") }
}

fn check_identity_id(text: &str) -> Result<(), &'static str> {
    if hex_after(text, "i") { Ok(()) } else { Err("must be `i` and 32 hexadecimal digits") }
}

fn check_label(text: &str) -> Result<(), &'static str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(word) {
        return Err("must have 1 to 64 lower case letters, digits, `-`, `_` or `.`");
    }
    Ok(())
}

fn check_path(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 1024 {
        return Err("must have 1 to 1,024 bytes");
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Err("must not contain control characters or backslashes");
    }
    if text.chars().any(is_deceptive) {
        return Err(DECEPTIVE);
    }
    if text.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
        return Err("must be relative, without empty, `.` or `..` segments");
    }
    Ok(())
}

/// Integer number of a version: counts per name from 1 and is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct VersionNumber(u64);

impl VersionNumber {
    /// Largest number that is accepted (2^53 − 1, exact in every JSON reader).
    pub const MAX: u64 = 9_007_199_254_740_991;

    /// Takes a number from 1 to [`Self::MAX`].
    pub fn new(number: u64) -> Result<Self, Refusal> {
        if number == 0 || number > Self::MAX {
            return Err(Refusal::invalid("version", "a version number must be from 1 to 9007199254740991"));
        }
        Ok(Self(number))
    }

    /// The plain number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl TryFrom<u64> for VersionNumber {
    type Error = Refusal;
    fn try_from(number: u64) -> Result<Self, Refusal> {
        Self::new(number)
    }
}

impl From<VersionNumber> for u64 {
    fn from(number: VersionNumber) -> u64 {
        number.0
    }
}

/// SHA-256 digest of some bytes, written as 64 lower case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Takes the 32 bytes of a digest that was computed elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 hexadecimal digits, with or without the prefix `sha256:`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let mut bytes = [0; 32];
        let lower = digits.bytes().all(|b| !b.is_ascii_uppercase());
        if lower && hex::decode_to_slice(digits, &mut bytes).is_ok() {
            Ok(Self(bytes))
        } else {
            Err(Refusal::invalid("digest", &format!("digest `{}` must be 64 lower case hexadecimal digits (SHA-256)", clipped(text))))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

impl TryFrom<String> for Digest {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// A moment: microseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC with six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes microseconds since the epoch.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// This moment plus whole seconds (which may be negative); saturates at the ends of the range.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Parses RFC 3339.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_microsecond()))
            .map_err(|_| Refusal::invalid("time", &format!("time `{}` must be RFC 3339, such as 2026-05-03T12:00:00Z", clipped(text))))
    }

    /// Parses when something is due: RFC 3339, or a date such as `2026-12-01`, which counts to its end in UTC.
    ///
    /// # Errors
    /// `invalid_field` for anything else.
    pub fn parse_due(text: &str) -> Result<Self, Refusal> {
        let is_date = text.len() == 10 && text.split('-').count() == 3;
        if is_date { Self::parse(&format!("{text}T23:59:59Z")) } else { Self::parse(text) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(formatter, "{moment:.6}"),
            Err(_) => write!(formatter, "{}us", self.0),
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> String {
        moment.to_string()
    }
}

/// A closed set of words: an enum with one text for each variant, the same in entries, tables, JSON and on the command line.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $field:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Parses the word; the refusal lists the accepted ones.
            pub fn parse(text: &str) -> Result<Self, $crate::refusal::Refusal> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::refusal::Refusal::unknown_word($field, text, &[$($text),+])),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::refusal::Refusal;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::refusal::Refusal;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> &'static str {
                value.as_str()
            }
        }

        impl $crate::rows::Field for $name {
            const KIND: $crate::rows::Kind = $crate::rows::Kind::Text;
            fn to_value(&self) -> $crate::rows::Value {
                $crate::rows::Value::Text(self.as_str().to_owned())
            }
            fn from_value(value: $crate::rows::Value) -> Result<Self, $crate::rows::BadRow> {
                let text = String::from_value(value)?;
                Self::parse(&text).map_err(|refusal| $crate::rows::BadRow(refusal.message))
            }
        }
    };
}

words! {
    /// What a model entry is a record of (`design.md` section 1).
    ModelKind, "kind" {
        /// A trained model.
        Model = "model",
        /// An adapter of a base model.
        Adapter = "adapter",
        /// A prompt or template.
        Prompt = "prompt",
        /// An AI system composed of pinned versions.
        System = "system",
        /// A dataset.
        Dataset = "dataset",
        /// A suite of evaluations.
        EvaluationSuite = "evaluation-suite",
    }
}

words! {
    /// Risk tier of a model under the EU AI Act; `unclassified` counts as high under `enforce`.
    RiskTier, "risk_tier" {
        /// Not yet classified.
        Unclassified = "unclassified",
        /// Minimal risk.
        Minimal = "minimal",
        /// Limited risk.
        Limited = "limited",
        /// High risk.
        High = "high",
        /// Prohibited practice; nothing of it may be promoted.
        Prohibited = "prohibited",
    }
}

words! {
    /// Where a version stands in its lifecycle (`design.md` section 1).
    State, "state" {
        /// Internal experimentation.
        Draft = "draft",
        /// Passed the baseline checks.
        Candidate = "candidate",
        /// Authorised for production.
        Approved = "approved",
        /// Released.
        Production = "production",
        /// Replaced; new use is blocked.
        Deprecated = "deprecated",
        /// Nothing serves it; auditors can still fetch it.
        Retired = "retired",
    }
}

words! {
    /// How much the truth of a fact or document has been established.
    Grade, "grade" {
        /// Somebody said so.
        Claimed = "claimed",
        /// Read from the bytes by the registry.
        Read = "read",
        /// Signed by a trusted pipeline.
        Attested = "attested",
    }
}

words! {
    /// Whether failed gates block.
    PolicyMode, "mode" {
        /// A failed gate blocks.
        Enforce = "enforce",
        /// A failed gate is recorded and the version is stamped ungated.
        Warn = "warn",
    }
}

words! {
    /// Confidentiality class of an entry.
    Classification, "classification" {
        /// Anyone may know.
        Public = "public",
        /// Inside the organisation.
        Internal = "internal",
        /// Need to know.
        Confidential = "confidential",
        /// Named people only.
        Restricted = "restricted",
    }
}

/// Checks the length of free text that a caller gives.
///
/// # Errors
/// A refusal that names `field` when the text is longer than `limit` bytes or holds a NUL.
pub fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), Refusal> {
    if text.len() > limit {
        return Err(Refusal::new(Code::TooLarge, &format!("{field} has {} bytes; at most {limit} are accepted", text.len())).field(field));
    }
    if text.contains('\0') {
        return Err(Refusal::invalid(field, &format!("{field} must not contain a NUL character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_path_tricks_and_control_characters() {
        for bad in ["", ".", "..", "a/b", "a:b", "a\nb", " a", "a ", "a\0", "a\u{202e}b", "a\u{200b}b", "\u{feff}a", &"x".repeat(257)] {
            assert!(ModelName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["loan-approval", "Modell für Kredite", "a.b", "模型", &"x".repeat(256)] {
            assert_eq!(ModelName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn aliases_never_look_like_versions() {
        for bad in ["latest", "LATEST", "v1", "V22", "", "a b", "a/b", "a\n", "a@b", &"x".repeat(256)] {
            assert!(AliasName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["champion", "v1-canary", "Champ", "v", "7", "é-模型_٣", &"é".repeat(255)] {
            assert!(AliasName::parse(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn paths_stay_inside_the_package() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\\b", "a/"] {
            assert!(FilePath::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(FilePath::parse("data/model file ü.pkl").is_ok());
    }

    #[test]
    fn digests_are_lower_case_hex() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::parse(&format!("sha256:{digest}")).unwrap(), digest);
        assert!(Digest::parse(&digest.to_string().to_uppercase()).is_err());
        assert!(Digest::parse("e3b0").is_err());
    }

    #[test]
    fn timestamps_round_trip_as_rfc_3339() {
        let moment = Timestamp::parse("2026-05-03T12:00:00.25Z").unwrap();
        assert_eq!(moment.to_string(), "2026-05-03T12:00:00.250000Z");
        assert_eq!(Timestamp::parse(&moment.to_string()).unwrap(), moment);
    }
}
