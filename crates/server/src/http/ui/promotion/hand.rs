//! What one person may do with a promotion, and what he did. It decides which forms are shown; the commands decide for themselves.

use chancery_core::access::{Action, Resource};
use chancery_core::approval::ApprovalVerdict;
use chancery_core::names::{Label, PromotionId, Timestamp};
use chancery_core::promotion::PROMOTER_RULE;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ModelRow, PromotionRow};

use super::finding::names;
use super::words::joined;
use crate::app::AppError;
use crate::app::promotions::{ApprovalView, PromotionView};
use crate::http::{Allowed, Permit};
use crate::store::Snapshot;
use crate::values;

/// A verdict that this person gave, or that somebody gave in his place.
#[derive(Debug)]
pub(super) struct Given {
    /// Role.
    pub(super) role: String,
    /// Name and id of who gave it, when it was not he.
    pub(super) given_by: Option<(String, String)>,
    /// When.
    pub(super) at: String,
    /// Entry.
    pub(super) index: u64,
}

/// What stands in the place of a verdict.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The promotion is closed.
    Closed,
    /// He made the version or asked for it.
    Author,
    /// He has none of the roles that are needed.
    NoRole,
    /// He spoke.
    Spoken,
    /// He may speak.
    Open,
}

/// What one person may do.
#[derive(Debug)]
pub(super) struct Hand {
    /// What stands in the place of a verdict.
    pub(super) turn: Turn,
    /// Needed roles in which he may speak.
    pub(super) roles: Vec<String>,
    /// His approvals that stand.
    pub(super) given: Vec<Given>,
    /// Whether an approval of his lapsed.
    pub(super) lapsed: bool,
    /// Whether he may execute it now.
    pub(super) executes: bool,
    /// Whether a rule wants a pipeline to execute it.
    pub(super) pipeline_only: bool,
    /// Whether he may cancel it, and freeze the evidence anew.
    pub(super) asks: bool,
    /// Whether he may comment.
    pub(super) comments: bool,
    /// Numbers of the conditions that he may say are met.
    pub(super) meets: Vec<u64>,
}

impl Hand {
    /// What the reader of a promotion may do with it.
    ///
    /// # Errors
    /// `not_found`; a fault.
    pub(super) async fn of<P: Permit>(allowed: &Allowed<P>, snapshot: &Snapshot, id: &PromotionId, view: &PromotionView) -> Result<Self, AppError> {
        let not_found = || Refusal::not_found("promotion", id.as_str());
        let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(not_found)?;
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(not_found)?;
        let (app, caller) = (&allowed.app, &allowed.caller);
        let may = |action: Action| app.may(caller, action, &model);
        let speaks = |role: &str| Label::parse(role).is_ok_and(|role| caller.speaks_for(&role, &model).is_some());
        let open = view.status == "open";
        let me = caller.actor.id.as_str();
        let author = view.authors.iter().any(|person| person.id == me);
        let reviews = may(Action::Review);
        let roles: Vec<String> = view.required_roles.iter().filter(|role| reviews && speaks(role)).cloned().collect();
        let mine = |approval: &&ApprovalView| approval.actor == me || approval.delegated_by.as_ref().is_some_and(|giver| giver.id == me);
        let approvals = || view.approvals.iter().filter(mine).filter(|given| !given.withdrawn && given.verdict == ApprovalVerdict::Approve.as_str());
        let given: Vec<Given> = approvals().filter(|approval| approval.counts).map(|approval| given(approval, me)).collect();
        let turn = match (open, author, roles.is_empty(), given.is_empty()) {
            (false, ..) => Turn::Closed,
            (true, true, ..) => Turn::Author,
            (true, false, _, false) => Turn::Spoken,
            (true, false, true, true) => Turn::NoRole,
            (true, false, false, true) => Turn::Open,
        };
        let resource = model.class().map(Resource::Model);
        let executes = resource.is_some_and(|resource| app.decision(caller, Action::Execute, &resource, Some(&row.environment)).allowed);
        let pipeline_only = view.missing.iter().any(|missing| missing.finding.rule == PROMOTER_RULE);
        let open_conditions = view.conditions.iter().filter(|condition| condition.status != "met" && reviews && !author);
        Ok(Self {
            turn,
            lapsed: approvals().any(|approval| !approval.counts),
            executes: open && executes && view.ready && !pipeline_only,
            pipeline_only,
            asks: open && may(Action::AskPromotion),
            comments: may(Action::Comment),
            meets: open_conditions.filter(|condition| speaks(&condition.role)).map(|condition| condition.number).collect(),
            roles,
            given,
        })
    }

    /// Who can still speak in the roles that lack approvals, in words.
    pub(super) fn others(view: &PromotionView) -> String {
        let lacking = view.roles.iter().filter(|role| role.given < role.needed);
        let said = |people: Vec<String>| if people.is_empty() { "nobody holds the role".to_owned() } else { joined(&people) };
        lacking.map(|role| format!("{}: {}", role.role, said(names(&role.people)))).collect::<Vec<_>>().join("; ")
    }
}

fn given(approval: &ApprovalView, me: &str) -> Given {
    let other = || (approval.actor_name.clone().unwrap_or_else(|| approval.actor.clone()), approval.actor.clone());
    Given { role: approval.role.clone(), given_by: (approval.actor != me).then(other), at: approval.at.clone(), index: approval.index }
}

/// Why an approval does not count.
pub(super) fn why_not(approval: &ApprovalView, now: Timestamp) -> &'static str {
    if approval.withdrawn {
        return "withdrawn";
    }
    if Timestamp::parse(&approval.expires_at).is_ok_and(|end| end <= now) {
        return "expired";
    }
    "lapsed: the evidence, the tier, the version or the authors changed since"
}
