//! Uploads in steps: create, append at an offset (again and again), complete. They survive a restart.
//!
//! INVARIANT: a [`State`] is changed only under its lock, and the thread that works on the file holds the lock until it is
//! done, even when the request that began the work is gone.

use std::collections::HashMap;
use std::fs::{self, File};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use futures_util::Stream;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::fault::{At, BlobError, BlobFault, blocking};
use super::receive::{self, Declared, Ended, Hashed};
use super::sidecar::{self, Sidecar, Stage, UploadId};
use super::{Blobs, Root, Stored, Tidier, place};

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
    sidecar: Sidecar,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    /// The file has exactly these bytes.
    Hashed(Hashed),
    /// The file must be read to know (restart, or a write that failed). Its bytes are a prefix of what the client sent.
    Unread,
    /// Checked and durable; only the rename may be missing.
    Sealed(Stored),
    /// Cancelled or discarded while somebody waited for the lock.
    Gone,
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
        let (root, id, declared) = (self.inner.root.clone(), id.clone(), slot.sidecar.declared(self.inner.limits.blob_bytes));
        let (sender, receiver) = receive::channel();
        let thread = blocking(move || {
            let _permit = permit;
            append_now(&root, &id, &mut state, offset, &declared, receiver)
        });
        let ((), offset) = tokio::join!(receive::pump(body, sender), thread);
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
            let done = complete_now(&blobs, &id, &slot.sidecar, &mut state);
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

    /// Removes every upload that was created before `older_than` and that nobody is appending to, and the sidecars of
    /// completed ones; gives how many.
    pub async fn expire(&self, older_than: Timestamp) -> Result<u64, BlobFault> {
        let blobs = self.clone();
        blocking(move || blobs.expire_now(older_than)).await?
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

    fn expire_now(&self, older_than: Timestamp) -> Result<u64, BlobFault> {
        let root = &self.inner.root;
        let mut removed = 0;
        if matches!(self.inner.tidier, Tidier::Another) {
            return Ok(removed);
        }
        for id in names(root)?.iter().filter_map(|name| UploadId::parse(name.strip_suffix(".json")?).ok()) {
            let sidecar::Found::Sidecar(sidecar) = sidecar::read(root, &id)? else { continue };
            if sidecar.created() >= older_than {
                continue;
            }
            let open = self.open_uploads().get(&id).cloned();
            match open.map(|slot| Arc::clone(&slot.state).try_lock_owned()) {
                Some(Err(_)) => continue,
                Some(Ok(mut state)) => self.drop_open(&id, &mut state)?,
                None => discard(root, &id)?,
            }
            removed += 1;
        }
        Ok(removed)
    }

    fn drop_open(&self, id: &UploadId, state: &mut State) -> Result<(), BlobFault> {
        *state = State::Gone;
        self.open_uploads().remove(id);
        discard(&self.inner.root, id)
    }

    fn open_uploads(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Slot>>> {
        // Every change of the map is one call, so a panic elsewhere cannot have left it half changed.
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `incoming` at start: ends what was sealed, keeps what can go on, removes the rest.
pub(super) fn recover(root: &Root) -> Result<HashMap<UploadId, Arc<Slot>>, BlobFault> {
    let mut open = HashMap::new();
    let names = names(root)?;
    for id in names.iter().filter_map(|name| UploadId::parse(name.strip_suffix(".json")?).ok()) {
        let bytes = place::size_of(&root.data(&id))?;
        match (sidecar::read(root, &id)?, bytes) {
            (sidecar::Found::Sidecar(Sidecar { stage: Stage::Sealed { digest, size }, .. }), Some(_)) => {
                // The crash came between seal and rename. The bytes were durable and checked before the seal was.
                place::place(root, &root.data(&id), Stored { digest, size })?;
            }
            // Completed; the sidecar stays so that a client that missed the answer can ask again.
            (sidecar::Found::Sidecar(Sidecar { stage: Stage::Sealed { .. }, .. }), None) => {}
            (sidecar::Found::Sidecar(sidecar), Some(_)) => {
                open.insert(id, Arc::new(Slot { sidecar, state: Arc::new(Mutex::new(State::Unread)) }));
            }
            // A cancel that a crash interrupted, or a damaged sidecar: nobody can go on with it.
            (sidecar::Found::Sidecar(_) | sidecar::Found::Unreadable | sidecar::Found::Nothing, _) => discard(root, &id)?,
        }
    }
    for name in names {
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        let sidecar = UploadId::parse(stem).ok().map(|id| root.sidecar(&id));
        let kept = match sidecar {
            Some(path) => place::size_of(&path)?.is_some(),
            None => false,
        };
        if !kept {
            place::remove(&root.incoming().join(name))?;
        }
    }
    Ok(open)
}

fn append_now(
    root: &Root,
    id: &UploadId,
    state: &mut State,
    offset: u64,
    declared: &Declared,
    receiver: tokio::sync::mpsc::Receiver<receive::Message>,
) -> Result<u64, BlobError> {
    let length = length(root, id, state)?;
    if offset != length || matches!(state, State::Sealed(_)) {
        return Err(wrong_offset(offset, length).into());
    }
    let data = root.data(id);
    // Unread from here: if anything below fails, the next request finds out from the file what it has.
    let mut hashed = take_hashed(root, id, state)?;
    let before = hashed.clone();
    // Crash during: the file has some more bytes than the client was told; it asks and goes on from there.
    match receive::write(&data, &mut hashed, declared, receiver) {
        Ok(ended) => {
            let length = hashed.length;
            *state = State::Hashed(hashed);
            match ended {
                Ended::Complete => Ok(length),
                Ended::BrokenOff => Err(receive::broken_off(length).remedy("ask for the offset and send the rest").into()),
            }
        }
        Err(BlobError::Refused(refusal)) => {
            File::options().write(true).open(&data).and_then(|file| file.set_len(before.length)).at("shorten", &data)?;
            *state = State::Hashed(before);
            Err(refusal.into())
        }
        Err(BlobError::Fault(fault)) => Err(fault.into()),
    }
}

fn complete_now(blobs: &Blobs, id: &UploadId, sidecar: &Sidecar, state: &mut State) -> Result<Stored, BlobError> {
    let root = &blobs.inner.root;
    let data = root.data(id);
    let stored = match state {
        State::Gone => return Err(not_found(id).into()),
        State::Sealed(stored) => *stored,
        State::Hashed(_) | State::Unread => {
            let hashed = take_hashed(root, id, state)?;
            let stored = check(root, id, sidecar, state, hashed, blobs.inner.limits.blob_bytes)?;
            // Crash before: the upload is open as it was, and the client completes it again.
            sidecar::write(root, id, &sidecar.clone().sealed(stored))?;
            // Crash after: the next start places it (`recover`).
            *state = State::Sealed(stored);
            stored
        }
    };
    if place::size_of(&data)?.is_some() {
        place::place(root, &data, stored)?;
    }
    Ok(stored)
}

/// Compares the bytes with what was declared and makes them durable.
fn check(root: &Root, id: &UploadId, sidecar: &Sidecar, state: &mut State, hashed: Hashed, limit: u64) -> Result<Stored, BlobError> {
    let declared = sidecar.declared(limit);
    let stored = Stored { digest: hashed.digest(), size: hashed.length };
    if let Err(refusal) = declared.check_size(stored.size) {
        *state = State::Hashed(hashed);
        return Err(refusal.into());
    }
    if let Err(refusal) = declared.check_digest(stored.digest) {
        *state = State::Gone;
        discard(root, id)?;
        return Err(refusal.into());
    }
    if let Err(fault) = place::sync_bytes(&root.data(id)) {
        // After a failed sync the kernel may have dropped the bytes, and a second sync would succeed all the same.
        *state = State::Gone;
        discard(root, id)?;
        return Err(fault.into());
    }
    *state = State::Hashed(hashed);
    Ok(stored)
}

/// Takes the running hash out of the state, which is `Unread` after this; reads the file if it must.
fn take_hashed(root: &Root, id: &UploadId, state: &mut State) -> Result<Hashed, BlobFault> {
    match std::mem::replace(state, State::Unread) {
        State::Hashed(hashed) => Ok(hashed),
        State::Unread | State::Sealed(_) | State::Gone => Hashed::of_file(&root.data(id)),
    }
}

fn length(root: &Root, id: &UploadId, state: &State) -> Result<u64, BlobError> {
    match state {
        State::Hashed(hashed) => Ok(hashed.length),
        State::Unread => place::size_of(&root.data(id))?.ok_or_else(|| not_found(id).into()),
        State::Sealed(stored) => Ok(stored.size),
        State::Gone => Err(not_found(id).into()),
    }
}

/// Removes an upload. Crash between: bytes without a sidecar, which the next start removes.
fn discard(root: &Root, id: &UploadId) -> Result<(), BlobFault> {
    place::remove(&root.sidecar(id))?;
    place::remove(&root.data(id))
}

async fn lock(slot: &Slot) -> Result<OwnedMutexGuard<State>, Refusal> {
    tokio::time::timeout(PATIENCE, Arc::clone(&slot.state).lock_owned()).await.map_err(|_| contended())
}

/// Names of the files in `incoming`; whatever else somebody put there is left alone.
fn names(root: &Root) -> Result<Vec<String>, BlobFault> {
    let path = root.incoming();
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).at("list", &path)? {
        let entry = entry.at("list", &path)?;
        match (entry.file_type().at("look at", &path)?.is_file(), entry.file_name().into_string()) {
            (true, Ok(name)) => names.push(name),
            (true, Err(_)) | (false, Ok(_) | Err(_)) => {}
        }
    }
    Ok(names)
}

fn contended() -> Refusal {
    Refusal::new(Code::Contended, "another request is working on this upload").remedy("wait for it, then ask for the offset")
}

fn wrong_offset(given: u64, actual: u64) -> Refusal {
    Refusal::new(Code::OffsetMismatch, &format!("the upload is at offset {actual}, not {given}"))
        .field("offset")
        .remedy(&format!("send the bytes from offset {actual}"))
}

fn not_found(id: &UploadId) -> Refusal {
    Refusal::not_found("upload", id.as_str())
}

fn in_use(id: &UploadId) -> Refusal {
    Refusal::new(Code::AlreadyExists, &format!("upload `{id}` exists already"))
}
