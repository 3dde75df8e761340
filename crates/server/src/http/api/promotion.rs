//! Promotions: open, look, give a verdict, withdraw, cancel, execute.

use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::approval::{ApprovalVerdict, Condition};
use chancery_core::entry::PrivateText;
use chancery_core::names::{Digest, Label, ModelName, PromotionId, State, VersionNumber};
use chancery_core::promotion::{Command, Status};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{PromotionRow, VersionRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use super::user::named;
use crate::app::lineage::Unreadable;
use crate::app::own_signature::{ApprovalStatement, OwnSignature};
use crate::app::promotions::{PromotionSummary, PromotionView};
use crate::app::{App, AppError, Opening, Others, PromoteAsk, PromoteOutcome, ReviewAsk, view};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Permit, Problem, Queries, caller};
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, promote))
        .routes(routes!(show))
        .routes(routes!(review))
        .routes(routes!(statement))
        .routes(routes!(withdraw))
        .routes(routes!(cancel))
        .routes(routes!(execute))
        .routes(routes!(comment))
        .routes(routes!(meet))
}

/// What to promote, and where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Promote {
    /// Name of the model.
    #[schema(value_type = String)]
    model: ModelName,
    /// Number of the version.
    #[schema(value_type = u64)]
    version: VersionNumber,
    /// Target state.
    #[schema(value_type = String)]
    to: State,
    /// Environment; `production` unless given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    environment: Option<Label>,
    /// Why.
    comment: Option<String>,
    /// Whether other versions stay in production; otherwise the new one replaces them.
    #[serde(default)]
    keep_others: bool,
}

/// What became of a promotion.
#[derive(Serialize, ToSchema)]
struct Promoted {
    /// The promotion now.
    promotion: PromotionView,
    /// Whether the version reached the target.
    executed: bool,
    /// The entries of the last step.
    receipt: ReceiptView,
}

/// The environment of a request: `production` unless it names one.
///
/// # Errors
/// Never for the constant; the type says so.
pub(super) fn environment(given: Option<Label>) -> Result<Label, Refusal> {
    given.map_or_else(|| Label::parse("production"), Ok)
}

fn others(keep: bool) -> Others {
    if keep { Others::Keep } else { Others::Replace }
}

/// Open a promotion or refresh the open one; execute it when nothing is missing
#[utoipa::path(post, path = "/api/v1/promotions", operation_id = "promotion_open", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = Promote,
    responses((status = 201, description = "Opened", body = Promoted), (status = 200, description = "Was open before", body = Promoted), (status = "4XX", description = "Refused", body = Problem)))]
async fn promote(allowed: Allowed<caller::AskPromotion>, body: Json<Promote>) -> Result<Response, AppError> {
    let Promote { model, version, to, environment: given, comment, keep_others } = body.value;
    let ask = PromoteAsk { model, number: version, to, environment: environment(given)?, comment, others: others(keep_others) };
    let outcome = allowed.app.promote(&allowed.caller, &ask, &allowed.options(&body.requested)).await?;
    let promotion = allowed.app.promotion_view(&allowed.caller, &outcome.promotion).await?;
    Ok(promoted(promotion, &outcome))
}

fn promoted(promotion: PromotionView, outcome: &PromoteOutcome) -> Response {
    let status = match outcome.opening {
        Opening::New => StatusCode::CREATED,
        Opening::Known => StatusCode::OK,
    };
    let location = format!("/api/v1/promotions/{}", promotion.id);
    let headers = [(ETAG, format!("\"{}\"", promotion.revision)), (LOCATION, location)];
    let body = Promoted { promotion, executed: outcome.executed, receipt: ReceiptView::from(&outcome.receipt) };
    let mut response = (status, headers, axum::Json(body)).into_response();
    if outcome.receipt.replayed {
        response.headers_mut().insert(HeaderName::from_static("idempotent-replay"), HeaderValue::from_static("true"));
    }
    response
}

/// Which promotions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PromotionFilter {
    /// Only this status.
    pub(in crate::http) status: Option<String>,
    /// Only of this model.
    pub(in crate::http) model: Option<String>,
}

/// List promotions, newest first, as they are stored; reading one evaluates its gates
#[utoipa::path(get, path = "/api/v1/promotions", operation_id = "promotion_list", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PromotionFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<PromotionSummary>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::Read>,
    Queries((filter, page)): Queries<(PromotionFilter, PageQuery)>,
) -> Result<axum::Json<Page<PromotionSummary>>, AppError> {
    Ok(axum::Json(listed(&allowed, &filter, &page).await?))
}

/// A page of promotions.
///
/// # Errors
/// `invalid_field` for an unknown status, a bad name or cursor; `not_found` for an unknown model.
pub(in crate::http) async fn listed(allowed: &Allowed<caller::Read>, filter: &PromotionFilter, page: &PageQuery) -> Result<Page<PromotionSummary>, AppError> {
    let limit = page.limit()?;
    let rows = chosen(allowed, filter, before(page)?, limit).await?;
    let Page { items, next } = Page::new(rows, limit, |row| row.opened_index.to_string());
    let snapshot = allowed.read().await?;
    let mut views = Vec::with_capacity(items.len());
    for row in items {
        views.push(PromotionSummary::of(&snapshot, row).await?);
    }
    Ok(Page { items: views, next })
}

/// The entry index before which a page that goes from new to old begins.
///
/// # Errors
/// `invalid_field` for a cursor that no page gave.
pub(super) fn before(page: &PageQuery) -> Result<u64, Refusal> {
    let bad = |_| Refusal::invalid("after", "after must be the `next` of a page");
    page.after()?.map_or(Ok(i64::MAX as u64), |text| text.parse().map_err(bad))
}

async fn chosen(allowed: &Allowed<caller::Read>, filter: &PromotionFilter, before: u64, limit: u32) -> Result<Vec<PromotionRow>, AppError> {
    let status = filter.status.as_deref().map(Status::parse).transpose()?.map_or("%", Status::as_str);
    let name = filter.model.as_deref().map(ModelName::parse).transpose()?;
    let snapshot = allowed.read().await?;
    let model = match &name {
        Some(name) => view::model_named(&snapshot, name).await?.model_id.to_string(),
        None => "%".to_owned(),
    };
    let tail = "WHERE opened_index < $1 AND status LIKE $2 AND model_id LIKE $3 ORDER BY opened_index DESC LIMIT $4";
    Ok(snapshot.rows(tail, &values![before, status, model, i64::from(limit) + 1]).await?)
}

/// Read a promotion
#[utoipa::path(get, path = "/api/v1/promotions/{id}", operation_id = "promotion_show", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the promotion")),
    responses((status = 200, description = "The promotion", body = PromotionView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(id): Path<PromotionId>) -> Result<Response, AppError> {
    let (view, unreadable) = read(&allowed, &id).await?;
    let tag = format!("\"{}\"", view.revision);
    Ok(([(ETAG, tag)], axum::Json(unreadable.shown(view)?)).into_response())
}

/// A promotion, and what has to be left out of it for this reader.
///
/// # Errors
/// `not_found`; a fault.
pub(in crate::http) async fn read<P: Permit>(allowed: &Allowed<P>, id: &PromotionId) -> Result<(PromotionView, Unreadable), AppError> {
    let view = allowed.app.promotion_view(&allowed.caller, id).await?;
    let snapshot = allowed.read().await?;
    let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
    let version = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await?;
    let unreadable = match &version {
        Some(version) => Unreadable::behind(&snapshot, version).await?,
        None => Unreadable::default(),
    };
    Ok((view, unreadable))
}

/// A verdict.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Review {
    /// Role in which it is given.
    #[schema(value_type = String)]
    role: Label,
    /// `approve` or `reject`.
    #[schema(value_type = String)]
    verdict: ApprovalVerdict,
    /// `evidence_set` of the promotion that was looked at.
    #[schema(value_type = String)]
    evidence_set: Digest,
    /// Comment.
    comment: Option<String>,
    /// Ticket reference.
    ticket: Option<String>,
    /// Conditions {text, owner, due, effect}.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    conditions: Vec<Condition>,
    /// The person's own signature over the statement that `approvals/statement` gave.
    signed: Option<OwnSignatureBody>,
}

/// A signature that the approver made with a key of his own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnSignatureBody {
    /// The statement as it was given, base64.
    payload: String,
    /// Id of the key.
    #[schema(value_type = String)]
    key_id: Digest,
    /// Over DSSE's pre-authentication encoding, base64: ASN.1 DER for P-256, 64 bytes for Ed25519.
    signature: String,
    /// As it was given, hexadecimal.
    comment_salt: String,
}

impl OwnSignatureBody {
    fn read(self) -> Result<OwnSignature, Refusal> {
        let bytes = |field: &str, text: &str| BASE64_STANDARD.decode(text).map_err(|_| Refusal::invalid(field, &format!("{field} is no base64")));
        let salt = hex::decode(&self.comment_salt).ok().and_then(|salt| salt.try_into().ok());
        Ok(OwnSignature {
            payload: bytes("signed.payload", &self.payload)?,
            key_id: self.key_id,
            signature: bytes("signed.signature", &self.signature)?,
            comment_salt: salt.ok_or_else(|| Refusal::invalid("signed.comment_salt", "the salt has 32 hexadecimal digits"))?,
        })
    }
}

impl Review {
    fn ask(self) -> Result<ReviewAsk, Refusal> {
        let Self { role, verdict, evidence_set, comment, ticket, conditions, signed } = self;
        Ok(ReviewAsk { role, verdict, evidence_set, comment, ticket, conditions, signed: signed.map(OwnSignatureBody::read).transpose()? })
    }
}

/// What there is to sign for a verdict with a key of one's own
#[utoipa::path(post, path = "/api/v1/promotions/{id}/approvals/statement", operation_id = "promotion_statement", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Review,
    responses((status = 200, description = "The statement, to be signed within five minutes", body = ApprovalStatement), (status = "4XX", description = "Refused", body = Problem)))]
async fn statement(allowed: Allowed<caller::Review>, Path(id): Path<PromotionId>, body: Json<Review>) -> Result<axum::Json<ApprovalStatement>, AppError> {
    let ask = body.value.ask()?;
    if ask.signed.is_some() {
        return Err(Refusal::invalid("signed", "a statement is asked for before it is signed").into());
    }
    Ok(axum::Json(allowed.app.approval_to_sign(&allowed.caller, &id, &ask).await?))
}

/// Give a verdict
#[utoipa::path(post, path = "/api/v1/promotions/{id}/approvals", operation_id = "promotion_review", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Review,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn review(allowed: Allowed<caller::Review>, Path(id): Path<PromotionId>, body: Json<Review>) -> Result<Response, AppError> {
    let ask = body.value.ask()?;
    let made = allowed.app.review(&allowed.caller, &id, &ask, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Which approval to take back, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Withdraw {
    /// Role in which it was given.
    #[schema(value_type = String)]
    role: Label,
    /// Name of who gave it in your place; your own unless given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    given_by: Option<Label>,
    /// Why.
    reason: String,
}

/// Take back an approval that you gave, or that somebody gave in your place
#[utoipa::path(post, path = "/api/v1/promotions/{id}/withdraw", operation_id = "promotion_withdraw", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Withdraw,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::Review>, Path(id): Path<PromotionId>, body: Json<Withdraw>) -> Result<Response, AppError> {
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    let given_by = match &body.value.given_by {
        Some(name) => Some(named(&allowed.read().await?, name).await?),
        None => None,
    };
    let made = allowed.execute(Command::Withdraw { promotion: id, role: body.value.role, given_by, reason }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Cancel an open promotion
#[utoipa::path(post, path = "/api/v1/promotions/{id}/cancel", operation_id = "promotion_cancel", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Reason,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn cancel(allowed: Allowed<caller::AskPromotion>, Path(id): Path<PromotionId>, body: Json<Reason>) -> Result<Response, AppError> {
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    let made = allowed.execute(Command::Cancel { promotion: id, reason }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// How to execute.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Execute {
    /// Whether other versions stay in production; otherwise the new one replaces them.
    #[serde(default)]
    keep_others: bool,
}

/// Execute an open promotion; every gate is evaluated again
#[utoipa::path(post, path = "/api/v1/promotions/{id}/execute", operation_id = "promotion_execute", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Execute,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn execute(allowed: Allowed<caller::Execute>, Path(id): Path<PromotionId>, body: Json<Execute>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.execute_promotion(&allowed.caller, &id, others(body.value.keep_others), &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Words about a promotion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// The comment, at most 10,000 bytes. It is kept beside the ledger, where it can be erased.
    text: String,
}

/// Comment on a promotion, open or closed
#[utoipa::path(post, path = "/api/v1/promotions/{id}/comments", operation_id = "promotion_comment", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Comment,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn comment(allowed: Allowed<caller::Comment>, Path(id): Path<PromotionId>, body: Json<Comment>) -> Result<Response, AppError> {
    let text = PrivateText::new("text", &body.value.text, ids::random()?)?;
    let made = allowed.execute(Command::Comment { promotion: id, text }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// By what a condition is met.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Met {
    /// What was done, and where it can be seen.
    note: String,
}

/// Say that a condition of an approval is met; for somebody in the role that set it, who is no author of the version
#[utoipa::path(post, path = "/api/v1/promotions/{id}/conditions/{number}/met", operation_id = "condition_met", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion"), ("number" = u64, Path, description = "Number of the condition in the promotion")), request_body = Met,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn meet(allowed: Allowed<caller::Review>, Path((id, number)): Path<(PromotionId, u64)>, body: Json<Met>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.meet_condition(&allowed.caller, &id, number, &body.value.note, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
