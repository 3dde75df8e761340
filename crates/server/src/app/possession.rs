//! Bytes that a caller may speak of: to know that the registry has them, and to make a version of them.
//!
//! Bytes are stored once, whoever sent them, and a digest is all that names them. Who learns the digest of a file of a model that he may
//! not read must not learn from it that the registry has the file, and must not get the file by registering the digest.
//! INVARIANT: whoever does not read every model has of the bytes only those of versions and documents that he may read, and those that he
//! sent himself. All others are as if they were not there; he sends them, which is no shorter than without them.

use std::collections::HashSet;

use chancery_core::manifest::Manifest;
use chancery_core::names::{Digest, Timestamp};
use chancery_core::rows::{Key, Row as _, Value};
use chancery_core::tables::BlobSenderRow;

use super::{App, AppError, Caller};
use crate::fault::Fault;
use crate::values;

/// Digests of one statement.
const CHUNK: usize = 500;
/// How long it is remembered who sent what, in seconds: a week. By then the bytes are part of a version that he may read, or he sends them
/// again.
pub const REMEMBERED_SECONDS: i64 = 7 * 86_400;
/// Rows that are forgotten at a time.
const FORGOTTEN: i64 = 1_000;

impl App {
    /// The size of a blob, if the caller has it.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn held_for(&self, caller: &Caller, digest: &Digest) -> Result<Option<u64>, AppError> {
        let Some(size) = self.blobs().contains(digest).await? else { return Ok(None) };
        Ok(self.not_had(caller, &[*digest]).await?.is_empty().then_some(size))
    }

    /// Remembers who sent some bytes, when he could not speak of them otherwise.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn sent(&self, caller: &Caller, digest: Digest) -> Result<(), AppError> {
        if !self.seen_by(caller).await?.is_limited() {
            return Ok(());
        }
        let row = BlobSenderRow { actor_id: caller.actor.id.clone(), digest, sent_at: self.now() };
        Ok(self.store().scratch().put(&[row]).await?)
    }

    /// Forgets who sent bytes longer ago than [`REMEMBERED_SECONDS`]; gives how many rows went. A job calls it.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn forget_senders(&self, now: Timestamp) -> Result<usize, Fault> {
        let mut gone = 0;
        loop {
            let old = "SELECT actor_id, digest FROM blob_senders WHERE sent_at < $1 LIMIT $2";
            let rows = self.store().read().await?.query(old, &values![now.plus_seconds(-REMEMBERED_SECONDS), FORGOTTEN]).await?;
            if rows.is_empty() {
                return Ok(gone);
            }
            gone += rows.len();
            self.store().scratch().remove(rows.into_iter().map(|values| Key { table: BlobSenderRow::TABLE, values }).collect()).await?;
        }
    }

    /// The files of a manifest that the caller does not have, be they here or not.
    pub(super) async fn files_not_had(&self, caller: &Caller, manifest: &Manifest) -> Result<Vec<Digest>, AppError> {
        let mut digests: Vec<Digest> = Vec::new();
        let mut known = HashSet::new();
        digests.extend(manifest.files().iter().map(|file| file.digest).filter(|digest| known.insert(*digest)));
        self.not_had(caller, &digests).await
    }

    async fn not_had(&self, caller: &Caller, digests: &[Digest]) -> Result<Vec<Digest>, AppError> {
        if self.sees_everything(caller) {
            return Ok(Vec::new());
        }
        let snapshot = self.seen_by(caller).await?;
        if !snapshot.is_limited() {
            return Ok(Vec::new());
        }
        let mut had: HashSet<String> = HashSet::new();
        for chunk in digests.chunks(CHUNK) {
            let places = |first: usize| (first..first + chunk.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
            let mut parameters: Vec<Value> = chunk.iter().flat_map(|digest| values![*digest]).collect();
            let used = format!("SELECT digest FROM blob_uses WHERE digest IN ({})", places(1));
            let mut rows = snapshot.query(&used, &parameters).await?;
            parameters.insert(0, values![caller.actor.id].remove(0));
            let sent = format!("SELECT digest FROM blob_senders WHERE actor_id = $1 AND digest IN ({})", places(2));
            rows.extend(snapshot.query(&sent, &parameters).await?);
            had.extend(rows.into_iter().flatten().filter_map(|value| if let Value::Text(digest) = value { Some(digest) } else { None }));
        }
        Ok(digests.iter().filter(|digest| !had.contains(&digest.to_string())).copied().collect())
    }
}
