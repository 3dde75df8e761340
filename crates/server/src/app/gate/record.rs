//! The verdict of a gate as it is kept: with the input document, so that anybody can evaluate the gate again.
//!
//! The files and facts of the version are payloads of their own, named by the digests in the document; they are left out and put
//! back. INVARIANT: what is put back counts only when its digest is the one that the verdict names.

use std::collections::BTreeMap;

use chancery_core::entry::Payload;
use chancery_core::manifest::Manifest;
use chancery_core::names::Digest;
use chancery_core::policy::{Fixity, Input, InputFile, Verdict};
use chancery_core::refusal::{Code, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{AppError, view};
use crate::fault::Fault;
use crate::store::Snapshot;

/// What is kept of a gate.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::app) struct Recorded {
    /// What it said.
    #[serde(flatten)]
    pub(in crate::app) verdict: Verdict,
    /// The input document without files and facts; none when it would be larger than a payload may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
}

/// The payload that an entry with a verdict names.
///
/// # Errors
/// `too_large` when the verdict alone is.
pub(super) fn payload(verdict: &Verdict, input: &Input) -> Result<Payload, Refusal> {
    let without = Recorded { verdict: verdict.clone(), input: None };
    let Some(left) = without_payloads(input) else { return Payload::json("verdict", &without) };
    match Payload::json("verdict", &Recorded { input: Some(left), ..without }) {
        Err(refusal) if refusal.code == Code::TooLarge => Payload::json("verdict", verdict),
        made => made,
    }
}

fn without_payloads(input: &Input) -> Option<Value> {
    let mut left = serde_json::to_value(input).ok()?;
    let version = left.get_mut("version")?.as_object_mut()?;
    let files = input.version.files.iter().filter(|file| file.fixity != Fixity::Intact);
    let not_intact: BTreeMap<&str, Fixity> = files.map(|file| (file.path.as_str(), file.fixity)).collect();
    version.insert("files".to_owned(), serde_json::to_value(not_intact).ok()?);
    version.remove("facts");
    Some(left)
}

impl Recorded {
    /// Reads what is kept of a gate.
    ///
    /// # Errors
    /// A fault when the payload is missing or damaged.
    pub(in crate::app) async fn read(snapshot: &Snapshot, payload: &Digest) -> Result<Self, AppError> {
        let bytes = view::payload(snapshot, payload).await?;
        Ok(serde_json::from_slice(&bytes).map_err(|error| Fault::database("read a stored verdict", error))?)
    }

    /// The input document of the gate; none when it was too large to be kept.
    ///
    /// # Errors
    /// A fault when a payload that it names is missing.
    pub(in crate::app) async fn input(&self, snapshot: &Snapshot) -> Result<Option<Input>, AppError> {
        let Some(mut kept) = self.input.clone() else { return Ok(None) };
        let broken = |error: serde_json::Error| Fault::database("read a stored input document", error);
        let version =
            kept.get_mut("version").and_then(Value::as_object_mut).ok_or_else(|| Fault::Config("a stored input document has no version".to_owned()))?;
        let digest = |name: &str, given: Option<&Value>| {
            let text = given.and_then(Value::as_str).unwrap_or_default();
            Digest::parse(text).map_err(|_| Fault::Config(format!("a stored input document has no {name}")))
        };
        let (content, facts) = (digest("content_digest", version.get("content_digest"))?, digest("facts_digest", version.get("facts_digest"))?);
        let not_intact: BTreeMap<String, Fixity> = serde_json::from_value(version.get("files").cloned().unwrap_or_default()).map_err(broken)?;
        let manifest: Manifest = serde_json::from_slice(&view::payload(snapshot, &content).await?).map_err(broken)?;
        let files: Vec<InputFile> = manifest
            .files()
            .iter()
            .map(|file| {
                let fixity = not_intact.get(file.path.as_str()).copied().unwrap_or(Fixity::Intact);
                InputFile { path: file.path.to_string(), size: file.size, digest: file.digest, fixity }
            })
            .collect();
        let mut sealed: Value = serde_json::from_slice(&view::payload(snapshot, &facts).await?).map_err(broken)?;
        view::take_grades(&mut sealed);
        version.insert("files".to_owned(), serde_json::to_value(files).map_err(broken)?);
        version.insert("facts".to_owned(), sealed);
        Ok(Some(serde_json::from_value(kept).map_err(broken)?))
    }
}
