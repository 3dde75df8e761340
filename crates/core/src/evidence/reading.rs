//! What the registry reads in a document when it is added: the form that rules, pages and comparisons use.
//!
//! A reader is a pure function of the bytes. It refuses what is malformed by naming the member, and gives a summary with fixed
//! members for each type of evidence, whatever format the document came in.

use serde_json::Value;

use crate::names::Digest;
use crate::refusal::{Code, Refusal};

/// What a document says it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A version digest; of another version it is refused.
    Version(Digest),
    /// A content digest; of another content it is refused.
    Content(Digest),
    /// The digest of a composition of a system, which is the content digest of its version; another is refused.
    Composition(Digest),
    /// The digest of a file; one that is not in the version is refused.
    File(Digest),
    /// A digest without a word of what it is of: a file, the content or the version. Never refused; whether one fits is `summary.bound`.
    Any(Digest),
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Format, such as `chancery.evaluation/v1`, `cyclonedx` or `grype`.
    pub format: &'static str,
    /// What rules read.
    pub summary: Value,
    /// What the document says it is about; empty when it does not say.
    pub claims: Vec<Claim>,
}

/// The digests of the version that a document is added to.
#[derive(Clone, Debug)]
pub struct About {
    /// Version digest.
    pub version: Digest,
    /// Content digest; of a system its composition digest.
    pub content: Digest,
    /// Digests of the files of the manifest.
    pub files: Vec<Digest>,
}

impl About {
    pub(crate) fn fits(&self, claim: &Claim) -> bool {
        match claim {
            Claim::Version(digest) => *digest == self.version,
            Claim::Content(digest) | Claim::Composition(digest) => *digest == self.content,
            Claim::File(digest) => self.files.contains(digest),
            Claim::Any(digest) => *digest == self.version || *digest == self.content || self.files.contains(digest),
        }
    }
}

impl Reading {
    /// Compares what the document says it is about with the version. A document that names digests without saying what they are of
    /// gets the member `bound` in its summary: whether one of them is of this version.
    ///
    /// # Errors
    /// `digest_mismatch` that names what the document says, when it is about something else.
    pub fn bind(mut self, about: &About) -> Result<Self, Refusal> {
        let contradicts = |claim: &&Claim| !matches!(claim, Claim::Any(_)) && !about.fits(claim);
        if let Some(claim) = self.claims.iter().find(contradicts) {
            return Err(mismatch(claim, about));
        }
        let open = self.claims.iter().any(|claim| matches!(claim, Claim::Any(_)));
        let bound = self.claims.iter().any(|claim| about.fits(claim));
        if let Value::Object(members) = &mut self.summary
            && (open || members.contains_key("bound"))
        {
            members.insert("bound".to_owned(), Value::Bool(bound));
        }
        Ok(self)
    }
}

/// The refusal of a document about something else.
fn mismatch(claim: &Claim, about: &About) -> Refusal {
    let (what, digest, field, own) = match claim {
        Claim::Version(digest) => ("version", digest, "subject.version_digest", Some(about.version)),
        Claim::Content(digest) => ("content", digest, "subject.content_digest", Some(about.content)),
        Claim::Composition(digest) => ("composition", digest, "subject.composition_digest", Some(about.content)),
        Claim::File(digest) | Claim::Any(digest) => ("file", digest, "subjects", None),
    };
    let message = match own {
        Some(own) => format!("the document is about {what} `{digest}`; the {what} of this version is `{own}`"),
        None => format!("the document is about {what} `{digest}`, which is not in this version"),
    };
    Refusal::new(Code::DigestMismatch, &message).field(field).remedy("attach it to the version that it was made for")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_about_something_else_is_refused_and_an_open_one_is_marked() {
        let [version, content, file, other] = ["version", "content", "file", "other"].map(|word| Digest::of(word.as_bytes()));
        let about = About { version, content, files: vec![file] };
        let cases = [
            (vec![], Some(json!({}))),
            (vec![Claim::Version(version), Claim::Content(content), Claim::Composition(content), Claim::File(file)], Some(json!({}))),
            (vec![Claim::Any(other)], Some(json!({"bound": false}))),
            (vec![Claim::Any(other), Claim::Any(file)], Some(json!({"bound": true}))),
            (vec![Claim::Any(version)], Some(json!({"bound": true}))),
            (vec![Claim::Any(content)], Some(json!({"bound": true}))),
            (vec![Claim::Version(content)], None),
            (vec![Claim::Content(other)], None),
            (vec![Claim::Composition(version)], None),
            (vec![Claim::Any(file), Claim::File(other)], None),
        ];
        for (claims, expected) in cases {
            let bound = Reading { format: "x", summary: json!({}), claims: claims.clone() }.bind(&about);
            match (bound, expected) {
                (Ok(reading), Some(summary)) => assert_eq!(reading.summary, summary, "{claims:?}"),
                (Err(refusal), None) => {
                    assert_eq!(refusal.code, Code::DigestMismatch, "{claims:?}");
                    crate::testing::check_style(&refusal);
                }
                (found, expected) => panic!("{claims:?}: {found:?} instead of {expected:?}"),
            }
        }
        // A reader that always says whether it is bound writes the member itself.
        let reading = Reading { format: "x", summary: json!({"bound": true}), claims: vec![] };
        assert_eq!(reading.bind(&about).unwrap().summary, json!({"bound": false}));
    }
}
