//! How a finished temporary file becomes a blob: the only code that puts a name under `sha256`.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::fault::{At, BlobFault};
use super::{Root, Stored};
use crate::crash::{CrashPoint, reach};

/// A new name in `incoming` that no sidecar names, so that a restart removes it.
pub(super) fn temporary(root: &Root) -> Result<PathBuf, BlobFault> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string())).at("name a file in", &root.incoming())?;
    Ok(root.incoming().join(format!("put{}", hex::encode(random))))
}

/// Makes the bytes of `path` durable. A crash before this returns loses some of them; a crash after does not.
pub(super) fn sync_bytes(path: &Path) -> Result<(), BlobFault> {
    File::open(path).and_then(|file| file.sync_data()).at("sync", path)
}

/// Moves the file at `path` to its address. The caller has checked its digest and size and made its bytes durable.
pub(super) fn place(root: &Root, path: &Path, stored: Stored) -> Result<(), BlobFault> {
    let target = root.blob(&stored.digest);
    let existing = size_of(&target)?;
    if existing == Some(stored.size) {
        // The same content is there: ours is not needed. Crash here: ours is a leftover that the next start removes or
        // places again. A file of another size is broken and is replaced below by bytes that were just checked.
        fs::remove_file(path).at("remove", path)?;
    } else {
        if let Some(size) = existing {
            tracing::warn!(blob = %stored.digest, size, expected = stored.size, "replaced a blob of the wrong size by an upload of the right bytes");
        }
        // The mode guards against accidents only, so it is not worth a sync: a power failure may bring the old one back.
        fs::set_permissions(path, Permissions::from_mode(0o444)).at("protect", path)?;
        reach(root.crash, CrashPoint::BeforeRename);
        // Crash before: the temporary file only. Crash after, before the sync: either name, never half a file, because
        // the bytes were synced first. Two completions of one content may both rename: the second replaces equal bytes.
        fs::rename(path, &target).at("place", &target)?;
        reach(root.crash, CrashPoint::AfterRename);
    }
    // In both cases: the one who renamed first may not have synced yet, and our answer must be true after a crash.
    sync_folder(&root.shard(&stored.digest))?;
    // Crash before this: the old name may reappear beside the new one; the next start removes or places it again.
    sync_folder(&root.incoming())
}

/// Size of the file, or none if there is no such file.
pub(super) fn size_of(path: &Path) -> Result<Option<u64>, BlobFault> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("look at", path),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), BlobFault> {
    File::open(path).and_then(|folder| folder.sync_all()).at("sync folder", path)
}

/// Removes a file; that there is none is fine.
pub(super) fn remove(path: &Path) -> Result<(), BlobFault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", path),
        Ok(()) | Err(_) => Ok(()),
    }
}
