//! The forms of a model: aliases, tags, risk tier. Each carries the last entry that its page had seen, and refuses when what it would
//! change was changed by a later one: nobody overwrites what he has not read.

use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::alias::{self, Expected};
use chancery_core::entry::PrivateText;
use chancery_core::names::{AliasName, ModelName, RiskTier, TagKey, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{AliasRow, ModelRow, TagRow, TierProposalRow, WHOLE_MODEL};
use chancery_core::{model, tag};
use serde::Deserialize;

use super::super::again::Answered;
use super::super::form::{Fields, Posted, filled};
use super::super::session::{PageError, Path, Shown};
use super::parts::{Choice, choices, model_name};
use super::show::rendered;
use crate::app::view::{self, ModelView};
use crate::app::{AppError, Receipt};
use crate::http::{Permit, Requested, caller};
use crate::{ids, values};

/// What was filled in, to show it again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) alias: String,
    pub(super) version: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) tier: String,
    pub(super) reason: String,
}

impl Kept {
    fn of(fields: &Fields) -> Self {
        let get = |name: &str| fields.get(name).to_owned();
        Self { alias: get("alias"), version: get("version"), key: get("tag"), value: get("value"), tier: get("tier"), reason: get("reason") }
    }
}

/// The forms of a page.
pub(super) struct Forms {
    /// The last entry that the page has seen.
    pub(super) seen: u64,
    pub(super) kept: Kept,
    pub(super) tiers: Vec<Choice>,
    pub(super) proposal: Option<Proposal>,
    /// Who may, when this person may not; none when he may.
    pub(super) no_aliases: Option<String>,
    pub(super) no_tags: Option<String>,
    pub(super) no_tier: Option<String>,
}

/// A lower tier that waits for a second person.
pub(super) struct Proposal {
    pub(super) tier: String,
    pub(super) by: String,
    pub(super) at: String,
    pub(super) reason: String,
    /// Whether this person proposed it, and so does not confirm it.
    pub(super) own: bool,
}

impl Forms {
    /// The forms that a person is shown.
    pub(super) fn of<P: Permit>(own: &Shown<P>, seen: u64, row: &ModelRow, view: &ModelView, kept: Kept) -> Self {
        let who = |action: Action, what: &str| {
            let may = own.allowed.app.may(&own.allowed.caller, action, row);
            (!may).then(|| {
                let roles = own.allowed.app.roles_for(action, row);
                if roles.is_empty() { format!("No role may {what} here.") } else { format!("Who may {what} here: {}. You are none of them.", roles.join(", ")) }
            })
        };
        let chosen = if kept.tier.is_empty() { view.risk_tier.clone() } else { kept.tier.clone() };
        let proposal = view.tier_proposal.as_ref().map(|proposal| Proposal {
            tier: proposal.risk_tier.clone(),
            by: proposal.proposed_by_name.clone().unwrap_or_else(|| proposal.proposed_by.clone()),
            at: proposal.proposed_at.clone(),
            reason: super::parts::beginning(proposal.reason.as_deref().unwrap_or_default()),
            own: proposal.proposed_by == own.allowed.caller.actor.id.to_string(),
        });
        Self {
            seen,
            tiers: choices(RiskTier::ALL.iter().map(|tier| (tier.as_str(), tier.to_string())), &chosen),
            proposal,
            no_aliases: who(Action::SetAlias, "set aliases"),
            no_tags: who(Action::Register, "set tags"),
            no_tier: who(Action::SetRiskTier, "change the risk tier"),
            kept,
        }
    }
}

/// An alias and the version that it is to name; without a version it is removed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AliasForm {
    seen: String,
    alias: String,
    version: String,
}

/// `POST /models/{name}/aliases`.
pub(in super::super) async fn alias(Path(name): Path<String>, posted: Posted<caller::SetAlias, AliasForm>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let form = filled(form)?;
        let alias = AliasName::parse(form.alias.trim())?;
        let snapshot = own.allowed.read().await?;
        let model = view::model_named(&snapshot, &name).await?.model_id;
        let row = snapshot.get::<AliasRow>(values![model, alias]).await?;
        let newest = row.as_ref().map(|row| row.revision);
        drop(snapshot);
        check_seen(&own, &requested, &form.seen, newest, &format!("alias `{alias}`")).await?;
        let expected = newest.map_or(Expected::Absent, Expected::Revision);
        let command = match form.version.trim() {
            "" => alias::Command::Delete { model, alias, expected },
            number => alias::Command::Set { model, alias, number: version(number)?, expected },
        };
        own.allowed.execute(command, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, outcome, &fields).await
}

/// A tag and its value; without a value it is removed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TagForm {
    seen: String,
    tag: String,
    value: String,
    act: TagAct,
}

/// What is done to a tag.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TagAct {
    Set,
    Remove,
}

/// `POST /models/{name}/tags`.
pub(in super::super) async fn tag(Path(name): Path<String>, posted: Posted<caller::Register, TagForm>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let form = filled(form)?;
        let key = TagKey::parse(&form.tag)?;
        let snapshot = own.allowed.read().await?;
        let model = view::model_named(&snapshot, &name).await?.model_id;
        let newest = snapshot.get::<TagRow>(values![model, WHOLE_MODEL, key]).await?.map(|row| row.revision);
        drop(snapshot);
        check_seen(&own, &requested, &form.seen, newest, &format!("tag `{key}`")).await?;
        let command = match form.act {
            TagAct::Set => tag::Command::Set { model, number: None, key, value: form.value },
            TagAct::Remove => tag::Command::Delete { model, number: None, key },
        };
        own.allowed.execute(command, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, outcome, &fields).await
}

/// A risk tier and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TierForm {
    seen: String,
    tier: RiskTier,
    reason: String,
}

/// `POST /models/{name}/risk-tier`.
pub(in super::super) async fn tier(Path(name): Path<String>, posted: Posted<caller::SetRiskTier, TierForm>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let TierForm { seen, tier: risk_tier, reason } = filled(form)?;
        let row = unchanged_tier(&own, &requested, &name, &seen).await?;
        let reason = PrivateText::new("reason", &reason, ids::random()?)?;
        own.allowed.execute(model::Command::SetRiskTier { id: row.model_id, risk_tier, reason }, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, outcome, &fields).await
}

/// What the second person says to a proposed tier.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct VerdictForm {
    seen: String,
    tier: RiskTier,
    reason: String,
    verdict: Verdict,
}

/// The verdict.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Confirm,
    Reject,
}

/// `POST /models/{name}/tier-proposal`.
pub(in super::super) async fn verdict(Path(name): Path<String>, posted: Posted<caller::SetRiskTier, VerdictForm>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let VerdictForm { seen, tier: risk_tier, reason, verdict } = filled(form)?;
        let id = unchanged_tier(&own, &requested, &name, &seen).await?.model_id;
        let reason = PrivateText::new("reason", &reason, ids::random()?)?;
        let command = match verdict {
            Verdict::Confirm => model::Command::ConfirmTier { id, risk_tier, reason },
            Verdict::Reject => model::Command::RejectTier { id, reason },
        };
        own.allowed.execute(command, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, outcome, &fields).await
}

/// Why somebody takes his own proposal back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct WithdrawForm {
    seen: String,
    reason: String,
}

/// `POST /models/{name}/tier-proposal/withdraw`.
pub(in super::super) async fn withdraw(Path(name): Path<String>, posted: Posted<caller::EditModel, WithdrawForm>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let WithdrawForm { seen, reason } = filled(form)?;
        let id = unchanged_tier(&own, &requested, &name, &seen).await?.model_id;
        let reason = PrivateText::new("reason", &reason, ids::random()?)?;
        own.allowed.execute(model::Command::WithdrawTier { id, reason }, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, outcome, &fields).await
}

fn version(text: &str) -> Result<VersionNumber, Refusal> {
    let wrong = || Refusal::invalid("version", "version must be the number of a version of this model").remedy("leave it empty to remove the alias");
    VersionNumber::new(text.parse().map_err(|_| wrong())?)
}

/// The model, whose tier and whose proposal are as the person saw them.
async fn unchanged_tier<P: Permit>(own: &Shown<P>, requested: &Requested, name: &ModelName, seen: &str) -> Result<ModelRow, AppError> {
    let snapshot = own.allowed.read().await?;
    let row = view::model_named(&snapshot, name).await?;
    let proposed = snapshot.get::<TierProposalRow>(values![row.model_id]).await?.map(|row| row.entry_index);
    check_seen(own, requested, seen, proposed.max(Some(row.tier_index)), "risk tier").await?;
    Ok(row)
}

/// Refuses when what a form would change was changed after its page was made. A form that was sent before says again what it did.
async fn check_seen<P: Permit>(own: &Shown<P>, requested: &Requested, seen: &str, newest: Option<u64>, what: &str) -> Result<(), AppError> {
    let seen: u64 = seen.parse().map_err(|_| Refusal::invalid("seen", "the form does not say what its page had seen").remedy("open the page again"))?;
    let Some(newest) = newest.filter(|newest| *newest > seen) else { return Ok(()) };
    if own.allowed.app.replayed(&own.allowed.options(requested)).await?.is_some() {
        return Ok(());
    }
    let message = format!("the {what} was changed by entry {newest} while you read this page");
    Err(Refusal::new(Code::PreconditionFailed, &message).remedy("compare what stands now with what you filled in, which is kept, and send it again").into())
}

/// To the model with what was recorded, or its page with what was refused and what was filled in.
async fn answered<P: Permit>(
    own: Shown<P>,
    parts: &Parts,
    name: &ModelName,
    outcome: Result<Receipt, AppError>,
    fields: &Fields,
) -> Result<Response, PageError> {
    let path = format!("/models/{}", crate::http::file::encode(name.as_str()));
    match own.answered::<caller::Read>(parts, &path, outcome).await? {
        Answered::Recorded(response) => Ok(response),
        Answered::Refused(own, status, note) => rendered(&own, name, status, Some(note), Kept::of(fields)).await,
    }
}
