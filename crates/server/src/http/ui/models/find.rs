//! The search box: name, version, alias, composite id, digest, entry, promotion. One hit is gone to at once.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chancery_core::names::{PromotionId, clipped};
use chancery_core::refusal::Code;
use chancery_core::tables::PromotionRow;

use super::super::filters;
use super::super::frame::{Area, Frame, query_path};
use super::super::layout::{Link, page, sentence};
use super::super::session::{PageError, Shown};
use crate::app::reference::{self, Reference};
use crate::app::{AppError, view};
use crate::http::api::model::{ModelFilter, found};
use crate::http::{PageQuery, caller};
use crate::store::Snapshot;
use crate::values;

/// Longest text that is looked for: a name, a number and a digest.
const MAX_TEXT: usize = 400;
/// Models that are offered.
const OFFERED: u32 = 20;

#[derive(Template)]
#[template(path = "models-find.html")]
struct Find {
    frame: Frame,
    text: String,
    hits: Vec<Link>,
    /// Why a text that names something leads nowhere.
    why: String,
    list: String,
}

/// `GET /find?q=`.
pub(in super::super) async fn find(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let text = own.visit.get("q").unwrap_or_default().trim().to_owned();
    let snapshot = own.allowed.read().await?;
    let (hits, why) = if text.is_empty() {
        (Vec::new(), String::new())
    } else if text.chars().count() > MAX_TEXT {
        (Vec::new(), format!("The text has more than {MAX_TEXT} characters."))
    } else {
        hits(&snapshot, &text).await?
    };
    if let [hit] = hits.as_slice() {
        return Ok(Redirect::to(&hit.path).into_response());
    }
    let frame = own.frame(&snapshot, Area::Elsewhere, "Find").await?.present_only();
    let list = query_path("/models", [("q", text.as_str())].into_iter());
    Ok(page(StatusCode::OK, &Find { frame, text: clipped(&text), hits, why, list }))
}

/// What a text means; several things, when it can.
async fn hits(snapshot: &Snapshot, text: &str) -> Result<(Vec<Link>, String), AppError> {
    let mut hits = Vec::new();
    if let Some(index) = entry(text).filter(|index| *index < snapshot.head().size) {
        hits.push(Link::new(format!("/ledger/{index}"), format!("Entry {index} of the ledger")));
    }
    if let Ok(id) = PromotionId::parse(text)
        && snapshot.get::<PromotionRow>(values![id]).await?.is_some()
    {
        hits.push(Link::new(format!("/promotions/{id}"), format!("Promotion {id}")));
    }
    let mut why = String::new();
    match referred(snapshot, text).await {
        Ok(found) => hits.extend(found),
        Err(AppError::Refused(refusal, _)) => why = sentence(&refusal.message),
        Err(fault) => return Err(fault),
    }
    if hits.is_empty() {
        hits = models(snapshot, text).await?;
    }
    Ok((hits, why))
}

/// `1234`, `1,234` or `#1234`.
fn entry(text: &str) -> Option<u64> {
    let digits: String = text.strip_prefix('#').unwrap_or(text).chars().filter(|letter| *letter != ',').collect();
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The model or version that a reference means. A composite id leads to its trace, which answers what is behind an inference.
async fn referred(snapshot: &Snapshot, text: &str) -> Result<Option<Link>, AppError> {
    let is_digest = text.len() >= reference::MIN_PREFIX && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    if is_digest {
        match reference::resolve(snapshot, &Reference::parse_composite(text)?).await {
            Ok((model, version)) => return Ok(Some(version_link(model.name.as_str(), version.number.get()))),
            // It may be a name all the same.
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let reference = Reference::parse(text)?;
    if let Reference::Newest(name) = &reference {
        let model = view::model_named(snapshot, name).await?;
        return Ok(Some(Link::new(format!("/models/{}", crate::http::file::encode(model.name.as_str())), format!("Model {}", model.name))));
    }
    let (model, version) = reference::resolve(snapshot, &reference).await?;
    if text.starts_with("chancery:") {
        let composite = view::composite_id(&model.name, &version);
        let path = composite.split('/').map(crate::http::file::encode).collect::<Vec<_>>().join("/");
        return Ok(Some(Link::new(format!("/trace/{path}"), format!("Trace of {}/{}", model.name, version.number))));
    }
    Ok(Some(version_link(model.name.as_str(), version.number.get())))
}

fn version_link(name: &str, number: u64) -> Link {
    Link::new(format!("/models/{}/{number}", crate::http::file::encode(name)), format!("Version {number} of {name}"))
}

/// Models whose names have the words.
async fn models(snapshot: &Snapshot, text: &str) -> Result<Vec<Link>, AppError> {
    let filter = ModelFilter { q: Some(text.to_owned()), ..ModelFilter::default() };
    let wanted = PageQuery { limit: Some(OFFERED), after: None };
    match found(snapshot, &filter, &wanted).await {
        Ok(rows) => Ok(rows
            .items
            .iter()
            .map(|row| Link::new(format!("/models/{}", crate::http::file::encode(row.name.as_str())), format!("Model {}", row.name)))
            .collect()),
        // A text that looks like a filter and is none.
        Err(AppError::Refused(..)) => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_entry() {
        for (text, expected) in [("12", Some(12)), ("48,213", Some(48_213)), ("#7", Some(7)), ("", None), ("-1", None), ("1.4", None), ("0x1", None)] {
            assert_eq!(entry(text), expected, "{text}");
        }
    }
}
