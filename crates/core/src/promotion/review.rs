//! Verdicts of people: given by someone who is no author, on exactly what was shown, and taken back until execution.

use super::{Event, Review, condition, decision_draft, open};
use crate::actor::key::check_own;
use crate::approval::{ApprovalVerdict, check_conditions};
use crate::command::{Context, Stop};
use crate::entry::{Draft, PrivateText, Subject};
use crate::names::{ActorId, Label, PromotionId, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::speakers::Authors;
use crate::tables::ApprovalRow;
use crate::{delegation, version};

pub(super) fn review(rows: &mut Rows, context: &Context, review: &Review) -> Result<Vec<Draft>, Stop> {
    let Review { promotion, role, delegated_by, verdict, evidence_set, comment, ticket, conditions, expires_at, .. } = review;
    check_conditions(conditions)?;
    check_text("ticket", ticket.as_deref().unwrap_or_default(), 200)?;
    let row = open(rows, promotion)?;
    if let Some(key) = &review.signed_with {
        // The key may have been removed since the signature was checked.
        check_own(rows, &context.actor, key)?;
    }
    if let Some(giver) = delegated_by {
        delegation::check_in_force(rows, giver, role, &context.actor, &row.model_id, context.now)?;
    }
    if *verdict == ApprovalVerdict::Approve {
        check_duties(context, delegated_by.as_ref(), &review.authors, review.other_roles.first())?;
    }
    if *evidence_set != row.evidence_set {
        return Err(Refusal::new(Code::PreconditionFailed, "the evidence changed while you read; nothing was signed")
            .field("evidence_set")
            .remedy("look at the promotion again and give your verdict on what it shows now")
            .into());
    }
    let current = rows.get::<ApprovalRow>(&[promotion, role, &context.actor])?;
    // A verdict that no longer counts, because it expired or was given for another tier, is given anew.
    let stands =
        |given: &ApprovalRow| !given.withdrawn && given.evidence_set == *evidence_set && given.tier_index == row.tier_index && given.expires_at > context.now;
    if current.is_some_and(|given| given.verdict == *verdict && stands(&given)) {
        return Err(Refusal::new(Code::AlreadyExists, &format!("you gave this verdict as `{role}` already")).field("role").into());
    }
    condition::check_room(&row, conditions.len())?;
    let version = version::existing(rows, &row.model_id, row.number)?;
    let subject = Subject::Promotion(promotion.clone());
    let event = Event::ApprovalRecorded {
        role: role.clone(),
        delegated_by: delegated_by.clone(),
        verdict: *verdict,
        version_digest: version.version_digest,
        target: row.target,
        environment: row.environment.clone(),
        risk_tier: row.risk_tier,
        evidence_set: *evidence_set,
        comment: comment.as_ref().map(|comment| comment.digest),
        ticket: ticket.clone(),
        conditions: conditions.clone(),
        envelope: review.envelope.digest,
        signed_with: review.signed_with,
        expires_at: *expires_at,
    };
    let mut drafts = vec![Draft::new(subject.clone(), event).payload(review.envelope.clone()).private(comment.as_ref())];
    if *verdict == ApprovalVerdict::Reject {
        drafts.push(Draft::new(subject, Event::Rejected { role: role.clone() }));
    }
    drafts.extend(review.decision.as_ref().map(|decision| decision_draft(&row, decision)));
    Ok(drafts)
}

/// Nobody approves what he made, and one person approves in one role; who lets somebody stand in counts as much as who stands in.
fn check_duties(context: &Context, giver: Option<&ActorId>, authors: &Authors, other_role: Option<&Label>) -> Result<(), Refusal> {
    let refused = |message: &str| Refusal::new(Code::SeparationOfDuties, message).remedy("ask someone else in that role");
    let own = "an author does not approve: you registered the version, made it (run, commit, workflow), added evidence or opened the promotion";
    context.check_no_author(authors, refused(own))?;
    if giver.is_some_and(|giver| authors.made.contains(giver)) {
        return Err(refused("an author does not approve, nor does who stands in for one"));
    }
    match (other_role, giver) {
        (None, _) => Ok(()),
        (Some(other), None) => Err(refused(&format!("you have approved as `{other}`; one person approves in one role")).field("role")),
        (Some(other), Some(_)) => {
            Err(refused(&format!("you, or the approver for whom you stand in, have approved as `{other}`; one person approves in one role")).field("role"))
        }
    }
}

pub(super) fn withdraw(
    rows: &mut Rows,
    context: &Context,
    promotion: &PromotionId,
    role: &Label,
    given_by: Option<&ActorId>,
    reason: &PrivateText,
) -> Result<Vec<Draft>, Stop> {
    open(rows, promotion)?;
    let approval = rows.get::<ApprovalRow>(&[promotion, role, given_by.unwrap_or(&context.actor)])?;
    // An approval belongs to who gave it and to the one in whose place it was given.
    let theirs = |approval: &ApprovalRow| approval.actor == context.actor || approval.delegated_by.as_ref() == Some(&context.actor);
    if approval.is_none_or(|approval| approval.withdrawn || !theirs(&approval)) {
        return Err(Refusal::not_found("approval of yours in role", role.as_str()).into());
    }
    let event = Event::ApprovalWithdrawn { role: role.clone(), given_by: given_by.cloned(), reason: reason.digest };
    Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), event).private(Some(reason))])
}
