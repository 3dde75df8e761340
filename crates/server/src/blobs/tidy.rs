//! What is left in `incoming`: after a crash (at start), and after clients that never came back (a job).

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use chancery_core::names::Timestamp;
use tokio::sync::Mutex;

use super::fault::{At, BlobFault, blocking};
use super::sidecar::{self, Found, Sidecar, Stage, UploadId};
use super::step::{State, discard};
use super::upload::Slot;
use super::{Blobs, Root, Stored, Tidier, place};

impl Blobs {
    /// Removes every upload that was created before `older_than` and that nobody is appending to, and the sidecars of
    /// completed ones; gives how many.
    pub async fn expire(&self, older_than: Timestamp) -> Result<u64, BlobFault> {
        let blobs = self.clone();
        blocking(move || blobs.expire_now(older_than)).await?
    }

    fn expire_now(&self, older_than: Timestamp) -> Result<u64, BlobFault> {
        let root = &self.inner.root;
        let mut removed = 0;
        if matches!(self.inner.tidier, Tidier::Another) {
            return Ok(removed);
        }
        for id in names(root)?.iter().filter_map(|name| UploadId::parse(name.strip_suffix(".json")?).ok()) {
            let Found::Sidecar(sidecar) = sidecar::read(root, &id)? else { continue };
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
}

/// Reads `incoming` at start: ends what was sealed, keeps what can go on, removes the rest.
pub(super) fn recover(root: &Root) -> Result<HashMap<UploadId, Arc<Slot>>, BlobFault> {
    let mut open = HashMap::new();
    let names = names(root)?;
    for id in names.iter().filter_map(|name| UploadId::parse(name.strip_suffix(".json")?).ok()) {
        let bytes = place::size_of(&root.data(&id))?;
        match (sidecar::read(root, &id)?, bytes) {
            (Found::Sidecar(Sidecar { stage: Stage::Sealed { digest, size }, .. }), Some(_)) => {
                // The crash came between seal and rename. The bytes were durable and checked before the seal was.
                place::place(root, &root.data(&id), Stored { digest, size })?;
            }
            // Completed; the sidecar stays so that a client that missed the answer can ask again.
            (Found::Sidecar(Sidecar { stage: Stage::Sealed { .. }, .. }), None) => {}
            (Found::Sidecar(sidecar), Some(_)) => {
                open.insert(id, Arc::new(Slot { sidecar, state: Arc::new(Mutex::new(State::Unread)) }));
            }
            // A cancel that a crash interrupted, or a damaged sidecar: nobody can go on with it.
            (Found::Sidecar(_) | Found::Unreadable | Found::Nothing, _) => discard(root, &id)?,
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

/// Names of the files in `incoming`; whatever else somebody put there is left alone.
fn names(root: &Root) -> Result<Vec<String>, BlobFault> {
    let path = root.incoming();
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).at("list", &path)? {
        let entry = entry.at("list", &path)?;
        if entry.file_type().at("look at", &path)?.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}
