//! The files of a version, each with what scans and reviews say of it.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::manifest::ManifestFile;
use chancery_core::names::{Digest, State};
use chancery_core::policy::Input;
use chancery_core::policy::non_waivable::{FileScan, file_scans};
use serde_json::Value;

use super::subject::{Version, subject, version_at};
use super::words::cut;
use crate::app::view;
use crate::http::api::check::examined;
use crate::http::caller;
use crate::http::file::encode;
use crate::http::ui::filters;
use crate::http::ui::frame::Frame;
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};

/// Files of a page, and the bytes that their rows may take: paths can be long.
const PAGE: usize = 100;
const PAGE_BYTES: usize = 45_000;
/// Bytes of a row without its words.
const ROW_BYTES: usize = 400;

/// A file as it is shown.
pub(super) struct FileLine {
    pub(super) path: String,
    pub(super) download: String,
    pub(super) size: u64,
    pub(super) digest: String,
    /// Words, kind of outcome, and what the scanner said.
    pub(super) scan: (&'static str, &'static str, String),
}

/// What is known of all files.
pub(super) struct Scans {
    stands: BTreeMap<Digest, FileScan>,
    details: BTreeMap<Digest, String>,
}

impl Scans {
    /// Of the document that the rules read.
    pub(super) fn of(input: &Input) -> Self {
        let by_path: BTreeMap<&str, Digest> = input.version.files.iter().map(|file| (file.path.as_str(), file.digest)).collect();
        let mut details = BTreeMap::new();
        for evidence in input.evidence.iter().filter(|evidence| evidence.kind == "artifact-scan") {
            let files = evidence.summary.as_ref().and_then(|summary| summary.get("files")).and_then(Value::as_array);
            for file in files.into_iter().flatten() {
                let text = |member: &str| file.get(member).and_then(Value::as_str);
                let digest = text("digest").and_then(|digest| Digest::parse(digest).ok());
                let digest = digest.or_else(|| by_path.get(text("path")?).copied());
                details.extend(digest.zip(text("detail").map(|detail| cut(detail, 200))));
            }
        }
        Self { stands: file_scans(input), details }
    }

    /// A file as it is shown, with the rank by which what needs a look comes first.
    fn line(&self, version: &Version, file: &ManifestFile) -> (u8, FileLine) {
        let stands = self.stands.get(&file.digest).copied();
        let (rank, words, kind) = match stands {
            Some(FileScan::Dangerous) => (0, "dangerous", "fail"),
            Some(FileScan::Malformed) => (1, "malformed", "fail"),
            Some(FileScan::Unclear) => (2, "needs a review", "wait"),
            None => (3, "not scanned", "na"),
            Some(FileScan::Reviewed) => (4, "reviewed", "waived"),
            Some(FileScan::Safe) => (5, "safe", "pass"),
        };
        let why = if stands.is_none() { "no scan names this file".to_owned() } else { self.details.get(&file.digest).cloned().unwrap_or_default() };
        let path: Vec<String> = file.path.as_str().split('/').map(encode).collect();
        let line = FileLine {
            download: if version.hands_out() { format!("{}/files/{}", version.open(), path.join("/")) } else { String::new() },
            path: file.path.to_string(),
            size: file.size,
            digest: file.digest.to_string(),
            scan: (words, kind, why),
        };
        (rank, line)
    }

    /// The files that most need a look, so many of them.
    pub(super) fn worst(&self, version: &Version, files: &[ManifestFile], most: usize) -> Vec<FileLine> {
        let mut ranked: Vec<(u8, usize)> = files.iter().enumerate().map(|(place, file)| (self.line(version, file).0, place)).collect();
        ranked.sort_unstable();
        let chosen = ranked.into_iter().take(most).filter_map(|(_, place)| files.get(place));
        chosen.map(|file| self.line(version, file).1).collect()
    }

    /// How many files there are of each word, as one sentence.
    pub(super) fn sentence(&self, files: &[ManifestFile]) -> String {
        let count = |wanted: &dyn Fn(Option<FileScan>) -> bool| files.iter().filter(|file| wanted(self.stands.get(&file.digest).copied())).count();
        let parts = [
            (count(&|scan| scan == Some(FileScan::Dangerous)), "dangerous"),
            (count(&|scan| scan == Some(FileScan::Malformed)), "malformed"),
            (count(&|scan| scan == Some(FileScan::Unclear)), "waiting for a review of the security role"),
            (count(&|scan| scan.is_none()), "in no scan"),
            (count(&|scan| scan == Some(FileScan::Reviewed)), "reviewed"),
            (count(&|scan| scan == Some(FileScan::Safe)), "safe"),
        ];
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, words)| format!("{number} {words}")).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Template)]
#[template(path = "version-files.html")]
struct Files {
    frame: Frame,
    v: Version,
    lines: Vec<FileLine>,
    sentence: String,
    next: Option<String>,
}

/// `GET /models/{name}/{number}/files`.
pub(super) async fn show(own: Shown<caller::Read>, Path(place): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let (_, input) = examined(&own.allowed, &name, number, State::Production).await?;
    let snapshot = own.allowed.read().await?;
    let subject = subject(&own, &snapshot, &name, number).await?;
    let manifest = view::manifest(&snapshot, &subject.row).await?;
    let scans = Scans::of(&input);
    let after = own.visit.get("after").unwrap_or_default();
    // The manifest is sorted by path.
    let from = manifest.files().partition_point(|file| !after.is_empty() && file.path.as_str() <= after);
    let rest = manifest.files().get(from..).unwrap_or_default();
    let mut room = PAGE_BYTES;
    let fits = |line: &FileLine| {
        // What is escaped takes up to five bytes for one.
        let bytes = ROW_BYTES + line.download.len() + 5 * (line.path.len() + line.scan.2.len());
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    };
    let lines: Vec<FileLine> = rest.iter().take(PAGE).map(|file| scans.line(&subject.version, file).1).take_while(fits).collect();
    let next = lines.last().filter(|_| rest.len() > lines.len()).map(|line| own.visit.with("after", Some(&line.path)));
    let frame = subject.frame_of(&own, &snapshot, "Files", "/manifest").await?.present_only();
    Ok(page(StatusCode::OK, &Files { frame, sentence: scans.sentence(manifest.files()), v: subject.version, lines, next }))
}
