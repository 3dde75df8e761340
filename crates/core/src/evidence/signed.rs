//! Signed evidence: a DSSE envelope over an in-toto statement (standards.md b), in which a pipeline vouches for a document.
//!
//! A signature by a registered key of a pipeline makes the document `attested`. A signature that names a registered key and is not its
//! own is a forgery, and refused. One by a key that nobody registered proves nothing here: the document is kept as `claimed`, and its
//! summary says so.
//!
//! INVARIANT: what is read are the very bytes that were verified.

use serde_json::{Map, Value};

use super::EvidenceType;
use super::format::node::Node;
use super::format::{model_signature, provenance};
use super::json;
use super::read::read;
use super::reading::{About, Claim, Reading};
use crate::names::{Digest, FilePath, Grade};
use crate::refusal::{Code, Refusal};
use crate::signing::dsse::IN_TOTO_PAYLOAD_TYPE;
use crate::signing::{Envelope, ForeignKey};

/// Most signatures on a document.
pub const MAX_SIGNATURES: usize = 8;
/// Most keys that are tried for signatures which name none that is known here.
pub const MAX_TRIED: usize = 64;

/// Largest payload with which keys are tried that the envelope does not name, in bytes: each try hashes it whole.
const MAX_TRIED_BYTES: usize = 1024 * 1024;

/// Whether the signature of a key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A key in force of a pipeline that has access.
    Trusted,
    /// A key that was removed, or whose actor lost access.
    Ended,
    /// A key of a person or a service: they may sign, and it attests nothing.
    NoPipeline,
}

/// A registered key.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// SHA-256 of the SPKI DER.
    pub id: Digest,
    /// The key.
    pub key: ForeignKey,
    /// Whether its signature counts.
    pub standing: Standing,
}

/// A document with what its signatures are worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// What was read; none for a document that is kept unread.
    pub reading: Option<Reading>,
    /// Whether a pipeline vouches for it.
    pub grade: Grade,
    /// Ids of the trusted keys whose signature was verified.
    pub signed_by: Vec<String>,
}

impl Taken {
    /// A document without a signature.
    pub fn unsigned(reading: Option<Reading>) -> Self {
        Self { reading, grade: Grade::Claimed, signed_by: Vec::new() }
    }
}

/// How a statement carries a document of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried {
    /// The statement is the document.
    Statement,
    /// The signature is what counts, over whatever.
    Signature,
    /// As predicate of ours, or of CycloneDX or SPDX.
    Bill,
    /// As predicate of ours, or of CycloneDX.
    Exploitability,
    /// As predicate of ours.
    Predicate,
}

fn carried(evidence_type: EvidenceType) -> Carried {
    match evidence_type {
        EvidenceType::Provenance => Carried::Statement,
        EvidenceType::Signature => Carried::Signature,
        EvidenceType::Sbom => Carried::Bill,
        EvidenceType::Vex => Carried::Exploitability,
        EvidenceType::Evaluation
        | EvidenceType::ArtifactScan
        | EvidenceType::VulnerabilityReport
        | EvidenceType::ModelCard
        | EvidenceType::Datasheet
        | EvidenceType::Explainability
        | EvidenceType::RiskAssessment
        | EvidenceType::Review
        | EvidenceType::Reproducibility
        | EvidenceType::DriftReport
        | EvidenceType::Plan
        | EvidenceType::ChangeSummary
        | EvidenceType::Addendum
        | EvidenceType::Other => Carried::Predicate,
    }
}

/// The predicate type that carries a document of this type.
pub fn predicate_type(evidence_type: EvidenceType) -> String {
    match carried(evidence_type) {
        Carried::Statement => provenance::V1.to_owned(),
        Carried::Signature | Carried::Bill | Carried::Exploitability | Carried::Predicate => {
            format!("https://chancery.dev/evidence/{evidence_type}/v1")
        }
    }
}

/// The envelope that the bytes are; `None` when they are something else.
///
/// # Errors
/// `invalid_field` for an envelope that cannot be read, `too_large` for one with too many signatures.
pub fn envelope(bytes: &[u8]) -> Result<Option<Envelope>, Refusal> {
    // Only then a parse: most documents are none, and may have 64 MiB.
    let is_candidate = std::str::from_utf8(bytes).is_ok_and(|text| text.trim_start().starts_with('{') && text.contains("\"payloadType\""));
    if !is_candidate {
        return Ok(None);
    }
    let document = json::parse(bytes)?;
    if ["payload", "payloadType", "signatures"].iter().any(|member| document.get(member).is_none()) {
        return Ok(None);
    }
    let envelope: Envelope = serde_json::from_value(document)
        .map_err(|_| Refusal::invalid("document", "this is no DSSE envelope").remedy("write payload and signatures in base64, as DSSE v1 says"))?;
    let count = envelope.key_ids().count();
    if count == 0 {
        return Err(Refusal::invalid("document", "the envelope has no signature").remedy("attach the plain document, or sign it: `chancery evidence sign`"));
    }
    if count > MAX_SIGNATURES {
        return Err(Refusal::new(Code::TooLarge, &format!("the envelope has {count} signatures; at most {MAX_SIGNATURES} are checked")).field("document"));
    }
    if envelope.payload_type() != IN_TOTO_PAYLOAD_TYPE {
        return Err(Refusal::invalid("document", "the envelope holds no in-toto statement").remedy(&format!("use the payload type `{IN_TOTO_PAYLOAD_TYPE}`")));
    }
    Ok(Some(envelope))
}

/// Checks the signatures of an envelope and reads the document in it.
///
/// # Errors
/// `invalid_field` for a forged signature or a statement that does not fit the type; `digest_mismatch` when the statement names no digest
/// of the version; the refusals of the reader.
pub fn take(evidence_type: EvidenceType, envelope: &Envelope, known: &[KnownKey], about: &About) -> Result<Taken, Refusal> {
    let (signed_by, word) = check(envelope, known)?;
    let payload = json::parse(envelope.unverified_payload())?;
    let root = Node::document(&payload)?;
    let subjects = provenance::subjects(&root)?;
    if !subjects.iter().any(|digest| about.fits(&Claim::Any(*digest))) {
        return Err(Refusal::new(Code::DigestMismatch, "the signed statement names no digest of this version")
            .field("subject")
            .remedy("sign a statement about the content digest, the version digest or a file of this version"));
    }
    let reading = match carried(evidence_type) {
        Carried::Statement => read(evidence_type, envelope.unverified_payload())?,
        Carried::Signature => Some(signature(&signed_by)),
        Carried::Bill | Carried::Exploitability | Carried::Predicate => read(evidence_type, &document(evidence_type, &root)?)?,
    };
    let mut reading = reading.map(|mut reading| {
        if reading.summary.get("bound").is_some() {
            reading.claims.extend(subjects.iter().copied().map(Claim::Any));
        }
        reading
    });
    if let Some(Value::Object(summary)) = reading.as_mut().map(|reading| &mut reading.summary) {
        summary.insert("signature".to_owned(), Value::from(word));
    }
    let grade = if signed_by.is_empty() { Grade::Claimed } else { Grade::Attested };
    Ok(Taken { reading, grade, signed_by })
}

/// The ids of the trusted keys that signed, and the word for the summary.
fn check(envelope: &Envelope, known: &[KnownKey]) -> Result<(Vec<String>, &'static str), Refusal> {
    let mut signed_by = Vec::new();
    let mut word = "unknown key";
    let mut forged = Vec::new();
    let mut tries = if envelope.unverified_payload().len() > MAX_TRIED_BYTES { MAX_TRIED } else { 0 };
    for (position, named) in envelope.key_ids().enumerate() {
        let signer = match known.iter().find(|known| known.id.to_string() == named) {
            Some(known) if envelope.is_signed_at(position, &known.key) => Some(known),
            Some(known) => {
                forged.push(format!("`{}`", known.id));
                None
            }
            None => known.iter().filter(|known| known.standing == Standing::Trusted).find(|known| {
                tries += 1;
                tries <= MAX_TRIED && envelope.is_signed_at(position, &known.key)
            }),
        };
        match signer.map(|signer| (signer.standing, signer.id.to_string())) {
            Some((Standing::Trusted, id)) if !signed_by.contains(&id) => signed_by.push(id),
            Some((Standing::Trusted, _)) | None => {}
            Some((Standing::Ended, _)) => word = "removed key",
            Some((Standing::NoPipeline, _)) => word = "key of no pipeline",
        }
    }
    if !forged.is_empty() {
        return Err(Refusal::invalid("document", &format!("the signature is not that of the key that it names: {}", forged.join(", ")))
            .remedy("sign the document again with the key that is registered"));
    }
    Ok(if signed_by.is_empty() { (signed_by, word) } else { (signed_by, "verified") })
}

/// The document that a statement carries for a reader of the type.
fn document(evidence_type: EvidenceType, root: &Node<'_>) -> Result<Vec<u8>, Refusal> {
    let kind = root.need_text("predicateType")?;
    let of_others: &[&str] = match carried(evidence_type) {
        Carried::Bill => &["https://cyclonedx.org/", "https://spdx.dev/Document"],
        Carried::Exploitability => &["https://cyclonedx.org/"],
        Carried::Statement | Carried::Signature | Carried::Predicate => &[],
    };
    let fits = kind == predicate_type(evidence_type) || of_others.iter().any(|prefix| kind.starts_with(prefix));
    if !fits {
        return Err(root
            .need("predicateType")?
            .refuse(&format!("it does not carry a document of type {evidence_type}"))
            .remedy(&format!("use `{}`", predicate_type(evidence_type))));
    }
    let predicate = root.need("predicate")?;
    // A document that is no JSON is carried as text.
    if let (Some(text), 1) = (predicate.get("text"), predicate.object()?.len())
        && let Some(text) = text.value().as_str()
    {
        return Ok(text.as_bytes().to_vec());
    }
    serde_json::to_vec(predicate.value()).map_err(|_| predicate.refuse("it cannot be written as JSON"))
}

fn signature(signed_by: &[String]) -> Reading {
    let mut summary = Map::new();
    summary.insert("format".to_owned(), Value::from("dsse"));
    if let Some(id) = signed_by.first() {
        summary.insert("key_id".to_owned(), Value::from(id.as_str()));
    }
    summary.insert("verified".to_owned(), Value::from(!signed_by.is_empty()));
    Reading { format: "dsse", summary: Value::Object(summary), claims: Vec::new() }
}

/// Reads a model signature and compares it with the keys that are registered and the files of the version.
///
/// # Errors
/// The refusals of the reader; `digest_mismatch` when a known key signed other files.
pub fn take_model_signature(bytes: &[u8], known: &[KnownKey], files: &[(FilePath, Digest)]) -> Result<Taken, Refusal> {
    let mut reading = model_signature::read(bytes)?;
    let in_force: Vec<ForeignKey> = known.iter().filter(|known| known.standing != Standing::Ended).map(|known| known.key.clone()).collect();
    let files = files.iter().map(|(path, digest)| (path.to_string(), *digest)).collect();
    let signer = model_signature::verify(bytes, &in_force, &files)?;
    let trusted = known.iter().any(|known| Some(known.id) == signer && known.standing == Standing::Trusted);
    if let (Value::Object(summary), Some(id)) = (&mut reading.summary, signer) {
        summary.insert("key_id".to_owned(), Value::from(id.to_string()));
        summary.insert("verified".to_owned(), Value::from(true));
    }
    let signed_by = signer.filter(|_| trusted).map(|id| id.to_string()).into_iter().collect();
    Ok(Taken { reading: Some(reading), grade: if trusted { Grade::Attested } else { Grade::Claimed }, signed_by })
}

#[cfg(test)]
mod tests;
