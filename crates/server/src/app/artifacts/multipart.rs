//! Multipart uploads of the artifact proxy: begin, any number of parts in any order, complete or abort.
//!
//! MLflow's client sends the parts without its credentials, to the addresses that it was given. So the address of each part
//! carries a secret of its own that nobody can guess and that ends with the upload: who has it may send that part, and no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use chancery_core::names::{Digest, FilePath};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::rows::{Change, Key, Row as _};
use chancery_core::tables::{ArtifactFileRow, ArtifactUploadRow};
use futures_util::Stream;

use super::{Place, blob_error};
use crate::app::{App, AppError, Caller, view};
use crate::blobs::{Stored, UploadId};
use crate::crash::{CrashPoint, reach};
use crate::fault::{Fault, chain};
use crate::ids;
use crate::values;

/// Most parts of an upload (as S3 has it).
pub const MAX_PARTS: u64 = 10_000;
/// Most uploads that one actor may have open at once.
pub const MAX_OPEN: u64 = 100;
/// How long parts are taken, in seconds.
pub const LIFETIME: i64 = 24 * 60 * 60;
/// Old uploads that are removed when a new one begins.
const REMOVED_AT_ONCE: i64 = 100;

/// Makes the requests that complete or abort one upload take turns: a client that lost patience asks again while the first works.
#[derive(Debug, Default)]
pub(in crate::app) struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    fn of(&self, id: &UploadId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = turns.get(id.as_str()).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(id.to_string(), Arc::downgrade(&turn));
        turn
    }
}

/// An upload that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its identifier.
    pub id: UploadId,
    /// The secret of each part, from part 1 on.
    pub secrets: Vec<String>,
}

impl App {
    /// Begins an upload in `parts` parts.
    ///
    /// # Errors
    /// A place that cannot be written, no or too many parts, too many open uploads, a fault.
    pub async fn multipart_begin(&self, caller: &Caller, place: Place, parts: u64) -> Result<Begun, AppError> {
        let path = place.writable()?;
        if parts == 0 || parts > MAX_PARTS {
            return Err(Refusal::invalid("num_parts", &format!("an upload has 1 to {MAX_PARTS} parts, not {parts}")).into());
        }
        self.check_free(&path).await?;
        self.remove_old_uploads().await?;
        self.check_open_uploads(caller).await?;
        let id = UploadId::from_bytes(ids::random()?);
        let secret = ids::random::<32>()?.to_vec();
        let secrets = (1..=parts).map(|number| part_secret(&secret, number)).collect();
        let expires_at = self.now().plus_seconds(LIFETIME);
        let row = ArtifactUploadRow { upload_id: id.to_string(), path, actor_id: caller.actor.id.clone(), parts, secret, expires_at, digest: None };
        // The row first. Crash between: an upload without a folder takes no parts, and goes when it is old.
        self.store().scratch().put(&[row]).await?;
        self.blobs().begin_parts(&id).await?;
        Ok(Begun { id, secrets })
    }

    /// Stores a part for whoever has its secret; gives the digest, which is its ETag.
    ///
    /// # Errors
    /// `access_denied`, the same for an unknown upload, an unknown part, a wrong secret and one that has ended; what the artifact
    /// store refuses; a fault.
    pub async fn multipart_part<E>(
        &self,
        (id, number, secret): (&str, u64, &str),
        size: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Stored, AppError> {
        let denied = || Refusal::new(Code::AccessDenied, "the address of this part is not valid, or has ended").remedy("begin a new upload");
        let id = UploadId::parse(id).map_err(|_| denied())?;
        let row = self.store().read().await?.get::<ArtifactUploadRow>(values![id.to_string()]).await?;
        let row = row.filter(|row| row.digest.is_none() && row.expires_at > self.now() && (1..=row.parts).contains(&number)).ok_or_else(denied)?;
        // Digests are compared, so that the time it takes says nothing about the secret.
        if Digest::of(part_secret(&row.secret, number).as_bytes()) != Digest::of(secret.as_bytes()) {
            return Err(denied().into());
        }
        self.blobs().put_part(&id, number, size, body).await.map_err(blob_error)
    }

    /// Puts the parts together, each named with its ETag, and gives the file its path. Asking again gives the same answer.
    ///
    /// # Errors
    /// `not_found` for no upload of this caller at this place; parts that are not all of them in order, missing or others than
    /// their ETag says; a path that has become a folder; a fault.
    pub async fn multipart_complete(&self, caller: &Caller, place: Place, id: &str, parts: Vec<(u64, Digest)>) -> Result<(), AppError> {
        let (app, caller, id, path) = (self.clone(), caller.clone(), UploadId::parse(id)?, place.writable()?);
        // A task of its own: a client that goes away while a large file is hashed finds it complete when it asks again.
        let work = tokio::spawn(async move {
            let turn = app.inner.completing.of(&id);
            let _turn = turn.lock().await;
            let row = app.own_upload(&caller, &path, &id).await?;
            if row.digest.is_some() {
                return Ok(());
            }
            if !parts.iter().map(|(number, _)| *number).eq(1..=row.parts) {
                return Err(Refusal::invalid("parts", &format!("the upload has the parts 1 to {}; name each once, in order", row.parts)).into());
            }
            app.check_free(&path).await?;
            // Crash during or after this, before the rows: the parts are there, and the client completes the upload again.
            let stored = app.blobs().join_parts(&id, parts).await.map_err(blob_error)?;
            app.check_free(&path).await?;
            app.sent(&caller, stored.digest).await?;
            app.commit_upload(row, stored).await?;
            app.forget_parts(&id).await;
            Ok(())
        });
        work.await.map_err(|error| Fault::database("complete a multipart upload", error))?
    }

    /// Gives an upload up. A file that it has become stays; that there is no such upload is fine.
    ///
    /// # Errors
    /// `not_found` for an upload of another caller or place; a fault.
    pub async fn multipart_abort(&self, caller: &Caller, place: Place, id: &str) -> Result<(), AppError> {
        let (id, path) = (UploadId::parse(id)?, place.writable()?);
        let turn = self.inner.completing.of(&id);
        let _turn = turn.lock().await;
        if self.store().read().await?.get::<ArtifactUploadRow>(values![id.to_string()]).await?.is_none() {
            return Ok(());
        }
        let row = self.own_upload(caller, &path, &id).await?;
        self.remove_upload(&row, &id).await
    }

    /// One transaction: the path names the file, and the upload is complete.
    async fn commit_upload(&self, upload: ArtifactUploadRow, stored: Stored) -> Result<(), AppError> {
        let file = ArtifactFileRow { path: upload.path.clone(), digest: stored.digest, size: stored.size, updated_at: self.now() };
        let upload = ArtifactUploadRow { digest: Some(stored.digest), ..upload };
        let changes = [
            (Key { table: ArtifactFileRow::TABLE, values: values![file.path] }, Change::Put(file.to_values())),
            (Key { table: ArtifactUploadRow::TABLE, values: values![upload.upload_id] }, Change::Put(upload.to_values())),
        ];
        reach(self.inner.crash, CrashPoint::BeforeJoin);
        // The commit: the bytes are durable. Crash before: the upload is open as it was. Crash after: it is complete, and its
        // parts go when it is old.
        self.store().scratch().write(changes.into()).await?;
        reach(self.inner.crash, CrashPoint::AfterJoin);
        Ok(())
    }

    async fn own_upload(&self, caller: &Caller, path: &FilePath, id: &UploadId) -> Result<ArtifactUploadRow, AppError> {
        let row = self.store().read().await?.get::<ArtifactUploadRow>(values![id.to_string()]).await?;
        let own = row.filter(|row| row.actor_id == caller.actor.id && row.path == *path);
        Ok(own.ok_or_else(|| Refusal::not_found("upload", id.as_str()))?)
    }

    async fn check_open_uploads(&self, caller: &Caller) -> Result<(), AppError> {
        let text = "SELECT count(*) FROM artifact_uploads WHERE actor_id = $1 AND digest IS NULL";
        let rows = self.store().read().await?.query(text, &values![caller.actor.id]).await?;
        let open: u64 = view::column(rows.first().map_or(&[], Vec::as_slice), 0)?;
        if open >= MAX_OPEN {
            return Err(Refusal::new(Code::TooLarge, &format!("there are {MAX_OPEN} open multipart uploads already"))
                .remedy("complete or abort some of them")
                .into());
        }
        Ok(())
    }

    /// Removes uploads that have ended, with their parts.
    async fn remove_old_uploads(&self) -> Result<(), AppError> {
        let tail = "WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2";
        let old = self.store().read().await?.rows::<ArtifactUploadRow>(tail, &values![self.now(), REMOVED_AT_ONCE]).await?;
        for row in old {
            let id = UploadId::parse(&row.upload_id)?;
            // One that is being completed right now is left to the next time.
            if let Ok(_turn) = self.inner.completing.of(&id).try_lock() {
                self.remove_upload(&row, &id).await?;
            }
        }
        Ok(())
    }

    /// Crash between: an upload without parts, which cannot be completed and goes when it is old.
    async fn remove_upload(&self, row: &ArtifactUploadRow, id: &UploadId) -> Result<(), AppError> {
        self.blobs().drop_parts(id).await?;
        Ok(self.store().scratch().remove(vec![Key { table: ArtifactUploadRow::TABLE, values: values![row.upload_id] }]).await?)
    }

    /// The parts of a completed upload are of no use; what cannot be removed now goes when the upload is old.
    async fn forget_parts(&self, id: &UploadId) {
        if let Err(fault) = self.blobs().drop_parts(id).await {
            tracing::warn!(upload = %id, error = %chain(&fault), "the parts of a completed upload could not be removed");
        }
    }
}

/// The secret in the address of a part: only who has the secret of the upload can make it. (The number is parsed before, so the
/// hash cannot be extended.)
fn part_secret(secret: &[u8], number: u64) -> String {
    let text = [secret, b"/", number.to_string().as_bytes()].concat();
    Digest::of(&text).to_string()
}
