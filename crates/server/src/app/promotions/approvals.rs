//! Verdicts that were given, and for each required role what it has, what it needs and who could give it.

use std::collections::BTreeSet;

use chancery_core::Event;
use chancery_core::access::{Resource, Role};
use chancery_core::entry::Entry;
use chancery_core::names::{ActorId, Label};
use chancery_core::policy::Expected;
use chancery_core::promotion;
use chancery_core::tables::{ActorRow, ApprovalRow, DelegationRow, EntryRow, PrivateRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::people::{self, MOST, PersonView};
use crate::app::gate::Subjects;
use crate::app::signed::counts;
use crate::app::{AppError, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// A person's verdict in a role.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalView {
    /// Role.
    pub role: String,
    /// Who.
    pub actor: String,
    /// Name for people.
    pub actor_name: Option<String>,
    /// The approver for whom the person stood in.
    pub delegated_by: Option<PersonView>,
    /// `approve` or `reject`.
    pub verdict: String,
    /// When (RFC 3339).
    pub at: String,
    /// Until when it counts (RFC 3339).
    pub expires_at: String,
    /// Whether it counts for what the promotion shows.
    pub counts: bool,
    /// Ticket reference.
    pub ticket: Option<String>,
    /// Comment; null when there is none or it was erased.
    pub comment: Option<String>,
    /// Conditions {text, owner, due, effect}.
    #[schema(value_type = Vec<Object>)]
    pub conditions: serde_json::Value,
    /// Whether it was taken back.
    pub withdrawn: bool,
    /// Digest of the signed approval.
    pub envelope: String,
    /// Entry that recorded it.
    pub index: u64,
}

/// A required role of approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleView {
    /// Role.
    pub role: String,
    /// How many people must approve in it.
    pub needed: u64,
    /// How many did whose approval counts.
    pub given: u64,
    /// Who could approve in it and has not, at most 20: holders and those who stand in, authors apart.
    pub people: Vec<PersonView>,
}

/// Every verdict that was given.
pub(super) async fn given(snapshot: &Snapshot, subjects: &Subjects) -> Result<Vec<ApprovalView>, AppError> {
    let mut all = Vec::with_capacity(subjects.approvals.len());
    for row in &subjects.approvals {
        let giver: Vec<ActorId> = row.delegated_by.iter().cloned().collect();
        all.push(ApprovalView {
            role: row.role.to_string(),
            actor: row.actor.to_string(),
            actor_name: view::display_name(snapshot, &row.actor).await?,
            delegated_by: people::named(snapshot, &giver).await?.pop(),
            verdict: row.verdict.to_string(),
            at: row.at.to_string(),
            expires_at: row.expires_at.to_string(),
            counts: counts(row, subjects),
            ticket: row.ticket.clone(),
            comment: comment(snapshot, row.entry_index).await?,
            conditions: row.conditions.clone(),
            withdrawn: row.withdrawn,
            envelope: row.envelope.to_string(),
            index: row.entry_index,
        });
    }
    Ok(all)
}

/// The comment of an approval, from the vault, where it can be erased.
async fn comment(snapshot: &Snapshot, index: u64) -> Result<Option<String>, AppError> {
    let Some(row) = snapshot.get::<EntryRow>(values![index]).await? else { return Ok(None) };
    let entry = Entry::from_bytes(&row.bytes).map_err(|error| Fault::database("read an approval", error))?;
    let Event::Promotion(promotion::Event::ApprovalRecorded { comment: Some(digest), .. }) = entry.event else { return Ok(None) };
    Ok(snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text))
}

/// Each required role once, in the order of the policy.
pub(super) async fn roles(snapshot: &Snapshot, subjects: &Subjects, required: &[String], expected: &Expected) -> Result<Vec<RoleView>, AppError> {
    let counted: Vec<&ApprovalRow> = subjects.approvals.iter().filter(|row| counts(row, subjects)).collect();
    let mut all: Vec<RoleView> = Vec::new();
    for role in required {
        if all.iter().any(|known| known.role == *role) {
            continue;
        }
        // Who stands in speaks with the voice of the approver: both together count once.
        let voices: BTreeSet<&ActorId> = counted.iter().filter(|row| row.role.as_str() == role).map(|row| voice(row)).collect();
        let people = could_approve(snapshot, subjects, role, &counted).await?;
        all.push(RoleView { role: role.clone(), needed: expected.people(&subjects.input, role), given: voices.len() as u64, people });
    }
    Ok(all)
}

fn voice(row: &ApprovalRow) -> &ActorId {
    row.delegated_by.as_ref().unwrap_or(&row.actor)
}

/// Holders of a role and those who stand in for them now, without authors and without those whose approval counts already.
async fn could_approve(snapshot: &Snapshot, subjects: &Subjects, role: &str, counted: &[&ApprovalRow]) -> Result<Vec<PersonView>, AppError> {
    let Ok(role) = Label::parse(role) else { return Ok(Vec::new()) };
    let spoken = |id: &ActorId| counted.iter().any(|row| row.actor == *id || row.delegated_by.as_ref() == Some(id));
    let free = |id: &ActorId| !subjects.input.authors.contains(id) && !spoken(id);
    let model = subjects.model.class().map(Resource::Model);
    let mut found: Vec<ActorId> = Vec::new();
    for holder in people::holders(snapshot, &Role::Approver(role.clone()), &subjects.model).await? {
        if free(&holder.actor_id) {
            found.push(holder.actor_id);
        }
    }
    let tail = "WHERE role = $1 AND ended_at IS NULL AND until > $2 ORDER BY entry_index LIMIT 200";
    for row in snapshot.rows::<DelegationRow>(tail, &values![role, subjects.input.now]).await? {
        let giver = snapshot.get::<ActorRow>(values![row.giver]).await?;
        let scopes = giver.map(|giver| row.scopes(&giver, subjects.input.now)).unwrap_or_default();
        let works = model.as_ref().is_some_and(|model| scopes.iter().any(|scope| scope.holds(model)));
        if works && free(&row.giver) && free(&row.delegate) && !found.contains(&row.delegate) {
            found.push(row.delegate);
        }
    }
    found.truncate(MOST);
    people::named(snapshot, &found).await
}
