//! Governed facts of a model: its risk tier and its policy mode (ENT-3, POL-1).
//!
//! Raising a tier is immediate. Lowering it takes two persons: one proposes, another one in the governance role confirms. Every change
//! of the tier lapses the approvals that were given before it, for ever.

use super::{Event, Profile, existing, touch};
use crate::access::{AccessClass, Action, Policies, Resource, Role, class};
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Label, ModelId, PolicyMode, RiskTier, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{ActorRow, ModelRow, TierProposalRow};

/// Role of approval that confirms or rejects a lower tier.
pub const GOVERNANCE: &str = "ai-governance";

/// Tiers by how much they demand. An unclassified model counts as high under `enforce` and not under `warn`, so it is below high here.
fn rank(tier: RiskTier) -> u8 {
    match tier {
        RiskTier::Minimal => 0,
        RiskTier::Limited => 1,
        RiskTier::Unclassified => 2,
        RiskTier::High => 3,
        RiskTier::Prohibited => 4,
    }
}

/// Whether a tier demands what high demands, so that mode `warn` is not for it.
pub fn counts_as_high(tier: RiskTier) -> bool {
    match tier {
        RiskTier::High | RiskTier::Prohibited | RiskTier::Unclassified => true,
        RiskTier::Limited | RiskTier::Minimal => false,
    }
}

/// The policy mode in force for a model: its own, else the registry's.
pub(crate) fn mode(rows: &mut Rows, id: &ModelId) -> Result<PolicyMode, Stop> {
    match rows.get::<ModelRow>(&[id])?.and_then(|row| row.policy_mode) {
        Some(own) => Ok(own),
        None => registry::mode(rows),
    }
}

/// The tier that a new model begins with, and the proposal when who creates it may not classify it so low.
pub(super) fn at_creation(rows: &mut Rows, actor: &ActorId, class: AccessClass) -> Result<(RiskTier, Option<Event>), Stop> {
    let tier = class.tier;
    if rank(tier) >= rank(RiskTier::Unclassified) || may_classify(rows, actor, class)? {
        return Ok((tier, None));
    }
    Ok((RiskTier::Unclassified, Some(Event::TierProposed { from: RiskTier::Unclassified, to: tier, reason: None })))
}

/// Whether the actor has a role that sets the risk tier of such a model. Without a row it is the open registry, where everybody holds every role.
fn may_classify(rows: &mut Rows, actor: &ActorId, class: AccessClass) -> Result<bool, Stop> {
    let Some(row) = rows.get::<ActorRow>(&[actor])? else { return Ok(true) };
    let (policies, model) = (Policies::shipped(), Resource::Model(class));
    Ok(row.grants().iter().any(|grant| grant.scope.holds(&model) && policies.role_allows(&grant.role, Action::SetRiskTier)))
}

/// Whether the actor is in the governance role for a model.
fn governs(rows: &mut Rows, actor: &ActorId, model: &ModelRow) -> Result<bool, Stop> {
    let (row, role) = (rows.get::<ActorRow>(&[actor])?, Role::Approver(Label::parse(GOVERNANCE)?));
    Ok(row.zip(model.class()).is_some_and(|(row, class)| row.holds_at(&role, &Resource::Model(class))))
}

pub(super) fn set_risk_tier(rows: &mut Rows, id: &ModelId, to: RiskTier, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let model = existing(rows, id)?;
    if model.risk_tier == to {
        return Err(Refusal::invalid("risk_tier", &format!("the risk tier is `{to}` already")).into());
    }
    let subject = Subject::Model(id.clone());
    if rank(to) < rank(model.risk_tier) {
        if let Some(open) = rows.get::<TierProposalRow>(&[id])? {
            return Err(Refusal::new(Code::AlreadyExists, &format!("risk tier `{}` is proposed already", open.risk_tier))
                .field("risk_tier")
                .remedy("have that proposal confirmed, rejected or withdrawn first")
                .into());
        }
        let event = Event::TierProposed { from: model.risk_tier, to, reason: Some(reason.digest) };
        return Ok(vec![Draft::new(subject, event).private(Some(reason))]);
    }
    let event = Event::RiskTierChanged { from: model.risk_tier, to, reason: reason.digest, proposed_by: None };
    let mut drafts = vec![Draft::new(subject.clone(), event).private(Some(reason))];
    // Nothing may delay a higher tier, and `warn` is not for it: the mode goes with it.
    if model.policy_mode == Some(PolicyMode::Warn) && counts_as_high(to) {
        drafts.push(Draft::new(subject, Event::PolicyModeChanged { mode: Some(PolicyMode::Enforce), reason: reason.digest }));
    }
    Ok(drafts)
}

/// The open proposal, or the refusal that there is none.
fn proposal(rows: &mut Rows, id: &ModelId) -> Result<TierProposalRow, Stop> {
    let model = existing(rows, id)?;
    let none =
        || Refusal::new(Code::NotFound, &format!("no risk tier is proposed for model `{}`", model.name)).remedy("propose one with `chancery model tier`");
    Ok(rows.get::<TierProposalRow>(&[id])?.ok_or_else(none)?)
}

pub(super) fn confirm(rows: &mut Rows, context: &Context, id: &ModelId, to: RiskTier, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let open = proposal(rows, id)?;
    let model = existing(rows, id)?;
    if open.risk_tier != to {
        return Err(Refusal::new(Code::PreconditionFailed, &format!("risk tier `{}` is proposed and not `{to}`", open.risk_tier))
            .field("risk_tier")
            .remedy("read the proposal again and confirm what it says")
            .into());
    }
    if !governs(rows, &context.actor, &model)? {
        return Err(Refusal::new(Code::AccessDenied, "lowering a risk tier is confirmed in the approval role `ai-governance`")
            .field("risk_tier")
            .remedy("ask someone in that role; raising the tier needs no second person")
            .into());
    }
    let own = Refusal::new(Code::SeparationOfDuties, "lowering a risk tier needs a second person: you proposed it");
    let own = own.remedy("ask someone else with the approval role `ai-governance`");
    speakers::check_second(rows, context, &open.proposed_by, open.entry_index, own)?;
    let event = Event::RiskTierChanged { from: model.risk_tier, to, reason: reason.digest, proposed_by: Some(open.proposed_by) };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

pub(super) fn reject(rows: &mut Rows, context: &Context, id: &ModelId, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let open = proposal(rows, id)?;
    let model = existing(rows, id)?;
    if !governs(rows, &context.actor, &model)? {
        return Err(Refusal::new(Code::AccessDenied, "a proposed risk tier is rejected in the approval role `ai-governance`")
            .remedy("ask someone in that role; who proposed it can withdraw it")
            .into());
    }
    let event = Event::TierRejected { to: open.risk_tier, reason: reason.digest };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

pub(super) fn withdraw(rows: &mut Rows, context: &Context, id: &ModelId, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let open = proposal(rows, id)?;
    if open.proposed_by != context.actor {
        return Err(Refusal::new(Code::AccessDenied, "only who proposed a risk tier withdraws it")
            .remedy("ask someone in the approval role `ai-governance` to reject it")
            .into());
    }
    let event = Event::TierWithdrawn { to: open.risk_tier, reason: reason.digest };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

pub(super) fn set_policy_mode(
    rows: &mut Rows,
    id: &ModelId,
    to: Option<PolicyMode>,
    reason: &PrivateText,
    ungated: &[VersionNumber],
) -> Result<Vec<Draft>, Stop> {
    let model = existing(rows, id)?;
    if model.policy_mode == to {
        let now = to.map_or_else(|| "that of the registry".to_owned(), |mode| format!("`{mode}`"));
        return Err(Refusal::invalid("mode", &format!("the policy mode of this model is {now} already")).into());
    }
    let before = mode(rows, id)?;
    let after = to.map_or_else(|| registry::mode(rows), Ok)?;
    let refused = |why: String, remedy: &str| Err(Refusal::new(Code::TransitionRefused, &why).field("mode").remedy(remedy).into());
    if after == PolicyMode::Warn && counts_as_high(model.risk_tier) {
        return refused(
            format!("mode `warn` is not for risk tier {}", model.risk_tier),
            "classify the model as limited or minimal first, or keep mode `enforce`",
        );
    }
    if (before, after) == (PolicyMode::Warn, PolicyMode::Enforce) && !ungated.is_empty() {
        let numbers: Vec<String> = ungated.iter().map(ToString::to_string).collect();
        return refused(
            format!("ungated versions are in production: {}", numbers.join(", ")),
            "promote them through their gates, demote them, or have an exception granted for each rule that they failed",
        );
    }
    let event = Event::PolicyModeChanged { mode: to, reason: reason.digest };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

pub(super) fn apply(rows: &mut Rows, entry: &Entry, event: &Event, model: ModelRow) -> Result<(), Missing> {
    match event {
        Event::RiskTierChanged { to, .. } => {
            record(rows, entry, &entry.subject, "risk_tier", Some(to.as_str()))?;
            rows.remove::<TierProposalRow>(&[&model.model_id]);
            let profile: Profile = serde_json::from_value(model.profile.clone()).unwrap_or_default();
            let access_class = class::changed(rows, entry, &model, AccessClass::of(&profile, model.kind, *to))?;
            touch(rows, entry, ModelRow { access_class, risk_tier: *to, tier_index: entry.index, ..model });
        }
        Event::TierProposed { to, reason, .. } => {
            rows.put(&TierProposalRow {
                model_id: model.model_id.clone(),
                risk_tier: *to,
                reason: *reason,
                proposed_by: entry.actor.clone(),
                proposed_at: entry.at,
                entry_index: entry.index,
            });
            touch(rows, entry, model);
        }
        Event::TierRejected { .. } | Event::TierWithdrawn { .. } => {
            rows.remove::<TierProposalRow>(&[&model.model_id]);
            touch(rows, entry, model);
        }
        Event::PolicyModeChanged { mode, .. } => {
            record(rows, entry, &entry.subject, "policy_mode", mode.map(PolicyMode::as_str))?;
            touch(rows, entry, ModelRow { policy_mode: *mode, ..model });
        }
        Event::Created { .. }
        | Event::Updated { .. }
        | Event::TransferProposed { .. }
        | Event::Transferred { .. }
        | Event::TransferRejected { .. }
        | Event::TransferWithdrawn { .. }
        | Event::Renamed { .. }
        | Event::Hidden { .. } => {}
    }
    Ok(())
}
