//! Risks as a file: export of the whole register, import with a report by row.

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chancery_core::access_log::AccessKind;
use chancery_core::names::{Digest, ModelId, ModelName, RiskId};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::risk::Command;
use chancery_core::risk::transfer::{Format, MAX_BYTES, MitigationRecord, Record, read, write};
use chancery_core::tables::RiskRow;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{existing, model_ids};
use crate::app::view::column;
use crate::app::{App, AppError, Options, Receipt};
use crate::http::extract::ReceiptView;
use crate::http::{Allowed, Problem, Query, Requested, caller};
use crate::store::Snapshot;
use crate::{ids, values};

/// Risks that are read at once.
const PAGE: i64 = 500;
/// Rows of an import that wait for the sequencer at once.
const AT_ONCE: usize = 32;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(import))
}

/// In which format.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Export {
    /// `csv` or `json`; `json` unless given.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

/// Write the risk register as a file
#[utoipa::path(get, path = "/api/v1/risks/export", operation_id = "risk_export", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(Export),
    responses((status = 200, description = "The register", content((String = "text/csv"), (Vec<Object> = "application/json"))), (status = "4XX", description = "Refused", body = Problem)))]
async fn export(allowed: Allowed<caller::Read>, Query(Export { format }): Query<Export>) -> Result<Response, AppError> {
    let format = format.unwrap_or(Format::Json);
    let mut records = Vec::new();
    let mut after = 0_u64;
    loop {
        // No read transaction outlives a page.
        let snapshot = allowed.read().await?;
        let rows = snapshot.rows::<RiskRow>("WHERE created_index > $1 ORDER BY created_index LIMIT $2", &values![after, PAGE]).await?;
        let Some(last) = rows.last() else { break };
        after = last.created_index;
        for row in rows {
            records.push(record(&snapshot, row).await?);
        }
    }
    allowed.log(AccessKind::Export, &format!("risks as {format}")).await?;
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"risks.csv\""),
        Format::Json => ("application/json", "attachment; filename=\"risks.json\""),
    };
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], write(&records, format)).into_response())
}

async fn record(snapshot: &Snapshot, row: RiskRow) -> Result<Record, AppError> {
    let names = snapshot
        .query("SELECT models.name FROM risk_links JOIN models ON models.model_id = risk_links.model_id WHERE risk_links.risk_id = $1 AND models.hidden = 0 ORDER BY models.name", &values![row.risk_id])
        .await?;
    let mitigations =
        row.mitigations().into_iter().map(|known| MitigationRecord { text: known.text, owner: known.owner, due: known.due, done_at: known.done_at });
    Ok(Record {
        requirements: row.requirements(),
        mitigations: mitigations.collect(),
        models: names.iter().map(|name| column::<ModelName>(name, 0)).collect::<Result<_, _>>()?,
        id: Some(row.risk_id),
        title: row.title,
        category: row.category,
        severity: row.severity,
        likelihood: row.likelihood,
        level: row.level.to_string(),
        status: row.status.to_string(),
        description: row.description,
        review_date: row.review_date,
    })
}

/// How to import.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Import {
    /// `csv` or `json`; `json` unless given.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// What an import did, or would do.
#[derive(Serialize, ToSchema)]
struct ImportView {
    /// Whether nothing was written.
    dry_run: bool,
    /// Rows that added a risk.
    added: usize,
    /// Rows that changed a risk.
    changed: usize,
    /// Rows that say what is known.
    unchanged: usize,
    /// Rows that were refused.
    refused: usize,
    /// Every row.
    rows: Vec<RowView>,
    /// The entries of the last row that made some; null when none did.
    receipt: Option<ReceiptView>,
}

/// What became of a row.
#[derive(Serialize, ToSchema)]
struct RowView {
    /// Number, from 1, without the head.
    row: u64,
    /// `added`, `changed`, `unchanged` or `refused`.
    outcome: &'static str,
    /// Id of the risk.
    id: Option<String>,
    /// Why it was refused.
    problem: Option<String>,
}

/// What a row asks for.
#[derive(Clone)]
enum Plan {
    Write(&'static str, Box<Command>),
    Nothing(RiskId),
    Refused(Refusal),
}

/// Add and change risks from a file
#[utoipa::path(post, path = "/api/v1/risks/import", operation_id = "risk_import", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(Import),
    request_body(content = Vec<u8>, description = "CSV (RFC 4180) or a JSON list, at most 1 MiB and 10,000 rows", content_type = "application/octet-stream"),
    responses((status = 200, description = "What became of each row", body = ImportView), (status = "4XX", description = "Refused", body = Problem)))]
async fn import(
    allowed: Allowed<caller::ManageRisks>,
    Query(ask): Query<Import>,
    requested: Requested,
    body: Body,
) -> Result<axum::Json<ImportView>, AppError> {
    let too_large = |_| Refusal::new(Code::TooLarge, &format!("the import has more than {MAX_BYTES} bytes, or broke off")).field("body");
    let bytes = axum::body::to_bytes(body, MAX_BYTES).await.map_err(too_large)?;
    let records = read(&bytes, ask.format.unwrap_or(Format::Json))?;
    let plans = plans(&allowed.read().await?, records).await?;
    if !ask.dry_run {
        refuse_malformed(&plans)?;
    }
    let mut view = ImportView { dry_run: ask.dry_run, added: 0, changed: 0, unchanged: 0, refused: 0, rows: Vec::with_capacity(plans.len()), receipt: None };
    let body = Digest::of(format!("{}{}", requested.body, Digest::of(&bytes)).as_bytes());
    let rows = stream::iter((1..).zip(plans)).map(|(row, plan)| done(&allowed, &ask, &requested, body, row, plan)).buffered(AT_ONCE);
    let done: Vec<Result<(RowView, Option<Receipt>), AppError>> = rows.collect().await;
    for result in done {
        let (row, receipt) = result?;
        match row.outcome {
            "added" => view.added += 1,
            "changed" => view.changed += 1,
            "unchanged" => view.unchanged += 1,
            _ => view.refused += 1,
        }
        view.rows.push(row);
        view.receipt = receipt.as_ref().map(ReceiptView::from).or(view.receipt);
    }
    Ok(axum::Json(view))
}

/// INVARIANT: nothing is imported of a file with a malformed row.
fn refuse_malformed(plans: &[Plan]) -> Result<(), Refusal> {
    let mut refused = (1..).zip(plans).filter_map(|(row, plan)| if let Plan::Refused(refusal) = plan { Some((row, refusal)) } else { None });
    let Some((row, first)) = refused.next() else { return Ok(()) };
    let more = refused.count();
    let message = format!("row {row}: {}{}; nothing was imported", first.message, if more > 0 { format!(" (and {more} more)") } else { String::new() });
    Err(Refusal { message, ..first.clone() }.remedy("try it with `dry_run=true`, which says it for every row"))
}

async fn plans(snapshot: &Snapshot, records: Vec<Result<Record, Refusal>>) -> Result<Vec<Plan>, AppError> {
    let mut plans = Vec::with_capacity(records.len());
    let mut seen = std::collections::BTreeSet::new();
    for record in records {
        let plan = match record {
            Err(refusal) => Plan::Refused(refusal),
            Ok(record) if record.id.as_ref().is_some_and(|id| !seen.insert(id.clone())) => {
                Plan::Refused(Refusal::invalid("id", "the id stands in an earlier row too"))
            }
            Ok(record) => match plan(snapshot, record).await {
                Err(AppError::Refused(refusal, _)) => Plan::Refused(*refusal),
                other => other?,
            },
        };
        plans.push(plan);
    }
    Ok(plans)
}

async fn plan(snapshot: &Snapshot, record: Record) -> Result<Plan, AppError> {
    let known = match &record.id {
        Some(id) => match existing(snapshot, id).await {
            Ok(row) => Some(row),
            Err(AppError::Refused(..)) => None,
            Err(fault @ AppError::Fault(_)) => return Err(fault),
        },
        None => None,
    };
    let assessment = record.assessment();
    if let Some(row) = known {
        if row.assessment() == assessment {
            return Ok(Plan::Nothing(row.risk_id));
        }
        let command = Command::Change { id: row.risk_id, assessment: Box::new(assessment), expected: Some(row.revision) };
        return Ok(Plan::Write("changed", Box::new(command)));
    }
    let models: Vec<ModelId> = model_ids(snapshot, &record.models).await?;
    let mitigations = record.planned();
    let id = match record.id {
        Some(id) => id,
        None => ids::risk()?,
    };
    Ok(Plan::Write("added", Box::new(Command::Add { id, assessment: Box::new(assessment), models, mitigations })))
}

async fn done(
    allowed: &Allowed<caller::ManageRisks>,
    ask: &Import,
    requested: &Requested,
    body: Digest,
    row: u64,
    plan: Plan,
) -> Result<(RowView, Option<Receipt>), AppError> {
    let view = |outcome, id: Option<String>, problem| RowView { row, outcome, id, problem };
    let (outcome, command) = match plan {
        Plan::Nothing(id) => return Ok((view("unchanged", Some(id.to_string()), None), None)),
        Plan::Refused(refusal) => return Ok((view("refused", None, Some(refusal.to_string())), None)),
        Plan::Write(outcome, command) => (outcome, command),
    };
    let id = command.id().to_string();
    if ask.dry_run {
        return Ok((view(outcome, Some(id), None), None));
    }
    // A row is a command of its own, with a key of its own.
    let key = requested.key.as_ref().map(|key| format!("{key}/{row}"));
    let options: Options = allowed.options(&Requested { key, body });
    let authorized = allowed.app.allow_command(&allowed.caller, *command).await?;
    match allowed.app.execute(authorized, &options).await {
        Ok(receipt) => {
            let id = receipt.first()?.subject.to_string().replace("risk/", "");
            Ok((view(outcome, Some(id), None), Some(receipt)))
        }
        Err(AppError::Refused(refusal, _)) => Ok((view("refused", Some(id), Some(refusal.to_string())), None)),
        Err(fault @ AppError::Fault(_)) => Err(fault),
    }
}
