//! The owning team of a model is a governed fact: given with its creation, and changed only by a transfer that both sides want.
//!
//! The giving side proposes (an owner in the owning team, or an owner in the whole registry), the receiving side accepts (an owner in the
//! receiving team, or an owner in the whole registry). A model without a team is claimed: an owner of the team and an administrator or
//! an owner in the whole registry agree, whoever of them proposes.
//!
//! INVARIANT: the two sides are two persons, whatever roles one of them has. Machines take no side: a person could act through one.
//! INVARIANT: whoever proposed must still speak for his side when the other side accepts.

use super::{Event, Profile, existing, touch};
use crate::access::{AccessClass, Role, Scope, class};
use crate::actor::ActorKind;
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Label, ModelId};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{ActorRow, ModelRow, TransferProposalRow};
use crate::team;

impl ModelRow {
    /// The team that owns the model.
    pub fn owning_team(&self) -> Option<Label> {
        self.profile.pointer("/ownership/owning_team").and_then(|team| Label::parse(team.as_str()?).ok())
    }
}

/// For which sides of a transfer a person may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sides {
    giving: bool,
    receiving: bool,
}

fn sides(rows: &mut Rows, actor: &ActorId, from: Option<&Label>, to: &Label) -> Result<Sides, Stop> {
    let Some(row) = rows.get::<ActorRow>(&[actor])?.filter(|row| row.active && row.kind == ActorKind::Person) else { return Ok(Sides::default()) };
    let grants = row.grants();
    let everywhere = grants.iter().any(|grant| grant.role == Role::Owner && grant.scope == Scope::Registry);
    let owns = |team: &Label| everywhere || grants.iter().any(|grant| grant.role == Role::Owner && grant.scope == Scope::Team(team.clone()));
    let giving = match from {
        Some(team) => owns(team),
        None => everywhere || row.holds(&Role::Administrator),
    };
    Ok(Sides { giving, receiving: owns(to) })
}

/// The team of a new model is one that exists.
pub(super) fn check_new(rows: &mut Rows, profile: &Profile) -> Result<(), Stop> {
    match &profile.ownership.owning_team {
        Some(team) => team::known(rows, "ownership.owning_team", team).map(drop),
        None => Ok(()),
    }
}

/// The profile that an update leaves: the owning team stays, said or not; another one is refused.
pub(super) fn kept_team(model: &ModelRow, mut profile: Profile) -> Result<Profile, Refusal> {
    let team = model.owning_team();
    if profile.ownership.owning_team.is_some() && profile.ownership.owning_team != team {
        return Err(Refusal::new(Code::TransitionRefused, "the owning team is a governed fact: an update does not change it")
            .field("ownership.owning_team")
            .remedy("propose a transfer with `chancery model transfer propose MODEL TEAM`; the other side accepts it"));
    }
    profile.ownership.owning_team = team;
    Ok(profile)
}

pub(super) fn propose(rows: &mut Rows, context: &Context, id: &ModelId, to: &Label, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let model = existing(rows, id)?;
    team::known(rows, "to", to)?;
    let from = model.owning_team();
    if from.as_ref() == Some(to) {
        return Err(Refusal::new(Code::AlreadyExists, &format!("team `{to}` owns the model already")).field("to").into());
    }
    if let Some(open) = rows.get::<TransferProposalRow>(&[id])? {
        return Err(Refusal::new(Code::AlreadyExists, &format!("a transfer to team `{}` is proposed already", open.to_team))
            .field("to")
            .remedy("have that proposal accepted, rejected or withdrawn first")
            .into());
    }
    let mine = sides(rows, &context.actor, from.as_ref(), to)?;
    if !(mine.giving || from.is_none() && mine.receiving) {
        return Err(may_not_propose(from.as_ref(), to).into());
    }
    let event = Event::TransferProposed { from, to: to.clone(), reason: reason.digest };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

fn may_not_propose(from: Option<&Label>, to: &Label) -> Refusal {
    let who = match from {
        Some(team) => format!("an owner of team `{team}`"),
        None => format!("an owner of team `{to}`, or an administrator"),
    };
    Refusal::new(Code::AccessDenied, &format!("a transfer of this model is proposed by {who}, or by an owner in the whole registry"))
        .field("to")
        .remedy("ask one of them")
}

/// The open proposal, or the refusal that there is none.
fn proposal(rows: &mut Rows, id: &ModelId) -> Result<TransferProposalRow, Stop> {
    let model = existing(rows, id)?;
    let none = || {
        Refusal::new(Code::NotFound, &format!("no transfer is proposed for model `{}`", model.name))
            .remedy("propose one with `chancery model transfer propose`")
    };
    Ok(rows.get::<TransferProposalRow>(&[id])?.ok_or_else(none)?)
}

pub(super) fn accept(rows: &mut Rows, context: &Context, id: &ModelId, to: &Label) -> Result<Vec<Draft>, Stop> {
    let open = proposal(rows, id)?;
    if open.to_team != *to {
        return Err(Refusal::new(Code::PreconditionFailed, &format!("a transfer to team `{}` is proposed and not to `{to}`", open.to_team))
            .field("to")
            .remedy("read the proposal again and accept what it says")
            .into());
    }
    team::known(rows, "to", to)?;
    let own = Refusal::new(Code::SeparationOfDuties, "a transfer needs a second person: you proposed it");
    speakers::check_second(rows, context, &open.proposed_by, open.entry_index, own.remedy(&format!("ask another owner of team `{to}`")))?;
    let from = open.from_team;
    let mine = sides(rows, &context.actor, from.as_ref(), to)?;
    let theirs = sides(rows, &open.proposed_by, from.as_ref(), to)?;
    if !(mine.receiving || from.is_none() && mine.giving) {
        return Err(Refusal::new(Code::AccessDenied, &format!("a transfer to team `{to}` is accepted by an owner of that team"))
            .field("to")
            .remedy("ask one of them; the role is `owner@team:NAME`")
            .into());
    }
    let complete = theirs.giving && mine.receiving || from.is_none() && theirs.receiving && mine.giving;
    if !complete {
        return Err(Refusal::new(
            Code::TransitionRefused,
            "the other side does not stand behind the proposal: who made it has no say in it any more, or is on your side",
        )
        .remedy("reject it, and have the other side propose the transfer anew")
        .into());
    }
    let event = Event::Transferred { from, to: to.clone(), proposed_by: open.proposed_by };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event)])
}

pub(super) fn reject(rows: &mut Rows, context: &Context, id: &ModelId, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let open = proposal(rows, id)?;
    let mine = sides(rows, &context.actor, open.from_team.as_ref(), &open.to_team)?;
    if !mine.giving && !mine.receiving {
        return Err(Refusal::new(Code::AccessDenied, &format!("a transfer to team `{}` is rejected by an owner on either side", open.to_team))
            .remedy("ask an owner of one of the teams; who proposed it can withdraw it")
            .into());
    }
    let event = Event::TransferRejected { to: open.to_team, reason: reason.digest };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

pub(super) fn withdraw(rows: &mut Rows, context: &Context, id: &ModelId, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let open = proposal(rows, id)?;
    if open.proposed_by != context.actor {
        return Err(Refusal::new(Code::AccessDenied, "only who proposed a transfer withdraws it").remedy("ask an owner on either side to reject it").into());
    }
    let event = Event::TransferWithdrawn { to: open.to_team, reason: reason.digest };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event).private(Some(reason))])
}

/// Applies an event of a transfer to an existing model.
///
/// # Errors
/// [`Missing`].
pub(super) fn apply(rows: &mut Rows, entry: &Entry, event: &Event, model: ModelRow) -> Result<(), Missing> {
    let id = model.model_id.clone();
    match event {
        Event::TransferProposed { from, to, reason } => {
            rows.put(&TransferProposalRow {
                model_id: id,
                from_team: from.clone(),
                to_team: to.clone(),
                reason: *reason,
                proposed_by: entry.actor.clone(),
                proposed_at: entry.at,
                entry_index: entry.index,
            });
            touch(rows, entry, model);
        }
        Event::Transferred { from, to, .. } => {
            rows.remove::<TransferProposalRow>(&[&id]);
            if !model.hidden {
                team::count_model(rows, from.as_ref(), Some(to))?;
            }
            record(rows, entry, &entry.subject, "owning_team", Some(to.as_str()))?;
            let mut profile: Profile = serde_json::from_value(model.profile.clone()).unwrap_or_default();
            profile.ownership.owning_team = Some(to.clone());
            let access_class = class::changed(rows, entry, &model, AccessClass::of(&profile, model.kind, model.risk_tier))?;
            let row = ModelRow { access_class, profile: serde_json::to_value(&profile).unwrap_or_default(), last_updated_at: entry.at, ..model };
            touch(rows, entry, row);
        }
        Event::TransferRejected { .. } | Event::TransferWithdrawn { .. } => {
            rows.remove::<TransferProposalRow>(&[&id]);
            touch(rows, entry, model);
        }
        Event::Created { .. }
        | Event::Updated { .. }
        | Event::RiskTierChanged { .. }
        | Event::TierProposed { .. }
        | Event::TierRejected { .. }
        | Event::TierWithdrawn { .. }
        | Event::PolicyModeChanged { .. }
        | Event::Renamed { .. }
        | Event::Hidden { .. } => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
