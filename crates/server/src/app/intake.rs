//! Taking in a document: it is read once, off the async threads, and compared with the version that it is added to.

use chancery_core::evidence::format::plain;
use chancery_core::evidence::read::{check_size, limit, read};
use chancery_core::evidence::reading::About;
use chancery_core::evidence::{Body, EvidenceType, Read};
use chancery_core::refusal::Refusal;
use tokio::sync::Semaphore;

use super::AppError;
use crate::blobs::Blobs;
use crate::fault::Fault;

/// Documents above this size are read one at a time: parsed, they need many times their size in memory.
const LARGE_BYTES: u64 = 1024 * 1024;
static LARGE: Semaphore = Semaphore::const_new(1);

/// What the registry reads in a document; `None` when it is kept unread.
///
/// # Errors
/// The refusal of the reader, `too_large`, `digest_mismatch` for a document about something else, or a fault.
pub async fn read_document(blobs: &Blobs, evidence_type: EvidenceType, body: &Body, about: About) -> Result<Option<Read>, AppError> {
    let size = match body {
        Body::Payload(payload) => payload.bytes.len() as u64,
        Body::Blob { size, .. } => *size,
    };
    check_size(evidence_type, size)?;
    if limit(evidence_type).is_none() && size > plain::MAX_BYTES as u64 {
        return Ok(None);
    }
    let failed = |error: tokio::sync::AcquireError| Fault::database("wait for a turn to read a document", error);
    let _turn = if size > LARGE_BYTES { Some(LARGE.acquire().await.map_err(failed)?) } else { None };
    let bytes = match body {
        Body::Payload(payload) => payload.bytes.clone(),
        Body::Blob { digest, size } => blobs.read_all(digest, *size).await?,
    };
    let work = move || {
        let reading = read(evidence_type, &bytes)?;
        reading.map(|reading| Read::new(&reading.bind(&about)?)).transpose()
    };
    let read: Result<Option<Read>, Refusal> = tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("read a document", error))?;
    Ok(read?)
}
