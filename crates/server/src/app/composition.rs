//! What the references in the facts of a new version mean: parts of a system, which must be found, and parents, which may be elsewhere.
//!
//! References are looked up once, here, and what they meant is sealed: an alias that moves later changes nothing.

use chancery_core::manifest::Pin;
use chancery_core::names::{Digest, Label, ModelKind, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ModelRow, VersionRow};
use chancery_core::version::composition::Part;
use serde_json::{Value, json};

use super::reference::{self, Reference};
use super::{AppError, view};
use crate::store::Snapshot;
use crate::values;

/// Systems inside of a part, however deep.
const CONTAINS: &str = "WITH RECURSIVE inside(model_id, number) AS (
        SELECT part_model, part_number FROM components WHERE model_id = $1 AND number = $2
        UNION SELECT components.part_model, components.part_number FROM inside
            JOIN components ON components.model_id = inside.model_id AND components.number = inside.number
    ) SELECT number FROM inside WHERE model_id = $3 LIMIT 1";

/// Replaces the references in `facts` by what they mean. Gives what the manifest of the version pins.
///
/// # Errors
/// `not_found`, `digest_mismatch` or `invalid_field` that names the part; `digest_mismatch` for a parent with another digest.
pub(super) async fn resolve(snapshot: &Snapshot, model: &ModelRow, facts: &mut Value) -> Result<Vec<Pin>, AppError> {
    let mut pins = Vec::new();
    if let Some(parts) = facts.get_mut("composition").and_then(Value::as_array_mut) {
        for (at, given) in parts.iter_mut().enumerate() {
            let part = part(snapshot, model, given, &format!("facts.composition[{at}]")).await?;
            pins.push(part.pin());
            *given = json!(part);
        }
    }
    if let Some(parents) = facts.get_mut("parents").and_then(Value::as_array_mut) {
        for (at, given) in parents.iter_mut().enumerate() {
            parent(snapshot, given, &format!("facts.parents[{at}]")).await?;
        }
    }
    Ok(pins)
}

async fn part(snapshot: &Snapshot, system: &ModelRow, given: &Value, place: &str) -> Result<Part, AppError> {
    let text = |member: &str| given.get(member).and_then(Value::as_str).unwrap_or_default();
    let at = |refusal: Refusal, member: &str| refusal.field(&format!("{place}.{member}"));
    let role = Label::parse(text("role")).map_err(|refusal| at(refusal, "role"))?;
    let asked = Reference::parse(text("reference")).map_err(|refusal| at(refusal, "reference"))?;
    let (model, version) = match reference::resolve(snapshot, &asked).await {
        Ok(found) => found,
        Err(AppError::Refused(refusal, _)) => return Err(at(*refusal, "reference").into()),
        Err(fault @ AppError::Fault(_)) => return Err(fault),
    };
    let part = Part {
        role,
        reference: format!("{}/{}", model.name, version.number),
        kind: model.kind,
        model: model.model_id,
        number: version.number,
        version_digest: version.version_digest,
    };
    check_given(given, &part, place)?;
    if model.kind == ModelKind::System {
        let inside = snapshot.everything().query(CONTAINS, &values![part.model, part.number, system.model_id]).await?;
        if let Some(row) = inside.first() {
            let number: VersionNumber = view::column(row, 0)?;
            let message = format!("`{}` contains `{}/{number}`: a system cannot contain itself", part.reference, system.name);
            return Err(at(Refusal::invalid("", &message).remedy("name the inner parts in this system itself"), "reference").into());
        }
    }
    Ok(part)
}

/// What the caller says of a part beside its reference must be so.
fn check_given(given: &Value, part: &Part, place: &str) -> Result<(), Refusal> {
    let sealed = json!(part);
    for member in ["kind", "model", "number", "version_digest"] {
        let is_so = match given.get(member) {
            None | Some(Value::Null) => true,
            Some(said) if member == "version_digest" => said.as_str().and_then(|text| Digest::parse(text).ok()) == Some(part.version_digest),
            Some(said) => sealed.get(member) == Some(said),
        };
        if !is_so {
            let message = format!("`{}` has another {member} than the composition says", part.reference);
            return Err(Refusal::new(Code::DigestMismatch, &message)
                .field(&format!("{place}.{member}"))
                .remedy("leave it out to take what the registry has, or name the version that you mean"));
        }
    }
    Ok(())
}

/// Seals which version of the registry a parent is. One that is not found here is elsewhere: then only what the caller says is kept.
async fn parent(snapshot: &Snapshot, given: &mut Value, place: &str) -> Result<(), AppError> {
    if let Some(members) = given.as_object_mut() {
        members.remove("resolved");
    }
    let text = given.as_str().or_else(|| given.get("reference").and_then(Value::as_str)).unwrap_or_default();
    // A bare name means no version: what is the newest one today is not what somebody trained on.
    if !text.contains(['/', '@', ':']) {
        return Ok(());
    }
    let Ok(asked) = Reference::parse(text) else { return Ok(()) };
    let (_, version) = match reference::resolve(snapshot, &asked).await {
        Ok(found) => found,
        Err(AppError::Refused(..)) => return Ok(()),
        Err(fault @ AppError::Fault(_)) => return Err(fault),
    };
    let claimed = given.get("digest").and_then(Value::as_str).and_then(|digest| Digest::parse(digest).ok());
    if let Some(digest) = claimed
        && !has_digest(snapshot, &version, digest).await?
    {
        let message = format!("`{digest}` is no digest of `{}`", chancery_core::names::clipped(text));
        return Err(Refusal::new(Code::DigestMismatch, &message)
            .field(&format!("{place}.digest"))
            .remedy("give its version digest, its content digest or that of one of its files, or name the version that has it")
            .into());
    }
    if given.is_string() {
        *given = json!({"reference": text});
    }
    if let Some(members) = given.as_object_mut() {
        members.insert("resolved".to_owned(), json!({"model": version.model_id, "number": version.number, "version_digest": version.version_digest}));
    }
    Ok(())
}

/// Whether a digest is that of the version, of its content or of one of its files.
async fn has_digest(snapshot: &Snapshot, version: &VersionRow, digest: Digest) -> Result<bool, AppError> {
    if digest == version.version_digest || digest == version.content_digest {
        return Ok(true);
    }
    Ok(view::manifest(snapshot, version).await?.files().iter().any(|file| file.digest == digest))
}
