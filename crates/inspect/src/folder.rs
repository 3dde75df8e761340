//! A local folder as a package of files. For the client: the server never opens a path that a client names.

use crate::files::{FileEntry, Files, MAX_FILES, PathError, check_path};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Deepest nesting of folders.
pub const MAX_FOLDER_DEPTH: usize = 64;

/// A listed local folder. The listing is taken once; later changes on disk are not seen.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    entries: Vec<FileEntry>,
    skipped: Vec<Skipped>,
}

/// Something in the folder that is not part of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The path inside the folder.
    pub path: String,
    /// Why it was left out.
    pub reason: String,
}

/// Why a folder cannot be a package.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk says no.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The path as far as it is known, made printable.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A name that cannot be stored.
    #[error("cannot use `{path}`: {reason}")]
    Path {
        /// The path, made printable.
        path: String,
        /// Which rule it breaks.
        reason: PathError,
    },
    /// A symbolic link to outside the folder or to a folder.
    #[error("`{path}` is a link to a folder or to something outside; copy the real file in its place (`cp -L`)")]
    Link {
        /// The path of the link.
        path: String,
    },
    /// A device, pipe or socket.
    #[error("`{path}` is not a regular file")]
    Special {
        /// The path.
        path: String,
    },
    /// More than [`MAX_FILES`].
    #[error("more than {MAX_FILES} files")]
    TooMany,
    /// Deeper than [`MAX_FOLDER_DEPTH`].
    #[error("`{path}` is deeper than {MAX_FOLDER_DEPTH} folders")]
    TooDeep {
        /// The path.
        path: String,
    },
}

impl Folder {
    /// Lists the folder at `root`, or takes the single file there as a package of one.
    ///
    /// # Errors
    /// When something in it cannot be stored or read; nothing is left out silently.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Read { path: printable(root), source };
        let root = root.canonicalize().map_err(failed)?;
        let mut folder = Self { root: root.clone(), entries: Vec::new(), skipped: Vec::new() };
        let metadata = fs::metadata(&root).map_err(failed)?;
        if metadata.is_dir() {
            folder.walk(&root, "", 0)?;
        } else {
            let name = root.file_name().map(Path::new).ok_or_else(|| FolderError::Special { path: printable(&root) })?;
            let path = checked(name.to_str(), &printable(name))?;
            folder.root = root.parent().map(Path::to_path_buf).unwrap_or_default();
            folder.add(path, &metadata)?;
        }
        folder.entries.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        folder.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(folder)
    }

    /// What was left out of the package, and why.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), FolderError> {
        let failed = |source| FolderError::Read { path: printable(folder), source };
        if depth > MAX_FOLDER_DEPTH {
            return Err(FolderError::TooDeep { path: prefix.to_owned() });
        }
        let mut is_empty = true;
        for item in fs::read_dir(folder).map_err(failed)? {
            let item = item.map_err(failed)?;
            is_empty = false;
            let name = item.file_name();
            let shown = format!("{prefix}{}", printable(Path::new(&name)));
            let path = checked(name.to_str().map(|name| format!("{prefix}{name}")).as_deref(), &shown)?;
            if path == ".git" {
                self.skip(path, "git's own files");
                continue;
            }
            self.visit(&item.path(), path, depth)?;
        }
        if is_empty {
            self.skip(prefix.trim_end_matches('/').to_owned(), "empty folder");
        }
        Ok(())
    }

    fn visit(&mut self, place: &Path, path: String, depth: usize) -> Result<(), FolderError> {
        let failed = |source| FolderError::Read { path: path.clone(), source };
        let metadata = fs::symlink_metadata(place).map_err(failed)?;
        if metadata.is_dir() {
            return self.walk(place, &format!("{path}/"), depth + 1);
        }
        if !metadata.is_symlink() {
            return self.add(path, &metadata);
        }
        let target = place.canonicalize().map_err(failed)?;
        let metadata = fs::metadata(&target).map_err(failed)?;
        if !target.starts_with(&self.root) || metadata.is_dir() {
            return Err(FolderError::Link { path });
        }
        self.add(path, &metadata)
    }

    fn add(&mut self, path: String, metadata: &fs::Metadata) -> Result<(), FolderError> {
        if !metadata.is_file() {
            return Err(FolderError::Special { path });
        }
        if self.entries.len() >= MAX_FILES {
            return Err(FolderError::TooMany);
        }
        self.entries.push(FileEntry { path, size: metadata.len() });
        Ok(())
    }

    fn skip(&mut self, path: String, reason: &str) {
        self.skipped.push(Skipped { path, reason: reason.to_owned() });
    }
}

impl Files for Folder {
    fn list(&self) -> &[FileEntry] {
        &self.entries
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.entries.binary_search_by(|entry| entry.path.as_bytes().cmp(path.as_bytes())).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        let mut bytes = Vec::new();
        File::open(self.root.join(path))?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn checked(path: Option<&str>, shown: &str) -> Result<String, FolderError> {
    let refused = |reason| FolderError::Path { path: shown.to_owned(), reason };
    let path = path.ok_or_else(|| refused(PathError::Encoding))?;
    check_path(path).map_err(refused)?;
    Ok(path.to_owned())
}

fn printable(path: &Path) -> String {
    crate::text::one_line(&path.to_string_lossy())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use tempfile::{TempDir, tempdir};

    fn package() -> TempDir {
        let folder = tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/model.pkl"), b"0123456789").unwrap();
        fs::write(folder.path().join("a.txt"), b"x").unwrap();
        folder
    }

    #[test]
    fn files_are_listed_in_byte_order_and_read_up_to_the_limit() {
        let place = package();
        fs::create_dir_all(place.path().join(".git/objects")).unwrap();
        fs::create_dir_all(place.path().join("empty")).unwrap();
        fs::create_dir_all(place.path().join("a/.git")).unwrap();
        fs::write(place.path().join("a/.git/config"), b"c").unwrap();
        symlink("a.txt", place.path().join("link.txt")).unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let paths: Vec<_> = folder.list().iter().map(|entry| (entry.path.as_str(), entry.size)).collect();
        assert_eq!(paths, [("a.txt", 1), ("a/.git/config", 1), ("a/b/model.pkl", 10), ("link.txt", 1)]);
        let skipped: Vec<_> = folder.skipped().iter().map(|skipped| skipped.path.as_str()).collect();
        assert_eq!(skipped, [".git", "empty"]);
        assert_eq!(folder.read("a/b/model.pkl", 4).unwrap(), b"0123");
        assert_eq!(folder.read("a/b/model.pkl", 99).unwrap(), b"0123456789");
        for path in ["missing", "../x", "a", ".git/config"] {
            assert!(folder.read(path, 4).is_err(), "{path}");
        }
    }

    #[test]
    fn one_file_is_a_package() {
        let place = package();
        let folder = Folder::open(&place.path().join("a/b/model.pkl")).unwrap();
        assert_eq!(folder.list(), [FileEntry { path: "model.pkl".to_owned(), size: 10 }]);
        assert_eq!(folder.read("model.pkl", 2).unwrap(), b"01");
    }

    #[test]
    fn what_cannot_be_stored_is_refused_by_name() {
        type Break = fn(&Path);
        let cases: [(&str, Break); 7] = [
            ("outside", |root| symlink("/etc/hostname", root.join("outside")).unwrap()),
            ("up", |root| symlink("..", root.join("a/up")).unwrap()),
            ("dangling", |root| symlink("nothing", root.join("dangling")).unwrap()),
            ("new", |root| fs::write(root.join("new\nline"), b"").unwrap()),
            ("back", |root| fs::write(root.join("back\\slash"), b"").unwrap()),
            ("latin", |root| fs::write(root.join(OsStr::from_bytes(b"latin\xe9")), b"").unwrap()),
            ("socket", |root| {
                std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
            }),
        ];
        for (name, make) in cases {
            let place = package();
            make(place.path());
            let error = Folder::open(place.path()).expect_err(name).to_string();
            assert!(error.contains(name) && !error.contains('\n'), "{name}: {error}");
        }
        assert!(matches!(Folder::open(Path::new("/nonexistent/x")), Err(FolderError::Read { .. })));
    }

    #[test]
    fn deep_folders_are_refused() {
        let place = tempdir().unwrap();
        fs::create_dir_all(place.path().join("d/".repeat(MAX_FOLDER_DEPTH + 2))).unwrap();
        assert!(matches!(Folder::open(place.path()), Err(FolderError::TooDeep { .. })));
    }
}
