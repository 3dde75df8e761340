//! SHA-256 of local files, block by block, so that memory does not grow with the file.

use std::io::Read as _;
use std::path::Path;

use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::names::{Digest, FilePath};
use chancery_inspect::{Files as _, Folder};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::Digest as _;

use super::failure::Failure;

/// Bytes that are read at once.
pub const BLOCK_BYTES: usize = 1024 * 1024;

/// A bar on the standard error; nothing is drawn when that is not a terminal.
#[must_use]
pub fn progress(what: &'static str, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes).with_message(what);
    match ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Digest and size of what `reader` gives.
///
/// # Errors
/// What the system says.
pub fn digest(reader: &mut dyn std::io::Read, bar: &ProgressBar) -> std::io::Result<(Digest, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut size = 0;
    loop {
        let read = reader.read(&mut block)?;
        if read == 0 {
            return Ok((Digest::from_bytes(hasher.finalize().into()), size));
        }
        hasher.update(block.get(..read).unwrap_or_default());
        bar.inc(read as u64);
        size += read as u64;
    }
}

/// The manifest of a local folder: every file hashed. Blocks; run it where that is allowed.
///
/// # Errors
/// A file that cannot be read, grew or shrank meanwhile, or a package that breaks a rule.
pub fn manifest(root: &Path, folder: &Folder) -> Result<Manifest, Failure> {
    let bar = progress("hashing", folder.list().iter().map(|entry| entry.size).sum());
    let mut files = Vec::new();
    for entry in folder.list() {
        let place = place(root, &entry.path);
        let unreadable = |error| Failure::Usage(format!("cannot read `{}`: {error}", place.display()));
        // One more byte than expected is enough to see that the file grew.
        let mut reader = std::fs::File::open(&place).map_err(unreadable)?.take(entry.size.saturating_add(1));
        let (digest, size) = digest(&mut reader, &bar).map_err(unreadable)?;
        if size != entry.size {
            return Err(Failure::Usage(format!("`{}` changes while it is read; wait until the training has ended", place.display())));
        }
        files.push(ManifestFile { digest, path: FilePath::parse(&entry.path)?, size });
    }
    bar.finish_and_clear();
    Ok(Manifest::new(files)?)
}

/// Where a file of the package at `root` is; a package can be one file.
#[must_use]
pub fn place(root: &Path, path: &str) -> std::path::PathBuf {
    if root.is_file() { root.to_owned() } else { root.join(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_single_file_become_manifests() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("data")).unwrap();
        std::fs::write(root.path().join("data/model.pkl"), b"weights").unwrap();
        std::fs::write(root.path().join("MLmodel"), vec![7; BLOCK_BYTES + 1]).unwrap();
        let whole = manifest(root.path(), &Folder::open(root.path()).unwrap()).unwrap();
        assert_eq!(whole.file("data/model.pkl").unwrap().digest, Digest::of(b"weights"));
        assert_eq!(whole.file("MLmodel").unwrap().digest, Digest::of(&vec![7; BLOCK_BYTES + 1]));
        let file = root.path().join("data/model.pkl");
        let single = manifest(&file, &Folder::open(&file).unwrap()).unwrap();
        assert_eq!(single.files().len(), 1);
        assert_eq!(single.file("model.pkl").unwrap().size, 7);
    }
}
