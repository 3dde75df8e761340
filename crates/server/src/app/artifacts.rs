//! The artifact store of MLflow's proxy: a tree of paths, each naming a blob, and the files of versions under `versions`.
//!
//! The tree is scratch: it changes as clients like, and no entry speaks of it. A version seals digests, so a later overwrite of
//! a path does not change it. A folder is what the paths say: there are no empty ones.
//!
//! INVARIANT: a row is written after its blob is durable, and the row is the commit: a path never names bytes that are not there.
//! INVARIANT: whatever collects blobs counts the rows of `artifact_files` as uses (see the table): nothing else keeps those bytes.

pub mod multipart;
mod sealed;

use bytes::Bytes;
use chancery_core::manifest::{MAX_FILES, ManifestFile};
use chancery_core::names::{FilePath, ModelId, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::rows::{Key, Row as _, Value};
use chancery_core::tables::ArtifactFileRow;
use futures_util::Stream;

use super::{App, AppError, Caller};
use crate::blobs::BlobError;
use crate::crash::{CrashPoint, reach};
use crate::store::Snapshot;
use crate::values;

/// The read-only folder that shows the sealed files of versions.
const VERSIONS: &str = "versions";
/// Most names that one listing gives.
const MAX_LISTED: usize = 100_000;
/// Rows of the first page of a listing, and of the largest.
const PAGES: (usize, usize) = (16, 1_024);
/// Rows that one transaction deletes.
const DELETED_AT_ONCE: usize = 1_000;

/// What a path of the artifact store means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The root of the tree.
    Root,
    /// A file or a folder of the tree.
    Tree(FilePath),
    /// A version, or a file or folder in it.
    Sealed(Sealed),
    /// `versions` itself, or something in it that can be no version: nothing is there.
    Nowhere,
}

/// A version, or a file or folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    model: ModelId,
    number: VersionNumber,
    path: Option<FilePath>,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file; its path is the one that was asked for.
    File(ManifestFile),
    /// A folder.
    Folder,
    /// Nothing.
    Nothing,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Name, without the folder.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What a name in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
}

impl Place {
    /// Reads a path from the root of the store: segments with `/` between them, or nothing for the root.
    ///
    /// # Errors
    /// A path that [`FilePath`] refuses.
    pub fn parse(path: &str) -> Result<Self, Refusal> {
        if path.is_empty() {
            return Ok(Self::Root);
        }
        let path = FilePath::parse(path)?;
        match path.as_str().split_once('/') {
            None if path.as_str() == VERSIONS => Ok(Self::Nowhere),
            Some((VERSIONS, rest)) => Ok(Sealed::parse(rest).map_or(Self::Nowhere, Self::Sealed)),
            Some(_) | None => Ok(Self::Tree(path)),
        }
    }

    /// The path of a file that can be written.
    fn writable(self) -> Result<FilePath, Refusal> {
        match self {
            Self::Tree(path) => Ok(path),
            Self::Root => Err(Refusal::invalid("path", "the path names no file")),
            Self::Sealed(_) | Self::Nowhere => Err(Refusal::new(Code::AccessDenied, "`versions` shows the sealed files of versions, which never change")
                .remedy("write to another path; a version is hidden, deprecated or retired by its number")),
        }
    }
}

impl Sealed {
    fn parse(rest: &str) -> Option<Self> {
        let mut parts = rest.splitn(3, '/');
        let model = ModelId::parse(parts.next()?).ok()?;
        let number = VersionNumber::new(parts.next()?.parse().ok()?).ok()?;
        let path = parts.next().map(FilePath::parse).transpose().ok()?;
        Some(Self { model, number, path })
    }
}

impl App {
    /// What is at a place, for this caller.
    ///
    /// # Errors
    /// `not_found` for no or a hidden version, `transition_refused` for a retired one, a fault.
    pub async fn artifact(&self, caller: &Caller, snapshot: &Snapshot, place: &Place) -> Result<Found, AppError> {
        match place {
            Place::Root => Ok(Found::Folder),
            Place::Nowhere => Ok(Found::Nothing),
            Place::Sealed(sealed) => Ok(sealed.find(&self.sealed_files(caller, snapshot, sealed).await?)),
            Place::Tree(path) => match file(snapshot, path).await? {
                Some(row) => Ok(Found::File(manifest_file(row.path.clone(), &row))),
                None if is_folder(snapshot, path).await? => Ok(Found::Folder),
                None => Ok(Found::Nothing),
            },
        }
    }

    /// The names in a folder, sorted; none for a file and for what is not there.
    ///
    /// # Errors
    /// As [`App::artifact`]; `too_large` for more than 100,000 names.
    pub async fn artifact_list(&self, caller: &Caller, snapshot: &Snapshot, place: &Place) -> Result<Vec<Item>, AppError> {
        match place {
            Place::Root => list(snapshot, "").await,
            Place::Nowhere => Ok(Vec::new()),
            Place::Sealed(sealed) => Ok(sealed.list(&self.sealed_files(caller, snapshot, sealed).await?)),
            Place::Tree(path) => list(snapshot, &folder(path)).await,
        }
    }

    /// Stores a body at a path, in the place of the file that was there. `size` is what the caller says that will come.
    ///
    /// # Errors
    /// A place that cannot be written, a file where a folder must be or the other way round, what the artifact store refuses, a fault.
    pub async fn artifact_put<E>(&self, caller: &Caller, place: Place, size: Option<u64>, body: impl Stream<Item = Result<Bytes, E>>) -> Result<(), AppError> {
        let path = place.writable()?;
        self.check_free(&path).await?;
        // Crash during or after this, before the row: the blob stays without a use, and is collected.
        let stored = self.blobs().put(None, size, body).await.map_err(blob_error)?;
        self.check_free(&path).await?;
        self.sent(caller, stored.digest).await?;
        let row = ArtifactFileRow { path, digest: stored.digest, size: stored.size, updated_at: self.now() };
        reach(self.inner.crash, CrashPoint::BeforePath);
        // The commit: the bytes are durable. Crash before: the path names what it named. Crash after: the new bytes; a client that
        // missed the answer sends them again, with the same result.
        self.store().scratch().put(&[row]).await?;
        reach(self.inner.crash, CrashPoint::AfterPath);
        Ok(())
    }

    /// Removes a file, or a folder with all that is in it. That nothing is there is fine.
    ///
    /// # Errors
    /// A place that cannot be written, a fault.
    pub async fn artifact_delete(&self, caller: &Caller, place: Place) -> Result<(), AppError> {
        let path = place.writable()?;
        loop {
            let snapshot = self.seen_by(caller).await?;
            let mut rows = under(&snapshot, &folder(&path), DELETED_AT_ONCE).await?;
            rows.extend(file(&snapshot, &path).await?);
            drop(snapshot);
            let last = rows.len() < DELETED_AT_ONCE;
            let keys = rows.into_iter().map(|row| Key { table: ArtifactFileRow::TABLE, values: values![row.path] }).collect();
            // Crash between two rounds: a part of the folder is gone; the client missed the answer and deletes again.
            self.store().scratch().remove(keys).await?;
            if last {
                return Ok(());
            }
        }
    }

    /// The files at a path of the store as a package: their paths in the folder, or the base name of a single file. Nothing when
    /// nothing is there. What is sealed from this stays as it is, whatever happens to the paths.
    ///
    /// # Errors
    /// A path that is none, a version that is hidden or retired, `too_large` for more files than a package holds, a fault.
    pub async fn artifact_tree(&self, caller: &Caller, prefix: &str) -> Result<Vec<ManifestFile>, AppError> {
        let snapshot = self.seen_by(caller).await?;
        let (prefix, single) = match Place::parse(prefix)? {
            Place::Nowhere => return Ok(Vec::new()),
            Place::Sealed(sealed) => return Ok(sealed.tree(&sealed::manifest(&snapshot, &sealed).await?)?),
            Place::Root => (String::new(), None),
            Place::Tree(path) => (folder(&path), file(&snapshot, &path).await?),
        };
        if let Some(row) = single {
            return Ok(vec![manifest_file(base_name(&row.path)?, &row)]);
        }
        let rows = under(&snapshot, &prefix, MAX_FILES.saturating_add(1)).await?;
        if rows.len() > MAX_FILES {
            return Err(Refusal::new(Code::TooLarge, &format!("the folder has more than {MAX_FILES} files, the most that a version holds")).into());
        }
        rows.iter().map(|row| Ok(manifest_file(relative(&row.path, &prefix)?, row))).collect()
    }

    /// Refuses a file where a folder must be, and the other way round. Two writers at once may pass this both; then both files can be
    /// read and deleted, and no version can be sealed from the folder until one is.
    async fn check_free(&self, path: &FilePath) -> Result<(), AppError> {
        let snapshot = self.store().read().await?;
        let folders = path.as_str().match_indices('/').filter_map(|(at, _)| path.as_str().get(..at));
        let keys = folders.map(|folder| Key { table: ArtifactFileRow::TABLE, values: values![folder.to_owned()] }).collect();
        let in_the_way = snapshot.load(keys).await?.into_iter().find(|(_, row)| row.is_some());
        if let Some(Value::Text(file)) = in_the_way.and_then(|(key, _)| key.values.into_iter().next()) {
            return Err(Refusal::invalid("path", &format!("`{file}` is a file, not a folder")).into());
        }
        if is_folder(&snapshot, path).await? {
            return Err(Refusal::invalid("path", &format!("`{path}` is a folder")).into());
        }
        Ok(())
    }
}

/// What the artifact store says, with the disk that is full as a refusal.
fn blob_error(error: BlobError) -> AppError {
    match error {
        BlobError::Fault(crate::blobs::BlobFault::Full { .. }) => {
            Refusal::new(Code::ReadOnly, "the artifact store is full; nothing of this upload is visible").into()
        }
        other @ (BlobError::Refused(_) | BlobError::Fault(_)) => other.into(),
    }
}

async fn file(snapshot: &Snapshot, path: &FilePath) -> Result<Option<ArtifactFileRow>, AppError> {
    Ok(snapshot.get::<ArtifactFileRow>(values![*path]).await?)
}

async fn is_folder(snapshot: &Snapshot, path: &FilePath) -> Result<bool, AppError> {
    Ok(!under(snapshot, &folder(path), 1).await?.is_empty())
}

/// What every path in a folder begins with.
fn folder(path: &FilePath) -> String {
    format!("{path}/")
}

/// Rows whose path begins with `prefix`, a folder with its `/` or nothing, in order.
async fn under(snapshot: &Snapshot, prefix: &str, limit: usize) -> Result<Vec<ArtifactFileRow>, AppError> {
    from(snapshot, prefix, prefix, limit).await
}

/// As [`under`], from a path on.
async fn from(snapshot: &Snapshot, start: &str, prefix: &str, limit: usize) -> Result<Vec<ArtifactFileRow>, AppError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = match prefix.strip_suffix('/') {
        None => snapshot.rows("WHERE path >= $1 ORDER BY path LIMIT $2", &values![start.to_owned(), limit]).await?,
        // `0` is the character after `/`: the range is exactly what begins with the prefix.
        Some(folder) => {
            let end = format!("{folder}0");
            snapshot.rows("WHERE path >= $1 AND path < $2 ORDER BY path LIMIT $3", &values![start.to_owned(), end, limit]).await?
        }
    };
    Ok(rows)
}

/// The names in a folder of the tree. Reads about as many rows as there are names, however much is below them: behind each
/// subfolder the next page begins after all of it.
async fn list(snapshot: &Snapshot, prefix: &str) -> Result<Vec<Item>, AppError> {
    let (mut items, mut start, mut limit) = (Vec::new(), prefix.to_owned(), PAGES.0);
    loop {
        let rows = from(snapshot, &start, prefix, limit).await?;
        let (count, before) = (rows.len(), items.len());
        for row in rows {
            let Some(rest) = row.path.as_str().strip_prefix(prefix) else { continue };
            let item = item(rest, row.size);
            start = match item.kind {
                ItemKind::Folder => format!("{prefix}{}0", item.name),
                // No path holds a control character, so nothing comes between this path and the next.
                ItemKind::File(_) => format!("{}\u{1}", row.path),
            };
            if items.last() != Some(&item) {
                items.push(item);
            }
        }
        if count < limit {
            items.sort();
            return Ok(items);
        }
        if items.len() > MAX_LISTED {
            return Err(Refusal::new(Code::TooLarge, &format!("the folder has more than {MAX_LISTED} names")).into());
        }
        // A page of many names is worth a larger one; one that was mostly inside a folder is not.
        let many = items.len().saturating_sub(before) * 2 > count;
        limit = if many { (limit * 2).min(PAGES.1) } else { PAGES.0 };
    }
}

/// The first segment of a path in a folder.
fn item(rest: &str, size: u64) -> Item {
    match rest.split_once('/') {
        Some((name, _)) => Item { name: name.to_owned(), kind: ItemKind::Folder },
        None => Item { name: rest.to_owned(), kind: ItemKind::File(size) },
    }
}

fn manifest_file(path: FilePath, row: &ArtifactFileRow) -> ManifestFile {
    ManifestFile { digest: row.digest, path, size: row.size }
}

fn base_name(path: &FilePath) -> Result<FilePath, Refusal> {
    FilePath::parse(path.as_str().rsplit('/').next().unwrap_or_default())
}

fn relative(path: &FilePath, prefix: &str) -> Result<FilePath, Refusal> {
    FilePath::parse(path.as_str().strip_prefix(prefix).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_tree_or_a_version() {
        let id = format!("m{}", "a".repeat(32));
        let sealed = |number, path: Option<&str>| {
            let path = path.map(|path| FilePath::parse(path).unwrap());
            Place::Sealed(Sealed { model: ModelId::parse(&id).unwrap(), number: VersionNumber::new(number).unwrap(), path })
        };
        let tree = |path| Place::Tree(FilePath::parse(path).unwrap());
        for (path, expected) in [
            ("", Place::Root),
            ("a", tree("a")),
            ("a/versions/b", tree("a/versions/b")),
            ("versionsx/b", tree("versionsx/b")),
            ("versions", Place::Nowhere),
            ("versions/x/1", Place::Nowhere),
            (&format!("versions/{id}"), Place::Nowhere),
            (&format!("versions/{id}/0/a"), Place::Nowhere),
            (&format!("versions/{id}/7"), sealed(7, None)),
            (&format!("versions/{id}/7/a/b"), sealed(7, Some("a/b"))),
        ] {
            assert_eq!(Place::parse(path).unwrap(), expected, "{path}");
        }
        for path in ["..", "a/../b", "/a", "a//b", "a\u{1}"] {
            assert!(Place::parse(path).is_err(), "{path}");
        }
    }
}
