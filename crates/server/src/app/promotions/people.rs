//! Who can supply what is missing: people of the directory by their roles, by name and never more than fit on a page.

use std::collections::BTreeMap;

use chancery_core::access::{Resource, Role};
use chancery_core::actor::ActorKind;
use chancery_core::names::{ActorId, Label};
use chancery_core::policy::{Finding, Verdict};
use chancery_core::promotion::PROMOTER_RULE;
use chancery_core::tables::{ActorRow, DirectoryRow, ModelRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::RoleView;
use crate::app::AppError;
use crate::store::Snapshot;
use crate::values;

/// Most people that are named in one place.
pub(super) const MOST: usize = 20;

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct PersonView {
    /// Name for commands; null when it was erased.
    pub name: Option<String>,
    /// Id, as in entries.
    pub id: String,
}

/// A finding that failed, with who can supply what is missing.
#[derive(Debug, Serialize, ToSchema)]
pub struct MissingView {
    /// The finding.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub finding: Finding,
    /// People, pipelines or services with a role that can supply it, at most 20.
    pub people: Vec<PersonView>,
}

/// The failed findings of a verdict with the people who can supply what is missing.
pub(super) async fn missing(snapshot: &Snapshot, model: &ModelRow, verdict: &Verdict, roles: &[RoleView]) -> Result<Vec<MissingView>, AppError> {
    let mut known: BTreeMap<Word, Vec<PersonView>> = BTreeMap::new();
    let mut all = Vec::new();
    for finding in verdict.failed() {
        let mut people = Vec::new();
        for word in &finding.who {
            let word = Word::of(word, &finding.rule);
            if !known.contains_key(&word) {
                let found = of_word(snapshot, model, &word, roles).await?;
                known.insert(word.clone(), found);
            }
            people.extend(known.get(&word).into_iter().flatten().cloned());
        }
        people.sort();
        people.dedup();
        people.truncate(MOST);
        all.push(MissingView { finding: finding.clone(), people });
    }
    Ok(all)
}

/// Who is meant by a word of a rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// Those who could give the missing approvals.
    Approver,
    /// Every approver.
    Reviewer,
    /// Pipelines that may do what the rule asks for: release, or add evidence.
    Pipeline(Role),
    /// Who has a role; of approval when no other has that name.
    Holder(Role),
    /// Nobody here.
    Nobody,
}

impl Word {
    fn of(word: &str, rule: &str) -> Self {
        match word {
            "approver" => Self::Approver,
            "reviewer" => Self::Reviewer,
            "pipeline" if rule == PROMOTER_RULE => Self::Pipeline(Role::Deployer),
            "pipeline" => Self::Pipeline(Role::Contributor),
            word => Role::parse(word).ok().or_else(|| Label::parse(word).ok().map(Role::Approver)).map_or(Self::Nobody, Self::Holder),
        }
    }
}

async fn of_word(snapshot: &Snapshot, model: &ModelRow, word: &Word, roles: &[RoleView]) -> Result<Vec<PersonView>, AppError> {
    match word {
        Word::Approver => Ok(roles.iter().filter(|role| role.given < role.needed).flat_map(|role| role.people.iter().cloned()).collect()),
        Word::Reviewer => {
            let rows = with_text(snapshot, "%\"approver:%").await?;
            described(snapshot, rows.into_iter().filter(|row| reviews(row, model)).collect()).await
        }
        Word::Pipeline(role) => {
            let rows = holders(snapshot, role, model).await?;
            described(snapshot, rows.into_iter().filter(|row| row.kind == ActorKind::Pipeline).collect()).await
        }
        Word::Holder(role) => described(snapshot, holders(snapshot, role, model).await?).await,
        Word::Nobody => Ok(Vec::new()),
    }
}

/// Active actors who have a role for a model themselves, the oldest first.
pub(super) async fn holders(snapshot: &Snapshot, role: &Role, model: &ModelRow) -> Result<Vec<ActorRow>, AppError> {
    let Some(model) = model.class().map(Resource::Model) else { return Ok(Vec::new()) };
    // A role of another scope, a longer name and the wildcard `_` of the database find more; those are left out here.
    let rows = with_text(snapshot, &format!("%\"{role}%")).await?;
    Ok(rows.into_iter().filter(|row| row.holds_at(role, &model)).collect())
}

/// Whether somebody has any role of approval for a model.
fn reviews(row: &ActorRow, model: &ModelRow) -> bool {
    let Some(model) = model.class().map(Resource::Model) else { return false };
    row.grants().iter().any(|grant| matches!(grant.role, Role::Approver(_)) && grant.scope.holds(&model))
}

async fn with_text(snapshot: &Snapshot, pattern: &str) -> Result<Vec<ActorRow>, AppError> {
    Ok(snapshot.rows::<ActorRow>("WHERE active = 1 AND roles LIKE $1 ORDER BY created_index LIMIT 200", &values![pattern.to_owned()]).await?)
}

async fn described(snapshot: &Snapshot, rows: Vec<ActorRow>) -> Result<Vec<PersonView>, AppError> {
    let ids: Vec<ActorId> = rows.into_iter().take(MOST).map(|row| row.actor_id).collect();
    named(snapshot, &ids).await
}

/// Actors with their names.
pub(super) async fn named(snapshot: &Snapshot, ids: &[ActorId]) -> Result<Vec<PersonView>, AppError> {
    let mut people = Vec::with_capacity(ids.len());
    for id in ids {
        let name = snapshot.get::<DirectoryRow>(values![*id]).await?.map(|row| row.handle.to_string());
        people.push(PersonView { name, id: id.to_string() });
    }
    Ok(people)
}
