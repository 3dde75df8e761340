//! The steps of an upload that touch its file; each runs on a blocking thread under the lock of the upload's state.

use std::fs::File;

use chancery_core::refusal::{Code, Refusal};
use tokio::sync::mpsc::Receiver;

use super::fault::{At, BlobError, BlobFault};
use super::receive::{self, Declared, Ended, Hashed, Message};
use super::sidecar::{self, Sidecar, UploadId};
use super::{Root, Stored, place};
use crate::crash::{CrashPoint, reach};

/// What is known of the bytes of an upload.
#[derive(Debug)]
pub(super) enum State {
    /// The file has exactly these bytes.
    Hashed(Hashed),
    /// The file must be read to know (restart, or a write that failed). Its bytes are a prefix of what the client sent.
    Unread,
    /// Checked and durable; only the rename may be missing.
    Sealed(Stored),
    /// Cancelled or discarded while somebody waited for the lock.
    Gone,
}

/// Receives a body at the end of the upload's bytes.
pub(super) fn append_now(
    root: &Root,
    id: &UploadId,
    state: &mut State,
    offset: u64,
    declared: &Declared,
    receiver: Receiver<Message>,
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
        Ok(Ended::Complete) => {
            // An offset that a client was told is on disk: after a power failure it can go on from there.
            sync_or_discard(root, id, state)?;
            // Crash after: the file has more bytes than the client was told, as above.
            reach(root.crash, CrashPoint::AfterPart);
            let length = hashed.length;
            *state = State::Hashed(hashed);
            Ok(length)
        }
        Ok(Ended::BrokenOff) => {
            let refusal = receive::broken_off(hashed.length).remedy("ask for the offset and send the rest");
            *state = State::Hashed(hashed);
            Err(refusal.into())
        }
        Err(BlobError::Refused(refusal)) => {
            File::options().write(true).open(&data).and_then(|file| file.set_len(before.length)).at("shorten", &data)?;
            *state = State::Hashed(before);
            Err(refusal.into())
        }
        Err(BlobError::Fault(fault)) => Err(fault.into()),
    }
}

/// Checks, seals and places an upload; what it has done before, it does not do again.
pub(super) fn complete_now(root: &Root, id: &UploadId, sidecar: &Sidecar, limit: u64, state: &mut State) -> Result<Stored, BlobError> {
    let data = root.data(id);
    let stored = match state {
        State::Gone => return Err(not_found(id).into()),
        State::Sealed(stored) => *stored,
        State::Hashed(_) | State::Unread => {
            let hashed = take_hashed(root, id, state)?;
            let stored = check(root, id, sidecar, state, hashed, limit)?;
            reach(root.crash, CrashPoint::BeforeSeal);
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
    sync_or_discard(root, id, state)?;
    *state = State::Hashed(hashed);
    Ok(stored)
}

/// Makes the bytes of an upload durable. If that fails the upload is gone: the kernel may have dropped the bytes, and a
/// second sync would succeed all the same.
fn sync_or_discard(root: &Root, id: &UploadId, state: &mut State) -> Result<(), BlobFault> {
    let synced = place::sync_bytes(&root.data(id));
    if synced.is_err() {
        *state = State::Gone;
        // The first fault is the one to tell; what cannot be removed expires.
        let _ = discard(root, id);
    }
    synced
}

/// Takes the running hash out of the state, which is `Unread` after this; reads the file if it must.
fn take_hashed(root: &Root, id: &UploadId, state: &mut State) -> Result<Hashed, BlobFault> {
    match std::mem::replace(state, State::Unread) {
        State::Hashed(hashed) => Ok(hashed),
        State::Unread | State::Sealed(_) | State::Gone => Hashed::of_file(&root.data(id)),
    }
}

/// How many bytes the upload has.
pub(super) fn length(root: &Root, id: &UploadId, state: &State) -> Result<u64, BlobError> {
    match state {
        State::Hashed(hashed) => Ok(hashed.length),
        State::Unread => place::size_of(&root.data(id))?.ok_or_else(|| not_found(id).into()),
        State::Sealed(stored) => Ok(stored.size),
        State::Gone => Err(not_found(id).into()),
    }
}

/// Removes an upload. Crash between: bytes without a sidecar, which the next start removes.
pub(super) fn discard(root: &Root, id: &UploadId) -> Result<(), BlobFault> {
    place::remove(&root.sidecar(id))?;
    place::remove(&root.data(id))
}

/// The upload is elsewhere.
pub(super) fn wrong_offset(given: u64, actual: u64) -> Refusal {
    Refusal::new(Code::OffsetMismatch, &format!("the upload is at offset {actual}, not {given}"))
        .field("offset")
        .remedy(&format!("send the bytes from offset {actual}"))
}

/// There is no such upload for this actor.
pub(super) fn not_found(id: &UploadId) -> Refusal {
    Refusal::not_found("upload", id.as_str())
}
