//! The composition of a version of a system: the frozen versions that it is made of (SYS-1).
//!
//! The server finds out what the references of the caller mean and seals model, number and version digest of each part in the facts;
//! roles and digests are also in the manifest, so the content digest of such a version is the digest of its composition. A part has
//! to exist before, so no composition can lead back to itself.

use serde::{Deserialize, Serialize};

use crate::command::Stop;
use crate::entry::Payload;
use crate::manifest::{Manifest, Pin};
use crate::names::{Digest, Label, ModelId, ModelKind, State, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{CompositionRow, ModelRow, VersionRow};

use super::Origin;

/// Most parts of a version.
pub const MAX_COMPONENTS: usize = 100;
/// How deep systems may contain systems.
pub const MAX_DEPTH: u64 = 8;

/// A part, as it is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is in the system. `model`, `adapter`, `prompt`, `index`, `dataset` and `system` say which kind it must have.
    pub role: Label,
    /// `name/3`, with the name at registration.
    pub reference: String,
    /// Kind of its model.
    pub kind: ModelKind,
    /// Its model.
    pub model: ModelId,
    /// Its number.
    pub number: VersionNumber,
    /// Its version digest.
    pub version_digest: Digest,
}

impl Part {
    /// What the manifest says of it.
    pub fn pin(&self) -> Pin {
        Pin { role: self.role.clone(), version_digest: self.version_digest }
    }
}

#[derive(Default, Deserialize)]
struct Sealed {
    composition: Option<Vec<Part>>,
}

/// Checks what a version that is to be registered is made of.
///
/// # Errors
/// [`Stop`]: a system without a composition, or a composition of anything else; a part that does not fit; nesting that is too deep.
pub(super) fn check(rows: &mut Rows, model: &ModelRow, manifest: &Manifest, facts: &Payload, origin: Option<&Origin>) -> Result<(), Stop> {
    let unread = |error: serde_json::Error| Refusal::invalid("facts.composition", &format!("`facts.composition` cannot be read: {error}"));
    let sealed: Sealed = serde_json::from_slice(&facts.bytes).map_err(unread)?;
    let parts = sealed.composition.unwrap_or_default();
    check_kind(model, &parts, manifest)?;
    if parts.is_empty() {
        return Ok(());
    }
    if origin.is_some() && manifest.files().is_empty() {
        return Err(Refusal::invalid("origin", "a version of a system without files has no source: its parts are all that there is").into());
    }
    check_list(&parts, manifest)?;
    // It goes on where rows are missing, so that all are asked for at once.
    let mut all = Ok(());
    for (at, part) in parts.iter().enumerate() {
        match check_part(rows, model, part, &format!("facts.composition[{at}]")) {
            Ok(()) => {}
            Err(Stop::Missing(Missing::Row)) => all = Err(Missing::Row),
            Err(stop) => return Err(stop),
        }
    }
    let depth = depth(rows, &parts);
    all?;
    if depth? > MAX_DEPTH {
        let message = format!("the composition would be nested over {MAX_DEPTH} systems deep");
        return Err(Refusal::new(Code::TooLarge, &message).field("facts.composition").remedy("name the inner parts in this system itself").into());
    }
    Ok(())
}

fn check_kind(model: &ModelRow, parts: &[Part], manifest: &Manifest) -> Result<(), Refusal> {
    match (model.kind == ModelKind::System, parts.is_empty() && manifest.pins().is_empty()) {
        (true, true) => Err(Refusal::invalid("facts.composition", &format!("a version of the system `{}` needs a composition", model.name))
            .remedy("say which versions it is made of: `facts.composition`, or `--component model=NAME/3 --component prompt=NAME@ALIAS`")),
        (false, false) => Err(Refusal::invalid("facts.composition", &format!("only systems have a composition; `{}` is a {}", model.name, model.kind))
            .remedy("create an entry of kind `system` (`chancery system create`)")),
        (true, false) | (false, true) => Ok(()),
    }
}

fn check_list(parts: &[Part], manifest: &Manifest) -> Result<(), Refusal> {
    if parts.len() > MAX_COMPONENTS {
        let message = format!("the composition has {} parts; at most {MAX_COMPONENTS} are accepted", parts.len());
        return Err(Refusal::new(Code::TooLarge, &message).field("facts.composition"));
    }
    for (at, part) in parts.iter().enumerate() {
        let is_same = |other: &&Part| (&other.role, &other.model, other.number) == (&part.role, &part.model, part.number);
        if parts.iter().take(at).any(|other| is_same(&other)) {
            let message = format!("`{}` is there twice in the role `{}`", part.reference, part.role);
            return Err(Refusal::invalid(&format!("facts.composition[{at}]"), &message).remedy("name it once, or in another role"));
        }
    }
    let mut pins: Vec<Pin> = parts.iter().map(Part::pin).collect();
    pins.sort();
    if pins != manifest.pins() {
        return Err(Refusal::new(Code::DigestMismatch, "the manifest pins other versions than the facts").field("facts.composition"));
    }
    Ok(())
}

fn check_part(rows: &mut Rows, system: &ModelRow, part: &Part, place: &str) -> Result<(), Stop> {
    let refused = |code, message: String, remedy: &str| Refusal::new(code, &message).field(&format!("{place}.reference")).remedy(remedy);
    if part.model == system.model_id {
        let message = format!("`{}` is a version of `{}` itself: a system cannot contain itself", part.reference, system.name);
        return Err(refused(Code::InvalidField, message, "name the parts that the earlier version is made of").into());
    }
    // Both are asked for before either is looked at: one load instead of two.
    let (version, model) = (rows.get::<VersionRow>(&[&part.model, &part.number]), rows.get::<ModelRow>(&[&part.model]));
    let not_found = || Refusal::not_found("version", &part.reference).field(&format!("{place}.reference"));
    let (version, model) = (version?.ok_or_else(not_found)?, model?.ok_or_else(not_found)?);
    if version.hidden || version.state == State::Retired {
        let word = if version.hidden { "hidden" } else { "retired" };
        let message = format!("`{}` is {word} and becomes no part of a new version", part.reference);
        return Err(refused(Code::InvalidField, message, "take a version that may still be used").into());
    }
    if version.version_digest != part.version_digest {
        let message = format!("`{}` has another version digest than `{}`", part.reference, part.version_digest);
        return Err(Refusal::new(Code::DigestMismatch, &message)
            .field(&format!("{place}.version_digest"))
            .remedy("leave the digest out to take what the registry has")
            .into());
    }
    Ok(check_role(part, model.kind, place)?)
}

/// Whether a part of this kind may stand in its role.
fn check_role(part: &Part, kind: ModelKind, place: &str) -> Result<(), Refusal> {
    let accepted: &[ModelKind] = match part.role.as_str() {
        "model" => &[ModelKind::Model],
        "adapter" => &[ModelKind::Adapter],
        "prompt" => &[ModelKind::Prompt],
        "index" | "dataset" => &[ModelKind::Dataset],
        "system" => &[ModelKind::System],
        _ => &[ModelKind::Model, ModelKind::Adapter, ModelKind::Prompt, ModelKind::Dataset, ModelKind::System],
    };
    if accepted.contains(&kind) && part.kind == kind {
        return Ok(());
    }
    let words: Vec<&str> = accepted.iter().map(|kind| kind.as_str()).collect();
    Err(Refusal::invalid(&format!("{place}.role"), &format!("`{}` is a {kind}, which cannot stand in the role `{}`", part.reference, part.role))
        .remedy(&format!("the role takes: {}", words.join(", "))))
}

/// How deep a composition of these parts nests: 1 when no part is a system.
///
/// # Errors
/// [`Missing`], for all rows that must be loaded at once.
pub(crate) fn depth(rows: &mut Rows, parts: &[Part]) -> Result<u64, Missing> {
    let (mut deepest, mut all) = (0, Ok(()));
    for part in parts {
        match rows.get::<CompositionRow>(&[&part.model, &part.number]) {
            Ok(row) => deepest = deepest.max(row.map_or(0, |row| row.depth)),
            Err(Missing::Row) => all = Err(Missing::Row),
            Err(bad @ Missing::Bad(_)) => return Err(bad),
        }
    }
    all.map(|()| deepest + 1)
}

#[cfg(test)]
mod tests;
