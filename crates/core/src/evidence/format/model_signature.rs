//! Model signatures: OMS bundles (`model.sig`, ossf/model-signing-spec v1.0; standards.md c).
//!
//! Reading checks the shape. Whether a key that is registered here made it, and over exactly the files of the version, is found out by
//! [`verify`]; keyless bundles are kept and said to be not verified.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::super::json;
use super::super::reading::Reading;
use super::member::{MAX_ITEMS, Member, put};
use crate::names::Digest;
use crate::refusal::{Code, Refusal};
use crate::signing::dsse::IN_TOTO_PAYLOAD_TYPE;
use crate::signing::statement::STATEMENT_TYPE;
use crate::signing::{Envelope, ForeignKey};

/// `predicateType` of OMS v1.0.
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
/// What every signer may leave out: what Git keeps, and the signature itself.
const ALWAYS_IGNORED: [&str; 5] = [".git", ".gitignore", ".gitattributes", ".github", "model.sig"];

/// Reads a bundle.
///
/// # Errors
/// `invalid_field` that names the member; `too_large`.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let document = json::parse(bytes)?;
    let root = Member::document(&document)?;
    let bundle = Bundle::open(&root)?;
    bundle.statement()?;
    let mut summary = Map::new();
    put(&mut summary, "format", Some("oms"));
    put(&mut summary, "verified", Some(false));
    Ok(Reading { format: "oms", summary: Value::Object(summary), claims: Vec::new() })
}

/// A bundle whose envelope was read.
struct Bundle {
    envelope: Envelope,
}

/// What a bundle signs: names with digests.
struct Signed {
    resources: BTreeMap<String, Digest>,
    /// Whether names and digests are what this registry compares: whole files, SHA-256, nothing left out.
    is_comparable: bool,
}

impl Bundle {
    fn open(root: &Member<'_>) -> Result<Self, Refusal> {
        let media_type = root.need_text("mediaType")?;
        if !media_type.starts_with("application/vnd.dev.sigstore.bundle") {
            return Err(root.need("mediaType")?.refuse("this is no Sigstore bundle").remedy("send the file `model.sig` of model-signing 1.0 or newer"));
        }
        root.need("verificationMaterial")?.object()?;
        let envelope = root.need("dsseEnvelope")?;
        let envelope: Envelope = serde_json::from_value(envelope.value().clone()).map_err(|_| envelope.refuse("this is no DSSE envelope"))?;
        if envelope.key_ids().count() != 1 || envelope.payload_type() != IN_TOTO_PAYLOAD_TYPE {
            return Err(root.need("dsseEnvelope")?.refuse("it does not hold one signature over an in-toto statement"));
        }
        Ok(Self { envelope })
    }

    fn statement(&self) -> Result<Signed, Refusal> {
        let payload = json::parse(self.envelope.unverified_payload())?;
        let root = Member::document(&payload)?;
        if root.need_text("_type")? != STATEMENT_TYPE || root.need_text("predicateType")? != PREDICATE_TYPE {
            return Err(root.refuse("the signed statement is no model signature of version 1.0"));
        }
        let predicate = root.need("predicate")?;
        let serialization = predicate.need("serialization")?;
        let mut is_comparable = serialization.need_text("method")? == "files" && serialization.need_text("hash_type")? == "sha256";
        is_comparable &= serialization.get("allow_symlinks").is_none_or(|flag| flag.value() == &Value::Bool(false));
        for ignored in serialization.list("ignore_paths")? {
            // The signer chooses this list: one that leaves the model out would sign nothing.
            is_comparable &= ALWAYS_IGNORED.contains(&ignored.text()?);
        }
        let mut resources = BTreeMap::new();
        let listed = predicate.need("resources")?.items()?;
        if listed.len() > MAX_ITEMS * 10 {
            return Err(predicate.need("resources")?.large(&format!("it lists {} files", listed.len())));
        }
        for resource in listed {
            let name = resource.need_text("name")?;
            let digest = resource.need_text("digest")?;
            match Digest::parse(digest) {
                Ok(digest) if resource.need_text("algorithm")? == "sha256" => {
                    if resources.insert(name.to_owned(), digest).is_some() {
                        return Err(resource.need("name")?.refuse("this name is listed twice"));
                    }
                }
                // Another hash is possible in a bundle, and not compared here.
                Ok(_) | Err(_) => is_comparable = false,
            }
        }
        Ok(Signed { resources, is_comparable })
    }
}

/// Compares a bundle with the keys that are registered and with the files of a version; gives the id of the key that signed exactly them.
///
/// # Errors
/// `digest_mismatch` when a registered key signed other files; `invalid_field` when the bundle names a registered key that did not sign it.
pub fn verify(bytes: &[u8], keys: &[ForeignKey], files: &BTreeMap<String, Digest>) -> Result<Option<Digest>, Refusal> {
    let document = json::parse(bytes)?;
    let root = Member::document(&document)?;
    let bundle = Bundle::open(&root)?;
    let signed = bundle.statement()?;
    let hint = match root.need("verificationMaterial")?.get("publicKey") {
        Some(key) => key.text_of("hint")?.map(str::to_owned),
        None => None,
    };
    let Some(key) = keys.iter().find(|key| bundle.envelope.is_signed_at(0, key)) else {
        let named = |key: &&ForeignKey| hint.is_some() && (key.pem_digest().ok() == hint || hint_of_raw(key) == hint);
        if let Some(key) = keys.iter().find(named) {
            let id = key.key_id().map(|id| id.to_string()).unwrap_or_default();
            return Err(Refusal::invalid("document", &format!("the bundle names key `{id}`, which did not sign it")).remedy("sign the model again"));
        }
        return Ok(None);
    };
    if !signed.is_comparable {
        return Ok(None);
    }
    let differs = |(name, digest): &(&String, &Digest)| files.get(*name) != Some(digest);
    if let Some((name, _)) = signed.resources.iter().find(differs) {
        let shown: String = name.chars().filter(|letter| !letter.is_control() && *letter != '`').take(200).collect();
        return Err(Refusal::new(Code::DigestMismatch, &format!("the signature is about other bytes: `{shown}` is not such a file of this version"))
            .field("document")
            .remedy("attach the signature to the version that it was made for"));
    }
    let is_left_out = |path: &String| {
        !signed.resources.contains_key(path) && !ALWAYS_IGNORED.iter().any(|ignored| path == ignored || path.starts_with(&format!("{ignored}/")))
    };
    if files.keys().any(is_left_out) {
        return Ok(None);
    }
    key.key_id().map(Some).map_err(|error| Refusal::invalid("document", &format!("the key cannot be named: {error}")))
}

/// Some producers hint with the SPKI DER in base64.
fn hint_of_raw(key: &ForeignKey) -> Option<String> {
    key.to_spki_der().ok().map(|der| BASE64_STANDARD.encode(der))
}

#[cfg(test)]
mod tests;
