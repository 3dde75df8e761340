//! Uploads: small files in one request, large ones in a resumable upload.
//!
//! What a lost connection means: the server keeps what it has; the client asks for the offset and goes on from there.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use chancery_core::manifest::{Manifest, ManifestFile};
use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use reqwest::{Body, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::client::{Client, backoff, lost};
use super::failure::Failure;
use super::hashing::{BLOCK_BYTES, place, progress};
use super::session::member;

/// Largest file that is sent in one request, in bytes.
pub const MAX_SINGLE_BYTES: u64 = 16 * 1024 * 1024;
/// How often in a row an upload may fail to get on before the command gives up.
const MAX_FAILURES: u32 = 5;

/// How the files came to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Files that were sent.
    pub files: usize,
    /// Files that the server had already.
    pub known: usize,
}

/// Sends every file of the package that the server does not have.
///
/// # Errors
/// [`Failure`]; what was sent stays on the server, so trying again is cheap.
pub async fn upload_missing(client: &Client, root: &Path, manifest: &Manifest) -> Result<Sent, Failure> {
    let bar = progress("uploading", manifest.size());
    let mut sent = Sent::default();
    for file in manifest.files() {
        if is_known(client, file).await? {
            sent.known += 1;
            bar.inc(file.size);
        } else {
            upload(client, &place(root, file.path.as_str()), file, &bar).await?;
            sent.files += 1;
        }
    }
    bar.finish_and_clear();
    Ok(sent)
}

/// Sends one file.
///
/// # Errors
/// [`Failure`].
pub async fn upload(client: &Client, path: &Path, file: &ManifestFile, bar: &ProgressBar) -> Result<(), Failure> {
    if file.size > MAX_SINGLE_BYTES {
        return Resumable { client, path: path.to_owned(), file, bar }.run().await;
    }
    let bytes = tokio::fs::read(path).await.map_err(|error| unreadable(path, &error))?;
    client.send(client.request(Method::PUT, client.url(&["blobs", &file.digest.to_string()])).body(bytes)).await?;
    bar.inc(file.size);
    Ok(())
}

async fn is_known(client: &Client, file: &ManifestFile) -> Result<bool, Failure> {
    match client.get(client.url(&["blobs", &file.digest.to_string()])).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.is_not_found() => Ok(false),
        Err(failure) => Err(failure),
    }
}

struct Resumable<'a> {
    client: &'a Client,
    path: PathBuf,
    file: &'a ManifestFile,
    bar: &'a ProgressBar,
}

impl Resumable<'_> {
    async fn run(&self) -> Result<(), Failure> {
        let begin = self.client.request(Method::POST, self.client.url(&["uploads"])).json(&json!({"size": self.file.size, "digest": self.file.digest}));
        let id = member(&self.client.ask(begin).await?.value, "/id")?;
        self.send_all(&id).await?;
        let complete = self.client.request(Method::POST, self.client.url(&["uploads", &id, "complete"]));
        let digest = member(&self.client.ask(complete).await?.value, "/digest")?;
        if digest.trim_start_matches("sha256:") != self.file.digest.to_string() {
            return Err(Failure::Verification(format!("the server stored `{}` with digest {digest}, not {}", self.file.path, self.file.digest)));
        }
        Ok(())
    }

    /// Sends until the server has every byte. Progress forgives earlier failures.
    async fn send_all(&self, id: &str) -> Result<(), Failure> {
        let start = self.bar.position();
        let mut offset = 0;
        let mut failures = 0;
        while offset < self.file.size {
            let Err(failure) = self.send_from(id, offset).await else { return Ok(()) };
            if !is_worth_another_try(&failure) || failures >= MAX_FAILURES {
                return Err(failure);
            }
            failures += 1;
            tokio::time::sleep(backoff(failures)).await;
            // Nobody answers: the next attempt finds out where the server is.
            let Ok(reached) = self.offset(id).await else { continue };
            if reached > offset {
                failures = 0;
            }
            offset = reached;
            self.bar.set_position(start + offset);
        }
        Ok(())
    }

    async fn offset(&self, id: &str) -> Result<u64, Failure> {
        let answer = self.client.get(self.client.url(&["uploads", id])).await?;
        offset_of(&answer.value)
    }

    async fn send_from(&self, id: &str, offset: u64) -> Result<(), Failure> {
        let mut file = tokio::fs::File::open(&self.path).await.map_err(|error| unreadable(&self.path, &error))?;
        file.seek(SeekFrom::Start(offset)).await.map_err(|error| unreadable(&self.path, &error))?;
        let bar = self.bar.clone();
        let blocks = futures_util::stream::try_unfold(file, |mut file| async move {
            let mut block = vec![0; BLOCK_BYTES];
            let read = file.read(&mut block).await?;
            block.truncate(read);
            Ok::<_, std::io::Error>((read > 0).then_some((block, file)))
        });
        let blocks = blocks.inspect_ok(move |block| bar.inc(block.len() as u64));
        let request = self.client.request(Method::PATCH, self.client.url(&["uploads", id])).header("Upload-Offset", offset.to_string());
        let response = self.client.send_once(request.body(Body::wrap_stream(blocks))).await?;
        let text = response.text().await.map_err(|error| lost(&error))?;
        let reached = offset_of(&serde_json::from_str(&text).unwrap_or_default())?;
        if reached == self.file.size {
            return Ok(());
        }
        Err(Failure::Network(format!("the server has {reached} of {} bytes of `{}`", self.file.size, self.file.path)))
    }
}

fn offset_of(value: &serde_json::Value) -> Result<u64, Failure> {
    value.get("offset").and_then(serde_json::Value::as_u64).ok_or_else(|| Failure::Network("the server does not say how much it has".to_owned()))
}

fn is_worth_another_try(failure: &Failure) -> bool {
    match failure {
        Failure::Network(_) => true,
        Failure::Problem { problem, .. } => problem.code == "offset_mismatch" || problem.status >= 500,
        Failure::Usage(_) | Failure::Verification(_) => false,
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot read `{}`: {error}", path.display()))
}
