//! What a browser, or somebody else's program, checks an entry with: its stored bytes, its proof, and the script that does it here.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use chancery_core::refusal::Refusal;
use chancery_core::tables::EntryRow;

use super::super::layout::{asset, with_headers};
use super::super::session::{PageError, Path, Shown};
use crate::app::AppError;
use crate::http::{api, caller};
use crate::values;

/// Where the script is that checks an entry.
pub(super) const SCRIPT_PATH: &str = "/assets/verify.js";
const SCRIPT: &str = include_str!("../../../../assets/verify.js");

/// `GET /ledger/{index}/entry`: the stored bytes.
pub(super) async fn entry(own: Shown<caller::ReadEntries>, Path(index): Path<u64>) -> Result<Response, PageError> {
    let row = own.allowed.read().await?.get::<EntryRow>(values![index]).await.map_err(AppError::from)?;
    let row = row.ok_or_else(|| Refusal::not_found("entry", &index.to_string()))?;
    let name = format!("attachment; filename=\"{index}.json\"");
    Ok(with_headers(([(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)], row.bytes).into_response()))
}

/// `GET /ledger/{index}/proof`: the proof file.
pub(super) async fn proof(own: Shown<caller::Read>, Path(index): Path<u64>) -> Result<Response, PageError> {
    let text = api::ledger::proved(&own.allowed, index).await?;
    let name = format!("attachment; filename=\"{index}.tlog-proof\"");
    Ok(with_headers(([(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], text).into_response()))
}

/// `GET /assets/verify.js`.
pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}
