//! Where the files come from: a local folder, or blobs that a server names by digest.

use serde::{Deserialize, Serialize};
use std::io;

/// Most files in one package.
pub const MAX_FILES: usize = 100_000;
/// Longest path inside a package, in bytes of UTF-8.
pub const MAX_PATH_BYTES: usize = 1024;

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path inside the package, with `/` between the parts; [`check_path`] accepts it.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
}

/// A package of files that can be listed and read.
pub trait Files {
    /// Every file, in byte order of the path.
    fn list(&self) -> &[FileEntry];

    /// The first `limit` bytes of the file, or all of it when it is shorter.
    ///
    /// # Errors
    /// When the file is not in [`Files::list`] or cannot be read.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>>;
}

/// Why a path cannot be in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No characters at all.
    #[error("the path is empty")]
    Empty,
    /// More than [`MAX_PATH_BYTES`].
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    Long,
    /// Starts with `/` or a drive letter.
    #[error("the path is absolute")]
    Absolute,
    /// Has `\`, which is a separator on some systems and a character on others.
    #[error("the path has a backslash")]
    Backslash,
    /// Has a control character: NUL, a line break, an escape sequence.
    #[error("the path has a control character")]
    Control,
    /// Has an empty, `.` or `..` part.
    #[error("the path has an empty, `.` or `..` part")]
    Part,
    /// Not UTF-8.
    #[error("the path is not UTF-8")]
    Encoding,
}

/// Checks that the path means one file inside the package, on every system.
///
/// # Errors
/// The first rule that the path breaks.
pub fn check_path(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(PathError::Long);
    }
    if path.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    if path.contains('\\') {
        return Err(PathError::Backslash);
    }
    let drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if path.starts_with('/') || drive {
        return Err(PathError::Absolute);
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(PathError::Part);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A package in memory.
    pub(crate) struct Memory {
        entries: Vec<FileEntry>,
        contents: BTreeMap<String, Vec<u8>>,
    }

    impl Memory {
        pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
            let contents: BTreeMap<String, Vec<u8>> = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
            let entries = contents.iter().map(|(path, bytes)| FileEntry { path: path.clone(), size: bytes.len() as u64 }).collect();
            Self { entries, contents }
        }
    }

    impl Files for Memory {
        fn list(&self) -> &[FileEntry] {
            &self.entries
        }

        fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
            let bytes = self.contents.get(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(bytes.iter().copied().take(limit as usize).collect())
        }
    }

    #[test]
    fn paths_that_mean_something_else_are_refused() {
        let long = "a".repeat(MAX_PATH_BYTES + 1);
        for (path, expected) in [
            ("", Err(PathError::Empty)),
            (long.as_str(), Err(PathError::Long)),
            ("/etc/passwd", Err(PathError::Absolute)),
            ("C:/model", Err(PathError::Absolute)),
            ("a\\b", Err(PathError::Backslash)),
            ("a\0b", Err(PathError::Control)),
            ("a\nb", Err(PathError::Control)),
            ("a\u{85}b", Err(PathError::Control)),
            ("../a", Err(PathError::Part)),
            ("a/../b", Err(PathError::Part)),
            ("a//b", Err(PathError::Part)),
            ("a/", Err(PathError::Part)),
            ("./a", Err(PathError::Part)),
            ("a..b/modèle.pkl", Ok(())),
            ("model.pkl", Ok(())),
        ] {
            assert_eq!(check_path(path), expected, "{path:?}");
        }
    }
}
