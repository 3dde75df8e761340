//! Downloads that are believed only after their digests match.
//!
//! INVARIANT: a file appears under its name only after every file of the request has the digest of the manifest, the
//! manifest has the content digest, and name, number, content and facts have the version digest. Until then bytes live
//! in a folder of their own, named by the content digest, so that an interrupted download goes on where it stopped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::names::{Digest, ModelId, VersionNumber};
use chancery_core::version::version_digest;
use indicatif::ProgressBar;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::client::{backoff, lost};
use super::failure::Failure;
use super::hashing;
use super::session::{Resolved, Session, member};

/// How often one file is asked for.
const MAX_ATTEMPTS: u32 = 5;

/// The manifest of a version, checked against its content digest and version digest.
///
/// # Errors
/// `Verification` when a digest does not match; [`Failure`].
pub async fn verified_manifest(session: &Session, version: &Resolved) -> Result<Manifest, Failure> {
    let url = session.client.url(&["models", &version.name, "versions", &version.number, "manifest"]);
    let bytes = session.client.get_bytes(url).await?;
    let view = &version.view.value;
    if view.get("held") == Some(&Value::Bool(false)) {
        let detail = format!("the bytes of {} are not held; they are at `{}`", version.label(), super::output::text(view, "/source"));
        return Err(Failure::not_found(&detail, "fetch them there, or bring them in with `chancery version attach`"));
    }
    let content = digest_at(view, "/content_digest")?;
    if Digest::of(&bytes) != content {
        return Err(Failure::Verification(format!("the manifest has digest {}, the version says {content}", Digest::of(&bytes))));
    }
    let model = ModelId::parse(&member(view, "/model/id")?).map_err(|refusal| Failure::Verification(refusal.message))?;
    let number = version.number.parse().map_err(|_| Failure::Network("the answer has no version number".to_owned()))?;
    let computed = version_digest(&model, VersionNumber::new(number)?, content, digest_at(view, "/facts_digest")?);
    if computed != digest_at(view, "/version_digest")? {
        return Err(Failure::Verification(format!("the version digest of {} does not follow from its content and facts", version.label())));
    }
    // `FilePath` refuses every path that could leave the folder.
    serde_json::from_slice(&bytes).map_err(|error| Failure::Verification(format!("the manifest is malformed: {error}")))
}

fn digest_at(view: &Value, pointer: &str) -> Result<Digest, Failure> {
    Digest::parse(&member(view, pointer)?).map_err(|refusal| Failure::Verification(refusal.message))
}

/// Downloads files of a version into `folder`. Files that are there already with the right bytes are left alone.
/// Gives the number of files that were put in place.
///
/// # Errors
/// `Verification` when a digest does not match; `Usage` when other content is in the way; [`Failure`].
pub async fn download(session: &Session, version: &Resolved, files: &[&ManifestFile], folder: &Path) -> Result<usize, Failure> {
    let mut wanted = Vec::new();
    for file in files {
        if !is_in_place(file, &folder.join(file.path.as_str()))? {
            wanted.push(*file);
        }
    }
    if wanted.is_empty() {
        return Ok(0);
    }
    let content = member(&version.view.value, "/content_digest")?;
    let parts = folder.join(format!(".chancery-{}", content.trim_start_matches("sha256:").get(..16).unwrap_or("part")));
    tokio::fs::create_dir_all(&parts).await.map_err(|error| unwritable(&parts, &error))?;
    let bar = hashing::progress("downloading", wanted.iter().map(|file| file.size).sum());
    for file in &wanted {
        Part { session, version, file, place: parts.join(file.digest.to_string()), bar: &bar }.fetch().await?;
    }
    bar.finish_and_clear();
    let mut placed = BTreeSet::new();
    for file in &wanted {
        let way = if placed.insert(file.digest) { Way::Link } else { Way::Copy };
        put_in_place(&parts.join(file.digest.to_string()), folder, file, way)?;
    }
    // Left over only when another download uses the same folder.
    let _ = std::fs::remove_dir_all(&parts);
    Ok(wanted.len())
}

fn is_in_place(file: &ManifestFile, place: &Path) -> Result<bool, Failure> {
    let Ok(metadata) = std::fs::symlink_metadata(place) else { return Ok(false) };
    let same = metadata.is_file() && metadata.len() == file.size && local_digest(place)? == file.digest;
    if same { Ok(true) } else { Err(Failure::Usage(format!("`{}` is there with other content; choose another folder", place.display()))) }
}

fn local_digest(place: &Path) -> Result<Digest, Failure> {
    let unreadable = |error| Failure::Usage(format!("cannot read `{}`: {error}", place.display()));
    let mut file = std::fs::File::open(place).map_err(unreadable)?;
    Ok(hashing::digest(&mut file, &ProgressBar::hidden()).map_err(unreadable)?.0)
}

/// How verified bytes get their name.
#[derive(Clone, Copy)]
enum Way {
    /// By a link: nothing is written again.
    Link,
    /// By a copy: a second name of the same bytes must not share later edits with the first.
    Copy,
}

/// Gives the verified bytes their name. An existing file is never replaced.
fn put_in_place(part: &Path, folder: &Path, file: &ManifestFile, way: Way) -> Result<(), Failure> {
    let place = folder.join(file.path.as_str());
    let parent = place.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    let is_inside = match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        (Err(_), _) | (_, Err(_)) => false,
    };
    if !is_inside {
        return Err(Failure::Usage(format!("`{}` leads out of the folder through a link", parent.display())));
    }
    match way {
        Way::Link if std::fs::hard_link(part, &place).is_ok() => Ok(()),
        Way::Link | Way::Copy => copy_in_place(part, &place),
    }
}

/// Also for file systems without hard links: a copy beside the place, then one rename.
fn copy_in_place(part: &Path, place: &Path) -> Result<(), Failure> {
    if std::fs::symlink_metadata(place).is_ok() {
        return Err(Failure::Usage(format!("`{}` appeared meanwhile", place.display())));
    }
    let copy = part.with_extension("copy");
    std::fs::copy(part, &copy).and_then(|_| std::fs::rename(&copy, place)).map_err(|error| unwritable(place, &error))
}

struct Part<'a> {
    session: &'a Session,
    version: &'a Resolved,
    file: &'a ManifestFile,
    place: PathBuf,
    bar: &'a ProgressBar,
}

impl Part<'_> {
    /// Fetches until the whole file is there, then checks its digest.
    async fn fetch(&self) -> Result<(), Failure> {
        let mut attempt = 1;
        while let Err(failure) = self.fetch_rest().await {
            if !matches!(failure, Failure::Network(_)) || attempt >= MAX_ATTEMPTS {
                return Err(failure);
            }
            tokio::time::sleep(backoff(attempt)).await;
            attempt += 1;
        }
        let digest = local_digest(&self.place)?;
        if digest == self.file.digest {
            return Ok(());
        }
        // Wrong bytes are of no use to the next attempt.
        let _ = std::fs::remove_file(&self.place);
        Err(Failure::Verification(format!("`{}` has digest {digest}, the manifest says {}", self.file.path, self.file.digest)))
    }

    async fn fetch_rest(&self) -> Result<(), Failure> {
        let have = std::fs::metadata(&self.place).map_or(0, |metadata| metadata.len());
        if have >= self.file.size && (have > 0 || self.place.exists()) {
            return Ok(());
        }
        let mut segments = vec!["models", &self.version.name, "versions", &self.version.number, "files"];
        segments.extend(self.file.path.as_str().split('/'));
        let mut request = self.session.client.request(Method::GET, self.session.client.url(&segments));
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = self.session.client.send_once(request).await?;
        // A server that ignores Range sends the whole file again.
        let goes_on = have > 0 && response.status() == StatusCode::PARTIAL_CONTENT;
        let broken = |error: std::io::Error| unwritable(&self.place, &error);
        let mut options = tokio::fs::OpenOptions::new();
        let mut part = options.create(true).write(true).append(goes_on).truncate(!goes_on).open(&self.place).await.map_err(broken)?;
        let mut size = if goes_on { have } else { 0 };
        while let Some(block) = response.chunk().await.map_err(|error| lost(&error))? {
            size += block.len() as u64;
            if size > self.file.size {
                return Err(Failure::Verification(format!("`{}` is longer than the {} bytes of the manifest", self.file.path, self.file.size)));
            }
            part.write_all(&block).await.map_err(broken)?;
            self.bar.inc(block.len() as u64);
        }
        part.sync_all().await.map_err(broken)?;
        if size == self.file.size { Ok(()) } else { Err(Failure::Network(format!("`{}` stopped after {size} bytes", self.file.path))) }
    }
}

fn unwritable(place: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot write `{}`: {error}", place.display()))
}
