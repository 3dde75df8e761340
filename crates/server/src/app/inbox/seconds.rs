//! What somebody proposed and another person puts in force: protected roles, transfers of models, policy bundles, access policies, templates.
//!
//! Who that other person may be is said by the rules of the commands that do it. So the command is decided here as it would be in the
//! sequencer, on the same rows and for the same credential, and what it would make is thrown away.

use std::collections::BTreeMap;

use chancery_core::access::{AccessClass, Action, Resource, Role};
use chancery_core::actor::ActorKind;
use chancery_core::entry::PrivateText;
use chancery_core::names::{Label, ModelId, Timestamp};
use chancery_core::rows::{Key, Missing, Row as _, Rows};
use chancery_core::tables::{AccessPolicyRow, BundleRow, DirectoryRow, GrantProposalRow, ModelRow, TemplateRow, TransferProposalRow};
use chancery_core::{Command, Context, Stop, access_policy, bundle, decide, grant, model, template};

use super::{Decision, Question};
use crate::app::access::Caller;
use crate::app::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// Most proposals of one kind that are looked at, oldest first.
const MOST: i64 = 100;

/// A proposal, and the command that puts it in force.
struct Asked {
    question: Question,
    since: Timestamp,
    command: Command,
}

/// The proposals that the caller could put in force now.
pub(super) async fn waiting(app: &App, caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Decision>, AppError> {
    // No machine is a second person.
    if caller.actor.kind != ActorKind::Person {
        return Ok(Vec::new());
    }
    let may = |action| app.decision(caller, action, &Resource::Registry, None).allowed;
    let mut asked = transfers(app, caller, snapshot).await?;
    if may(Action::ManageActors) {
        asked.extend(grants(snapshot).await?);
    }
    if may(Action::ManagePolicy) {
        asked.extend(bundles(snapshot).await?);
    }
    if may(Action::ManageAccess) {
        asked.extend(access_policies(snapshot).await?);
    }
    if may(Action::ManageTemplates) {
        asked.extend(templates(snapshot).await?);
    }
    accepted(app, caller, snapshot, asked).await
}

/// Those to which the rules do not say no.
async fn accepted(app: &App, caller: &Caller, snapshot: &Snapshot, asked: Vec<Asked>) -> Result<Vec<Decision>, AppError> {
    let context = Context { now: app.now(), actor: caller.actor.id.clone(), through: caller.made_by.clone() };
    let everything = snapshot.everything();
    let mut rows = Rows::default();
    // Each turn loads rows that no turn before had: it ends.
    loop {
        let mut answers = Vec::with_capacity(asked.len());
        for one in &asked {
            answers.push(match decide(&mut rows, &context, &one.command) {
                Ok(_) => true,
                Err(Stop::Refused(_) | Stop::Missing(Missing::Row)) => false,
                Err(Stop::Missing(Missing::Bad(bad))) => return Err(bad.into()),
            });
        }
        let missing = rows.take_missing();
        if missing.is_empty() {
            let decision = |one: Asked| Decision { question: one.question, roles: Vec::new(), since: one.since };
            return Ok(asked.into_iter().zip(answers).filter(|(_, accepted)| *accepted).map(|(one, _)| decision(one)).collect());
        }
        for (key, values) in everything.load(missing).await? {
            rows.fill(key, values);
        }
    }
}

/// A reason where a command wants one; it is never recorded.
fn reason() -> Result<PrivateText, AppError> {
    Ok(PrivateText::new("reason", "asked for the inbox", [0; 16])?)
}

/// Whoever has no name any more has no access either, so nobody gives him roles.
async fn grants(snapshot: &Snapshot) -> Result<Vec<Asked>, AppError> {
    let tail = "grant_proposals JOIN directory ON directory.actor_id = grant_proposals.actor_id ORDER BY grant_proposals.entry_index LIMIT $1";
    let open = snapshot.pairs::<GrantProposalRow, DirectoryRow>(tail, &values![MOST]).await?;
    let asked = |(row, who): (GrantProposalRow, DirectoryRow)| {
        let command = grant::Command::Confirm { actor: row.actor_id.clone(), grants: row.grants() }.into();
        Asked { since: row.proposed_at, question: Question::Grant { row, user: who.handle }, command }
    };
    Ok(open.into_iter().map(asked).collect())
}

/// Only owners and administrators take a side.
async fn transfers(app: &App, caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Asked>, AppError> {
    if !caller.actor.roles.iter().any(|grant| matches!(grant.role, Role::Owner | Role::Administrator)) {
        return Ok(Vec::new());
    }
    let open = snapshot.rows::<TransferProposalRow>("ORDER BY entry_index LIMIT $1", &values![MOST]).await?;
    // A model that is offered is not read yet by who shall take it over.
    let keys = open.iter().map(|row| Key { table: ModelRow::TABLE, values: values![row.model_id] }).collect();
    let mut models: BTreeMap<ModelId, ModelRow> = BTreeMap::new();
    for values in snapshot.everything().load(keys).await?.into_iter().filter_map(|(_, found)| found) {
        let row = ModelRow::from_values(values)?;
        models.insert(row.model_id.clone(), row);
    }
    let mut asked = Vec::new();
    for row in open {
        let Some(model) = models.get(&row.model_id).filter(|model| takes_part(app, caller, model, &row.to_team)) else { continue };
        let command = model::Command::AcceptTransfer { id: row.model_id.clone(), to: row.to_team.clone() }.into();
        let (name, readable) = (model.name.clone(), app.may(caller, Action::Read, model));
        asked.push(Asked { since: row.proposed_at, question: Question::Transfer { row, name, readable }, command });
    }
    Ok(asked)
}

/// Whether the caller may transfer the model as it is, or take it over as the team would own it.
fn takes_part(app: &App, caller: &Caller, model: &ModelRow, to: &Label) -> bool {
    let Some(class) = model.class() else { return false };
    let taken_over = Resource::Model(AccessClass { team: Some(to.clone()), ..class });
    let as_it_is = app.may(caller, Action::Read, model) && app.may(caller, Action::TransferModel, model);
    as_it_is || app.decision(caller, Action::TransferModel, &taken_over, None).allowed
}

/// Bundles that were never in force: one that was replaced waits for nobody.
async fn bundles(snapshot: &Snapshot) -> Result<Vec<Asked>, AppError> {
    let tail = "WHERE status = 'uploaded' AND activated_by IS NULL ORDER BY uploaded_index LIMIT $1";
    let mut asked = Vec::new();
    for row in snapshot.rows::<BundleRow>(tail, &values![MOST]).await? {
        let command = bundle::Command::Activate { bundle: row.digest, effective: row.digest, reason: reason()? }.into();
        asked.push(Asked { since: row.uploaded_at, question: Question::Bundle(row), command });
    }
    Ok(asked)
}

/// The same of access policies.
async fn access_policies(snapshot: &Snapshot) -> Result<Vec<Asked>, AppError> {
    let tail = "WHERE status = 'uploaded' AND activated_by IS NULL ORDER BY installed_index LIMIT $1";
    let mut asked = Vec::new();
    for row in snapshot.rows::<AccessPolicyRow>(tail, &values![MOST]).await? {
        let command = access_policy::Command::Activate { digest: row.digest, models: Vec::new(), reason: reason()? }.into();
        asked.push(Asked { since: row.installed_at, question: Question::AccessPolicy(row), command });
    }
    Ok(asked)
}

async fn templates(snapshot: &Snapshot) -> Result<Vec<Asked>, AppError> {
    let open = snapshot.rows::<TemplateRow>("WHERE status = 'proposed' ORDER BY revision LIMIT $1", &values![MOST]).await?;
    let asked = |row: TemplateRow| {
        let command = template::Command::Approve { name: row.name.clone(), version: row.version }.into();
        Asked { since: row.added_at, question: Question::Template(row), command }
    };
    Ok(open.into_iter().map(asked).collect())
}
