//! Forms of the approver's page: a verdict, and what else can be done with a promotion. What is refused shows the page again with what was
//! filled in.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::approval::{ApprovalVerdict, Condition, Effect};
use chancery_core::entry::PrivateText;
use chancery_core::names::{ActorId, Digest, Label, ModelName, PromotionId, State, Timestamp, VersionNumber};
use chancery_core::promotion::Command;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{EvidenceRow, PromotionRow};
use chancery_core::wording::counted;
use serde::Deserialize;

use super::super::again::recorded;
use super::super::form::{Fields, Posted, filled};
use super::super::layout::{Link, Note};
use super::super::session::{PageError, Path, Shown};
use super::show::{Refused, shown};
use super::words::clip;
use crate::app::{AppError, Others, PromoteAsk, Receipt, ReviewAsk};
use crate::http::{Allowed, Permit, Requested, caller};
use crate::{ids, values};

/// Back to the page with what was recorded, or the page again with what was refused.
async fn answered<P: Permit>(own: &Shown<P>, id: &PromotionId, form: &str, fields: Fields, outcome: Result<Receipt, AppError>) -> Result<Response, PageError> {
    let error = match outcome {
        Ok(made) => return Ok(recorded(&format!("/promotions/{id}"), &made)),
        Err(error) => error,
    };
    let (status, mut note) = Note::of(&error);
    let wrong = match &error {
        AppError::Refused(refusal, _) => refusal.field.clone().map(|field| (field, super::super::layout::sentence(&refusal.message))),
        AppError::Fault(_) => None,
    };
    if status == StatusCode::PRECONDITION_FAILED && form == "verdict" {
        note.lines.splice(0..0, came_later(&own.allowed, id, &fields).await?);
    }
    if let Some(place) = wrong.as_ref().and_then(|(field, _)| place(form, field)) {
        note.links.insert(0, Link::new(format!("#{place}"), "Go to the field"));
    }
    shown(own, id, status, Refused { form: form.to_owned(), fields, wrong, note: Some(note) }).await
}

/// The id of a field of a form on the page.
fn place(form: &str, field: &str) -> Option<String> {
    let known = match (form, field) {
        ("verdict", "verdict") => "v-app",
        ("verdict", "role") => "v-role",
        ("verdict", "comment") => "why",
        ("verdict", "ticket") => "ticket",
        ("verdict", "condition") => "c-what",
        ("verdict", "owner") => "c-own",
        ("verdict", "due") => "c-due",
        ("verdict", "effect") => "c-eff",
        ("cancel", "reason") => "cancel-reason",
        ("comment", "text") => "text",
        (form, "reason") if form.starts_with("withdraw-") => form,
        (form, "note") if form.starts_with("met-") => form,
        (_, _) => return None,
    };
    Some(known.to_owned())
}

/// Which documents came after those that the approver saw.
async fn came_later<P: Permit>(allowed: &Allowed<P>, id: &PromotionId, fields: &Fields) -> Result<Vec<String>, AppError> {
    let seen: u64 = fields.get("newest").parse().unwrap_or_default();
    let snapshot = allowed.read().await?;
    let Some(row) = snapshot.get::<PromotionRow>(values![*id]).await? else { return Ok(Vec::new()) };
    let tail = "WHERE model_id = $1 AND number = $2 AND entry_index > $3 ORDER BY entry_index LIMIT 20";
    let later = snapshot.rows::<EvidenceRow>(tail, &values![row.model_id, row.number, seen]).await?;
    let named: Vec<String> = later.iter().map(|row| format!("{} \u{201c}{}\u{201d}", row.evidence_type, clip(&row.title, 80))).collect();
    let count = counted(named.len(), "document is new", "documents are new");
    Ok(vec![format!("{count} since you opened the page: {}. What you wrote is kept below.", named.join(", "))])
}

/// The promotion as its reader saw it, or as his own form left it: one that was sent before says again what it did.
///
/// # Errors
/// `precondition_failed` when it changed meanwhile.
async fn unchanged<P: Permit>(allowed: &Allowed<P>, id: &PromotionId, revision: &str, requested: &Requested) -> Result<PromotionRow, AppError> {
    let snapshot = allowed.read().await?;
    let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
    drop(snapshot);
    if revision.parse() == Ok(row.revision) || allowed.app.replayed(&allowed.options(requested)).await?.is_some() {
        return Ok(row);
    }
    Err(Refusal::new(Code::PreconditionFailed, &format!("the promotion changed while you read: entry {} is newer than what you saw", row.revision))
        .field("revision")
        .remedy("look at what it shows now, then send the form again")
        .into())
}

fn private(field: &'static str, text: &str) -> Result<PrivateText, AppError> {
    Ok(PrivateText::new(field, text.trim(), ids::random()?)?)
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A verdict, as the form says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdict {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    role: String,
    evidence_set: Digest,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    condition: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    due: String,
    #[serde(default)]
    effect: String,
    /// The newest document that was shown.
    #[serde(default, rename = "newest")]
    _newest: String,
}

impl Verdict {
    fn ask(self, now: Timestamp) -> Result<ReviewAsk, Refusal> {
        let (verdict, conditional) = match self.verdict.as_str() {
            "approve" => (ApprovalVerdict::Approve, false),
            "conditions" => (ApprovalVerdict::Approve, true),
            "reject" => (ApprovalVerdict::Reject, false),
            _ => return Err(Refusal::invalid("verdict", "choose a verdict: none is chosen for you")),
        };
        let role = Label::parse(&self.role).map_err(|_| Refusal::invalid("role", "choose the role in which you speak"))?;
        let comment = given(&self.comment);
        if comment.is_none() && (conditional || verdict == ApprovalVerdict::Reject) {
            let what = if conditional { "for the condition" } else { "for the rejection" };
            return Err(Refusal::invalid("comment", &format!("give a reason {what}")));
        }
        let ticket = given(&self.ticket);
        let evidence_set = self.evidence_set;
        let conditions = if conditional { vec![self.condition(now)?] } else { Vec::new() };
        Ok(ReviewAsk { role, verdict, evidence_set, comment, ticket, conditions, signed: None })
    }

    fn condition(self, now: Timestamp) -> Result<Condition, Refusal> {
        let text = given(&self.condition).ok_or_else(|| Refusal::invalid("condition", "say what must be done"))?;
        let owner = given(&self.owner).ok_or_else(|| Refusal::invalid("owner", "say who owes it"))?;
        // The whole day is in time.
        let due = Timestamp::parse_due(self.due.trim()).map_err(|_| Refusal::invalid("due", "choose a due date, such as 2027-01-15"))?;
        if due <= now {
            return Err(Refusal::invalid("due", "choose a due date from today on"));
        }
        Ok(Condition { text, owner, due, effect: Effect::parse(&self.effect)? })
    }
}

/// `POST /promotions/{id}/verdict`.
pub(super) async fn verdict(Path(id): Path<String>, posted: Posted<caller::Review, Verdict>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let ask = filled(form)?.ask(own.allowed.app.now())?;
        own.allowed.app.review(&own.allowed.caller, &id, &ask, &own.allowed.options(&requested)).await
    };
    let outcome = outcome.await;
    answered(&own, &id, "verdict", fields, outcome).await
}

/// An approval that is taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdraw {
    role: Label,
    #[serde(default)]
    given_by: String,
    #[serde(default)]
    reason: String,
}

/// `POST /promotions/{id}/withdraw`.
pub(super) async fn withdraw(Path(id): Path<String>, posted: Posted<caller::Review, Withdraw>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let Withdraw { role, given_by, reason } = filled(form)?;
        let reason = private("reason", &reason)?;
        let given_by = given(&given_by).map(|id| ActorId::parse(&id)).transpose()?;
        own.allowed.execute(Command::Withdraw { promotion: id.clone(), role, given_by, reason }, &requested).await
    };
    let outcome = outcome.await;
    let form = format!("withdraw-{}", fields.get("role"));
    answered(&own, &id, &form, fields, outcome).await
}

/// A promotion that is taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    revision: String,
    #[serde(default)]
    reason: String,
}

/// `POST /promotions/{id}/cancel`.
pub(super) async fn cancel(Path(id): Path<String>, posted: Posted<caller::AskPromotion, Cancel>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let Cancel { revision, reason } = filled(form)?;
        let reason = private("reason", &reason)?;
        unchanged(&own.allowed, &id, &revision, &requested).await?;
        own.allowed.execute(Command::Cancel { promotion: id.clone(), reason }, &requested).await
    };
    let outcome = outcome.await;
    answered(&own, &id, "cancel", fields, outcome).await
}

/// A promotion that is executed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Execute {
    revision: String,
    #[serde(default)]
    keep_others: String,
}

/// `POST /promotions/{id}/execute`.
pub(super) async fn execute(Path(id): Path<String>, posted: Posted<caller::Execute, Execute>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let Execute { revision, keep_others } = filled(form)?;
        unchanged(&own.allowed, &id, &revision, &requested).await?;
        let others = if keep_others.is_empty() { Others::Replace } else { Others::Keep };
        own.allowed.app.execute_promotion(&own.allowed.caller, &id, others, &own.allowed.options(&requested)).await
    };
    let outcome = outcome.await;
    answered(&own, &id, "execute", fields, outcome).await
}

/// Evidence that is frozen anew.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    revision: String,
}

/// `POST /promotions/{id}/refresh`: asks for the same promotion again.
pub(super) async fn refresh(Path(id): Path<String>, posted: Posted<caller::AskPromotion, Refresh>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let row = unchanged(&own.allowed, &id, &filled(form)?.revision, &requested).await?;
        let ask = same(&own.allowed, &row).await?;
        Ok(own.allowed.app.promote(&own.allowed.caller, &ask, &own.allowed.options(&requested)).await?.receipt)
    };
    let outcome = outcome.await;
    answered(&own, &id, "refresh", fields, outcome).await
}

async fn same<P: Permit>(allowed: &Allowed<P>, row: &PromotionRow) -> Result<PromoteAsk, AppError> {
    let model = allowed.read().await?.get::<chancery_core::tables::ModelRow>(values![row.model_id]).await?;
    let model: ModelName = model.ok_or_else(|| Refusal::not_found("model", row.model_id.as_str()))?.name;
    let (number, to): (VersionNumber, State) = (row.number, row.target);
    Ok(PromoteAsk { model, number, to, environment: row.environment.clone(), comment: None, others: Others::Replace })
}

/// Words about a promotion.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Comment {
    #[serde(default)]
    text: String,
}

/// `POST /promotions/{id}/comment`.
pub(super) async fn comment(Path(id): Path<String>, posted: Posted<caller::Comment, Comment>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let text = private("text", &filled(form)?.text)?;
        own.allowed.execute(Command::Comment { promotion: id.clone(), text }, &requested).await
    };
    let outcome = outcome.await;
    answered(&own, &id, "comment", fields, outcome).await
}

/// By what a condition is met.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Met {
    #[serde(default)]
    note: String,
}

/// `POST /promotions/{id}/conditions/{number}/met`.
pub(super) async fn meet(Path((id, number)): Path<(String, String)>, posted: Posted<caller::Review, Met>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let number: u64 = number.parse().map_err(|_| Refusal::not_found("condition", &number))?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = meeting(&own, &id, number, form, &requested).await;
    answered(&own, &id, &format!("met-{number}"), fields, outcome).await
}

async fn meeting(own: &Shown<caller::Review>, id: &PromotionId, number: u64, form: Result<Met, Refusal>, requested: &Requested) -> Result<Receipt, AppError> {
    let note = given(&filled(form)?.note).ok_or_else(|| Refusal::invalid("note", "say what was done, and where it can be seen"))?;
    own.allowed.app.meet_condition(&own.allowed.caller, id, number, &note, &own.allowed.options(requested)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(word: &str, comment: &str, condition: [&str; 4]) -> Result<ReviewAsk, Refusal> {
        let [text, owner, due, effect] = condition.map(str::to_owned);
        let now = Timestamp::parse("2026-11-21T10:00:00Z").unwrap();
        let (verdict, role, comment) = (word.to_owned(), "security".to_owned(), comment.to_owned());
        let evidence_set = Digest::of(b"set");
        Verdict { verdict, role, evidence_set, comment, ticket: " ".to_owned(), condition: text, owner, due, effect, _newest: String::new() }.ask(now)
    }

    #[test]
    fn a_verdict_needs_a_choice_and_the_hard_ones_a_reason() {
        let none = ["", "", "", ""];
        let whole = ["retest", "owner", "2026-11-21", "block"];
        for (word, comment, condition, field) in [
            ("", "", none, Some("verdict")),
            ("approve", "", none, None),
            ("reject", " ", none, Some("comment")),
            ("reject", "no", none, None),
            ("conditions", "", whole, Some("comment")),
            ("conditions", "yes", whole, None),
            ("conditions", "yes", ["", "owner", "2026-12-01", "block"], Some("condition")),
            ("conditions", "yes", ["retest", "", "2026-12-01", "block"], Some("owner")),
            ("conditions", "yes", ["retest", "owner", "2026-11-20", "block"], Some("due")),
            ("conditions", "yes", ["retest", "owner", "soon", "block"], Some("due")),
            ("conditions", "yes", ["retest", "owner", "2026-12-01", ""], Some("effect")),
        ] {
            let asked = verdict(word, comment, condition);
            assert_eq!(asked.as_ref().err().and_then(|refusal| refusal.field.as_deref()), field, "{word} {comment} {condition:?}");
        }
        let ask = verdict("conditions", "yes", whole).unwrap();
        assert_eq!((ask.verdict, ask.ticket, ask.conditions.len()), (ApprovalVerdict::Approve, None, 1));
        // What is filled in for a condition says nothing when no condition is chosen.
        assert!(verdict("approve", "", whole).unwrap().conditions.is_empty());
    }
}
