//! Taking in a document: it is read once, off the async threads, and compared with the version that it is added to.

use chancery_core::evidence::read::{check_size, limit, read};
use chancery_core::evidence::reading::About;
use chancery_core::evidence::signed::{self, Taken};
use chancery_core::evidence::{Body, EvidenceType, Read};
use chancery_core::names::{Digest, FilePath, Grade};
use chancery_core::refusal::Refusal;
use chancery_core::signing::Envelope;
use tokio::sync::Semaphore;

use super::{App, AppError};
use crate::fault::Fault;

/// Documents above this size are read one at a time: parsed, they need many times their size in memory.
const LARGE_BYTES: u64 = 1024 * 1024;
/// Largest document of a type that is kept unread in which a signature is looked for.
const MAX_ENVELOPE_BYTES: u64 = 1024 * 1024;
static LARGE: Semaphore = Semaphore::const_new(1);

/// A document that was taken in.
#[derive(Debug)]
pub struct Intake {
    /// What was read in it; none when it is kept unread.
    pub read: Option<Read>,
    /// Whether a pipeline vouches for it.
    pub grade: Grade,
    /// Ids of the trusted keys whose signature was verified.
    pub signed_by: Vec<String>,
}

impl App {
    /// What the registry reads in a document, and who vouches for it. `files` are those of the version.
    ///
    /// # Errors
    /// The refusal of the reader, `too_large`, `digest_mismatch` for a document about something else, `invalid_field` for a forged
    /// signature, or a fault.
    pub async fn read_document(&self, evidence_type: EvidenceType, body: &Body, about: About, files: Vec<(FilePath, Digest)>) -> Result<Intake, AppError> {
        let size = match body {
            Body::Payload(payload) => payload.bytes.len() as u64,
            Body::Blob { size, .. } => *size,
        };
        check_size(evidence_type, size)?;
        if limit(evidence_type).is_none() && size > MAX_ENVELOPE_BYTES {
            return Ok(Intake { read: None, grade: Grade::Claimed, signed_by: Vec::new() });
        }
        let failed = |error: tokio::sync::AcquireError| Fault::database("wait for a turn to read a document", error);
        let _turn = if size > LARGE_BYTES { Some(LARGE.acquire().await.map_err(failed)?) } else { None };
        let bytes = match body {
            Body::Payload(payload) => payload.bytes.clone(),
            Body::Blob { digest, size } => self.blobs().read_all(digest, *size).await?,
        };
        let (bytes, envelope) = off_thread(move || Ok((signed::envelope(&bytes)?, bytes))).await.map(|(envelope, bytes)| (bytes, envelope))?;
        let named: Vec<Digest> = envelope.iter().flat_map(Envelope::key_ids).filter_map(|id| Digest::parse(id).ok()).collect();
        let known = if envelope.is_some() || evidence_type == EvidenceType::Signature { self.known_keys(&named).await? } else { Vec::new() };
        off_thread(move || {
            let taken = match (&envelope, evidence_type) {
                (Some(envelope), _) => signed::take(evidence_type, envelope, &known, &about)?,
                (None, EvidenceType::Signature) => signed::take_model_signature(&bytes, &known, &files)?,
                (None, _) => Taken::unsigned(read(evidence_type, &bytes)?),
            };
            let read = taken.reading.map(|reading| Read::new(&reading.bind(&about)?)).transpose()?;
            Ok(Intake { read, grade: taken.grade, signed_by: taken.signed_by })
        })
        .await
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, AppError> {
    let done: Result<T, Refusal> = tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("read a document", error))?;
    Ok(done?)
}
