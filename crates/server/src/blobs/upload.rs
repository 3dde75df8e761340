//! Uploads in steps: create, append at an offset (again and again), complete. They survive a restart.
//!
//! INVARIANT: a [`State`] is changed only under its lock, and the thread that works on the file holds the lock until it is
//! done, even when the request that began the work is gone.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use futures_util::Stream;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::fault::{At, BlobError, BlobFault, blocking};
use super::receive::{self, Declared, Hashed};
use super::sidecar::{self, Sidecar, Stage, UploadId};
use super::step::{State, append_now, complete_now, discard, length, not_found, wrong_offset};
use super::{Blobs, Stored, place};

/// How long a question about an upload waits for an append that is just ending (its client may have gone already).
const PATIENCE: Duration = Duration::from_secs(5);

/// What a new upload is.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Its identifier, random.
    pub id: UploadId,
    /// Size in bytes, if the client knows it.
    pub size: Option<u64>,
    /// Digest, if the client knows it.
    pub digest: Option<Digest>,
    /// Who may append to it.
    pub actor: ActorId,
    /// Now.
    pub now: Timestamp,
}

/// An open upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its identifier.
    pub id: UploadId,
    /// How many bytes it has; the next append begins there.
    pub offset: u64,
    /// Declared size in bytes.
    pub size: Option<u64>,
    /// Declared digest.
    pub digest: Option<Digest>,
    /// When it was created.
    pub created: Timestamp,
}

/// An upload that is not finished.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) sidecar: Sidecar,
    pub(super) state: Arc<Mutex<State>>,
}

/// Where an upload stands for its actor.
enum Found {
    Open(Arc<Slot>),
    Sealed(Stored),
}

impl Blobs {
    /// Begins an upload. Refuses an identifier in use, a size over the limit, and too many open uploads of one actor.
    pub async fn create(&self, new: NewUpload) -> Result<Upload, BlobError> {
        let declared = self.declared(new.digest, new.size)?;
        let blobs = self.clone();
        blocking(move || blobs.create_now(new, &declared)).await?
    }

    /// Appends a body at `offset` and gives the new offset, which is durable.
    ///
    /// Refuses another offset than [`Blobs::offset`] (`offset_mismatch`), an append while one runs (`contended`), and a
    /// body that goes past the declared size or the limit (`too_large`; nothing of that body is kept). When a body breaks
    /// off, what had arrived is kept: ask for the offset and go on there.
    pub async fn append<E>(&self, id: &UploadId, actor: &ActorId, offset: u64, body: impl Stream<Item = Result<Bytes, E>>) -> Result<u64, BlobError> {
        let slot = match self.find(id, actor).await? {
            Found::Open(slot) => slot,
            Found::Sealed(stored) => return Err(wrong_offset(offset, stored.size).into()),
        };
        let mut state = Arc::clone(&slot.state).try_lock_owned().map_err(|_| contended())?;
        let permit = self.running()?;
        let (blobs, id, declared) = (self.clone(), id.clone(), slot.sidecar.declared(self.inner.limits.blob_bytes));
        let (sender, receiver) = receive::channel();
        let thread = blocking(move || {
            let _permit = permit;
            let offset = append_now(&blobs.inner.root, &id, &mut state, offset, &declared, receiver);
            if matches!(*state, State::Gone) {
                blobs.open_uploads().remove(&id);
            }
            offset
        });
        let ((), offset) = tokio::join!(receive::pump(body, sender, self.inner.limits.silence), thread);
        offset?
    }

    /// How many bytes the upload has; its size when it is complete. Refuses (`contended`) while an append runs.
    pub async fn offset(&self, id: &UploadId, actor: &ActorId) -> Result<u64, BlobError> {
        let slot = match self.find(id, actor).await? {
            Found::Open(slot) => slot,
            Found::Sealed(stored) => return Ok(stored.size),
        };
        let (state, root, id) = (lock(&slot).await?, self.inner.root.clone(), id.clone());
        blocking(move || length(&root, &id, &state)).await?
    }

    /// Checks the bytes against what was declared and makes them a blob. Asking again gives the same answer.
    ///
    /// Refuses when bytes are missing (`offset_mismatch`; the upload stays) and when the digest is another than the
    /// declared one (`digest_mismatch`; the upload is discarded).
    pub async fn complete(&self, id: &UploadId, actor: &ActorId) -> Result<Stored, BlobError> {
        let slot = match self.find(id, actor).await? {
            Found::Open(slot) => slot,
            Found::Sealed(stored) => return self.still_there(stored).await,
        };
        let (mut state, blobs, id) = (lock(&slot).await?, self.clone(), id.clone());
        blocking(move || {
            let done = complete_now(&blobs.inner.root, &id, &slot.sidecar, blobs.inner.limits.blob_bytes, &mut state);
            if done.is_ok() || matches!(*state, State::Gone) {
                blobs.open_uploads().remove(&id);
            }
            done
        })
        .await?
    }

    /// Removes an upload and its bytes. A blob that it has become stays.
    pub async fn cancel(&self, id: &UploadId, actor: &ActorId) -> Result<(), BlobError> {
        let found = self.find(id, actor).await?;
        let (blobs, id) = (self.clone(), id.clone());
        match found {
            Found::Sealed(_) => blocking(move || discard(&blobs.inner.root, &id)).await??,
            Found::Open(slot) => {
                let mut state = lock(&slot).await?;
                blocking(move || blobs.drop_open(&id, &mut state)).await??;
            }
        }
        Ok(())
    }

    fn create_now(&self, new: NewUpload, declared: &Declared) -> Result<Upload, BlobError> {
        let root = &self.inner.root;
        if place::size_of(&root.sidecar(&new.id))?.is_some() {
            return Err(in_use(&new.id).into());
        }
        let sidecar = Sidecar::new(declared, new.actor, new.now);
        let slot = Arc::new(Slot { sidecar, state: Arc::new(Mutex::new(State::Hashed(Hashed::default()))) });
        let mut state = Arc::clone(&slot.state).blocking_lock_owned();
        self.reserve(&new.id, &slot)?;
        let data = root.data(&new.id);
        // Crash between: bytes without a sidecar, which the next start removes.
        let made = File::create_new(&data).at("make", &data).and_then(|_| sidecar::write(root, &new.id, &slot.sidecar));
        if let Err(fault) = made {
            // What cannot be removed either has no sidecar, or is an upload that expires.
            let _ = self.drop_open(&new.id, &mut state);
            return Err(fault.into());
        }
        Ok(Upload { id: new.id, offset: 0, size: declared.size, digest: declared.digest, created: new.now })
    }

    /// Enters an upload if its actor may have one more.
    fn reserve(&self, id: &UploadId, slot: &Arc<Slot>) -> Result<(), Refusal> {
        let mut open = self.open_uploads();
        if open.contains_key(id) {
            return Err(in_use(id));
        }
        let limit = self.inner.limits.open_uploads;
        if open.values().filter(|other| other.sidecar.actor == slot.sidecar.actor).count() >= limit {
            return Err(Refusal::new(Code::TooLarge, &format!("there are {limit} open uploads already")).remedy("complete or cancel some of them"));
        }
        open.insert(id.clone(), Arc::clone(slot));
        Ok(())
    }

    /// The upload, if it is this actor's. That it is another's is not told.
    async fn find(&self, id: &UploadId, actor: &ActorId) -> Result<Found, BlobError> {
        let open = self.open_uploads().get(id).cloned();
        if let Some(slot) = open {
            return if slot.sidecar.actor == *actor { Ok(Found::Open(slot)) } else { Err(not_found(id).into()) };
        }
        let (root, name) = (self.inner.root.clone(), id.clone());
        let found = blocking(move || sidecar::read(&root, &name)).await??;
        match found {
            sidecar::Found::Sidecar(Sidecar { stage: Stage::Sealed { digest, size }, actor: owner, .. }) if owner == *actor => {
                Ok(Found::Sealed(Stored { digest, size }))
            }
            sidecar::Found::Sidecar(_) | sidecar::Found::Unreadable | sidecar::Found::Nothing => Err(not_found(id).into()),
        }
    }

    async fn still_there(&self, stored: Stored) -> Result<Stored, BlobError> {
        match self.contains(&stored.digest).await? {
            Some(_) => Ok(stored),
            None => Err(Refusal::not_found("blob", &stored.digest.to_string()).remedy("it was collected since; upload the file again").into()),
        }
    }

    /// Removes an open upload; the caller holds its lock.
    pub(super) fn drop_open(&self, id: &UploadId, state: &mut State) -> Result<(), BlobFault> {
        *state = State::Gone;
        self.open_uploads().remove(id);
        discard(&self.inner.root, id)
    }

    pub(super) fn open_uploads(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Slot>>> {
        // Every change of the map is one call, so a panic elsewhere cannot have left it half changed.
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn lock(slot: &Slot) -> Result<OwnedMutexGuard<State>, Refusal> {
    tokio::time::timeout(PATIENCE, Arc::clone(&slot.state).lock_owned()).await.map_err(|_| contended())
}

fn contended() -> Refusal {
    Refusal::new(Code::Contended, "another request is working on this upload").remedy("wait for it, then ask for the offset")
}

fn in_use(id: &UploadId) -> Refusal {
    Refusal::new(Code::AlreadyExists, &format!("upload `{id}` exists already"))
}
