//! A policy bundle: what it is, who kept it and who put it in force, and its files.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{ActorId, Digest};

use super::super::filters;
use super::super::frame::{Area, Frame};
use super::super::layout::page;
use super::super::ledger::names::Names;
use super::super::session::{PageError, Path, Shown};
use super::rule::clip;
use crate::http::api::bundle::{BundleView, files_of};
use crate::http::caller;

/// Characters of all files that the page shows.
const SHOWN: usize = 30_000;

#[derive(Template)]
#[template(path = "policy-bundle.html")]
struct OneBundle {
    frame: Frame,
    digest: Digest,
    bundle: Option<BundleView>,
    uploaded_by: String,
    activated_by: Option<String>,
    files: Vec<File>,
    size: usize,
}

struct File {
    path: String,
    size: usize,
    /// None where the page would grow too long.
    text: Option<String>,
}

/// `GET /policy/bundles/{digest}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(digest): Path<Digest>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let found = files_of(&own.allowed.app, &snapshot, digest).await?;
    let title = format!("Bundle {}", digest.to_string().chars().take(12).collect::<String>());
    let frame = own.frame(&snapshot, Area::Policy, &title).await?.present_only().under("/policy", "Policy").json(format!("/api/v1/policy/bundles/{digest}"));
    let actor = |text: &str| ActorId::parse(text).ok();
    let uploader = found.bundle.as_ref().and_then(|bundle| actor(&bundle.uploaded_by));
    let activator = found.bundle.as_ref().and_then(|bundle| actor(bundle.activated_by.as_deref()?));
    let names = Names::of(&snapshot, &[], &uploader.iter().chain(&activator).cloned().collect::<Vec<_>>()).await?;
    let mut left = SHOWN;
    let size = found.files.values().map(String::len).sum();
    let file = |(path, text): (String, String)| {
        let shown = clip(&text);
        let fits = shown.len() <= left;
        left = if fits { left - shown.len() } else { left };
        File { size: text.len(), text: fits.then_some(shown), path }
    };
    let template = OneBundle {
        files: found.files.into_iter().map(file).collect(),
        uploaded_by: uploader.map(|id| names.actor(&id)).unwrap_or_default(),
        activated_by: activator.map(|id| names.actor(&id)),
        bundle: found.bundle,
        frame,
        digest,
        size,
    };
    Ok(page(StatusCode::OK, &template))
}
