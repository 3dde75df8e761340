//! The ledger: its entries as they were committed, and its head.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chancery_core::entry::Subject;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{CheckpointRow, EntryRow};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::http::{Allowed, Page, PageQuery, Path, Problem, Queries, caller};
use crate::store::Snapshot;
use crate::values;

/// Entries that are read at once while a filter looks for a kind, and at most for one page.
const BATCH: u64 = 500;
const MOST_LOOKED_AT: u64 = 20_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(proof)).routes(routes!(head))
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EntryFilter {
    /// Only about this subject, such as `promotion/ID`.
    subject: Option<String>,
    /// Only of this kind, such as `version.registered`.
    kind: Option<String>,
}

/// List entries, oldest first; with a kind, a page may be short and still have a next one
#[utoipa::path(get, path = "/api/v1/ledger/entries", operation_id = "ledger_entries", tag = "ledger", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(EntryFilter, PageQuery),
    responses((status = 200, description = "A page of entries", body = Page<Object>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::ReadEntries>,
    Queries((filter, page)): Queries<(EntryFilter, PageQuery)>,
) -> Result<axum::Json<Page<Box<RawValue>>>, AppError> {
    let limit = page.limit()?;
    let bad = |_| Refusal::invalid("after", "after must be the `next` of a page");
    let from = page.after()?.map_or(Ok(0), |text| text.parse::<u64>().map_err(bad))?;
    let subject = filter.subject.map(Subject::try_from).transpose()?.map(|subject| subject.to_string());
    let snapshot = allowed.read().await?;
    let (rows, next) = look(&snapshot, from, subject.as_deref(), filter.kind.as_deref(), limit as usize).await?;
    let items = rows.into_iter().map(raw).collect::<Result<_, _>>()?;
    Ok(axum::Json(Page { items, next: next.map(|index| crate::http::extract::cursor(&index.to_string())) }))
}

/// Prove that an entry is in the ledger
#[utoipa::path(get, path = "/api/v1/ledger/proof/{index}", operation_id = "ledger_proof", tag = "ledger", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("index" = u64, Path, description = "Index of the entry")),
    responses((status = 200, description = "A proof (c2sp.org/tlog-proof@v1)", body = String, content_type = "text/plain"),
        (status = "4XX", description = "Refused", body = Problem)))]
async fn proof(allowed: Allowed<caller::Read>, Path(index): Path<u64>) -> Result<String, AppError> {
    proved(&allowed, index).await
}

/// The proof file of an entry.
///
/// # Errors
/// `not_found` when no checkpoint covers it.
pub(in crate::http) async fn proved(allowed: &Allowed<caller::Read>, index: u64) -> Result<String, AppError> {
    let snapshot = allowed.read().await?;
    let proof = crate::ledger::prove::prove(&snapshot, allowed.app.keys().public().logs(), index).await?;
    let missing = || Refusal::not_found("entry that a checkpoint covers,", &index.to_string()).remedy("a checkpoint covers an entry within a second");
    Ok(proof.ok_or_else(missing)?.to_string())
}

/// Up to `limit` entries from an index on, and the index at which the next page begins.
async fn look(snapshot: &Snapshot, mut from: u64, subject: Option<&str>, kind: Option<&str>, limit: usize) -> Result<(Vec<EntryRow>, Option<u64>), AppError> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    while looked_at < MOST_LOOKED_AT {
        let rows = batch(snapshot, from, subject).await?;
        let end = (rows.len() as u64) < BATCH;
        looked_at += rows.len() as u64;
        for row in rows {
            if kind.is_some_and(|kind| kind_of(&row.bytes).as_deref() != Some(kind)) {
                from = row.entry_index + 1;
                continue;
            }
            if found.len() == limit {
                return Ok((found, Some(row.entry_index)));
            }
            from = row.entry_index + 1;
            found.push(row);
        }
        if end {
            return Ok((found, None));
        }
    }
    Ok((found, Some(from)))
}

async fn batch(snapshot: &Snapshot, from: u64, subject: Option<&str>) -> Result<Vec<EntryRow>, AppError> {
    let rows = match subject {
        Some(subject) => {
            let tail = "WHERE subject = $1 AND entry_index >= $2 ORDER BY entry_index LIMIT $3";
            snapshot.rows(tail, &values![subject, from, BATCH]).await?
        }
        None => snapshot.rows("WHERE entry_index >= $1 ORDER BY entry_index LIMIT $2", &values![from, BATCH]).await?,
    };
    Ok(rows)
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

fn kind_of(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice::<Kind>(bytes).ok().map(|entry| entry.kind)
}

fn raw(row: EntryRow) -> Result<Box<RawValue>, Fault> {
    let text = String::from_utf8(row.bytes).map_err(|error| Fault::database("read an entry", error))?;
    RawValue::from_string(text).map_err(|error| Fault::database("read an entry", error))
}

/// Read an entry, byte for byte as it was committed
#[utoipa::path(get, path = "/api/v1/ledger/entries/{index}", operation_id = "ledger_entry", tag = "ledger", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("index" = u64, Path, description = "Position in the ledger, from 0")),
    responses((status = 200, description = "The entry", body = Object), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::ReadEntries>, Path(index): Path<u64>) -> Result<Response, AppError> {
    let row = allowed.read().await?.get::<EntryRow>(values![index]).await?;
    let row = row.ok_or_else(|| Refusal::not_found("entry", &index.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], row.bytes).into_response())
}

/// Where the ledger ends.
#[derive(Serialize, ToSchema)]
struct HeadView {
    /// Entries that are committed.
    size: u64,
    /// Entries that the newest checkpoint covers; 0 before the first.
    checkpoint_size: u64,
    /// When that checkpoint was published (RFC 3339); null before the first.
    published: Option<String>,
}

/// Read where the ledger ends
#[utoipa::path(get, path = "/api/v1/ledger/head", operation_id = "ledger_head", tag = "ledger", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "Sizes", body = HeadView), (status = "4XX", description = "Refused", body = Problem)))]
async fn head(allowed: Allowed<caller::Read>) -> Result<axum::Json<HeadView>, AppError> {
    let snapshot = allowed.read().await?;
    let rows = snapshot.rows::<CheckpointRow>("ORDER BY size DESC LIMIT 1", &[]).await?;
    let newest = rows.first();
    let checkpoint_size = newest.map_or(0, |row| row.size);
    Ok(axum::Json(HeadView { size: snapshot.head().size, checkpoint_size, published: newest.map(|row| row.at.to_string()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_an_entry_is_its_own_not_one_in_its_data() {
        for (bytes, expected) in
            [(r#"{"data":{"kind":"model"},"kind":"model.created"}"#, Some("model.created")), (r#"{"data":{"kind":"model"}}"#, None), ("no json", None)]
        {
            assert_eq!(kind_of(bytes.as_bytes()).as_deref(), expected, "{bytes}");
        }
    }
}
