//! Manifest: the sorted list of (path, size, SHA-256) of a package. Its digest is the content digest (`design.md` section 1).
//!
//! The digest is that of the RFC 8785 JSON `{"files":[{"digest":…,"path":…,"size":…},…],"v":1}`, files sorted by the bytes of
//! their paths, so a pipeline can compute it before it registers anything. A version of a system also has the pinned versions that
//! it is made of: `{"composition":[{"role":…,"version_digest":…},…],"files":[…],"v":1}`, sorted by role and digest; then the content
//! digest is the composition digest.

use serde::{Deserialize, Serialize};

use crate::entry::Payload;
use crate::names::{Digest, FilePath, Label};
use crate::refusal::{Code, Refusal};

/// Most files in a package. The manifest must fit into a payload of 1 MiB.
pub const MAX_FILES: usize = 10_000;

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Path in the package.
    pub path: FilePath,
    /// Bytes.
    pub size: u64,
}

/// A version that a version of a system is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// What it is in the system, such as `model` or `prompt`.
    pub role: Label,
    /// Its version digest.
    pub version_digest: Digest,
}

/// The files of a package, and what a version of a system is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ManifestWire")]
pub struct Manifest {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    composition: Vec<Pin>,
    files: Vec<ManifestFile>,
    v: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestWire {
    #[serde(default)]
    composition: Vec<Pin>,
    files: Vec<ManifestFile>,
    #[serde(default = "one")]
    v: u32,
}

fn one() -> u32 {
    1
}

impl TryFrom<ManifestWire> for Manifest {
    type Error = Refusal;
    fn try_from(wire: ManifestWire) -> Result<Self, Refusal> {
        if wire.v != 1 {
            return Err(Refusal::invalid("manifest.v", &format!("manifest format {} is not known", wire.v)));
        }
        let manifest = if wire.files.is_empty() { Self::empty() } else { Self::new(wire.files)? };
        Ok(manifest.with(wire.composition))
    }
}

impl Manifest {
    /// Sorts the files by path.
    ///
    /// # Errors
    /// No file, too many files, a path twice, or a path that is also a folder of another.
    pub fn new(mut files: Vec<ManifestFile>) -> Result<Self, Refusal> {
        if files.is_empty() {
            return Err(Refusal::invalid("files", "a package needs at least one file"));
        }
        if files.len() > MAX_FILES {
            return Err(Refusal::new(Code::TooLarge, &format!("the package has {} files; at most {MAX_FILES} are accepted", files.len())).field("files"));
        }
        files.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
        let paths: std::collections::BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        if paths.len() != files.len() {
            return Err(Refusal::invalid("files", "a path appears twice"));
        }
        for path in &paths {
            let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
            for folder in folders {
                if paths.contains(folder) {
                    return Err(Refusal::invalid("files", &format!("`{folder}` is both a file and a folder")));
                }
            }
        }
        Ok(Self { composition: Vec::new(), files, v: 1 })
    }

    /// The same files, with the versions that a version of a system is made of.
    #[must_use]
    pub fn with(self, mut pins: Vec<Pin>) -> Self {
        pins.sort();
        Self { composition: pins, ..self }
    }

    /// The manifest of a version without files: its bytes are elsewhere, or it is a mere composition.
    pub fn empty() -> Self {
        Self { composition: Vec::new(), files: Vec::new(), v: 1 }
    }

    /// What a version of a system is made of, in order; empty for every other version.
    pub fn pins(&self) -> &[Pin] {
        &self.composition
    }

    /// The files in order.
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&ManifestFile> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().and_then(|at| self.files.get(at))
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The canonical bytes and their digest, which is the content digest.
    ///
    /// # Errors
    /// `too_large` when the manifest has more than 1 MiB.
    pub fn payload(&self) -> Result<Payload, Refusal> {
        Payload::json("manifest", self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> ManifestFile {
        ManifestFile { digest: Digest::of(path.as_bytes()), path: FilePath::parse(path).unwrap(), size: 3 }
    }

    #[test]
    fn the_content_digest_does_not_depend_on_the_order() {
        let one = Manifest::new(vec![file("b"), file("a/x"), file("a-b")]).unwrap();
        let two = Manifest::new(vec![file("a-b"), file("b"), file("a/x")]).unwrap();
        assert_eq!(one.payload().unwrap(), two.payload().unwrap());
        let text = String::from_utf8(one.payload().unwrap().bytes).unwrap();
        assert!(text.starts_with(r#"{"files":[{"digest":""#) && text.ends_with(r#","size":3}],"v":1}"#), "{text}");
        assert_eq!(one.file("a/x").unwrap().size, 3);
    }

    #[test]
    fn the_composition_is_part_of_the_content_digest() {
        let pin = |role: &str, of: &str| Pin { role: Label::parse(role).unwrap(), version_digest: Digest::of(of.as_bytes()) };
        let one = Manifest::empty().with(vec![pin("prompt", "b"), pin("model", "a")]).payload().unwrap();
        assert_eq!(one, Manifest::empty().with(vec![pin("model", "a"), pin("prompt", "b")]).payload().unwrap());
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let text = format!(r#"{{"composition":[{{"role":"model","version_digest":"{a}"}},{{"role":"prompt","version_digest":"{b}"}}],"files":[],"v":1}}"#);
        assert_eq!(String::from_utf8(one.bytes.clone()).unwrap(), text);
        let read: Manifest = serde_json::from_slice(&one.bytes).unwrap();
        assert_eq!((read.pins().len(), read.files().len()), (2, 0));
        assert_ne!(one.digest, Manifest::empty().payload().unwrap().digest);
    }

    #[test]
    fn a_path_is_one_file() {
        assert!(Manifest::new(vec![]).is_err());
        assert!(Manifest::new(vec![file("a"), file("a")]).is_err());
        assert!(Manifest::new(vec![file("a"), file("a/b")]).is_err());
    }
}
