//! What an administrator does to a person, pipeline or service: roles, proposals, password, tokens, the end of access.

use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::access::{Action, Grant, Limits};
use chancery_core::actor::Command;
use chancery_core::actor::token::Issuer;
use chancery_core::entry::PrivateText;
use chancery_core::grant;
use chancery_core::names::{ActorId, Label, ModelName};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::ActorRow;
use serde::Deserialize;

use super::grants;
use super::people::path_of;
use super::person::{self, Secret, shown};
use super::several::{Revision, Several, listed};
use crate::app::{AppError, view};
use crate::http::api::token::issue_token as issue;
use crate::http::caller;
use crate::http::ui::again::recorded;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::layout::Note;
use crate::http::ui::session::{PageError, Path, Shown};
use crate::ids;

type Own = Shown<caller::ManageActors>;
type Form<F> = Posted<caller::ManageActors, F>;

/// What a form did, or the page with why it did nothing.
async fn answered(own: Own, parts: &Parts, name: &Label, fields: Fields, outcome: Result<Response, AppError>) -> Result<Response, PageError> {
    let error = match outcome {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    let (status, note) = Note::of(&error);
    let own = own.again(parts, path_of(Some(name.as_str()), "")).await?;
    shown(&own, name, (status, Some(note)), fields, None).await
}

async fn actor(own: &Own, name: &Label) -> Result<ActorRow, AppError> {
    person::row(&own.allowed.read().await?, name).await
}

/// Which roles stay, and which one comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    revision: Revision,
    #[serde(default)]
    keep: Several,
    role: String,
    approval: String,
    place: String,
}

/// `POST /admin/people/{name}/roles`.
pub(super) async fn set_roles(Path(name): Path<Label>, posted: Form<Roles>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Roles { revision, keep, role, approval, place } = filled(form)?;
        let row = actor(&own, &name).await?;
        check_unchanged(&row, revision.0)?;
        let mut roles = keep.0.iter().map(|word| Grant::parse(word)).collect::<Result<Vec<_>, _>>()?;
        let new = grants::asked(&own.allowed.read().await?, &role, &approval, &place).await?;
        roles.extend(new.filter(|grant| !keep.0.contains(&grant.to_string())));
        let made = own.allowed.execute(Command::SetRoles { id: row.actor_id, roles }, &requested).await?;
        Ok(recorded(&path_of(Some(name.as_str()), ""), &made))
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, fields, outcome).await
}

fn check_unchanged(row: &ActorRow, seen: u64) -> Result<(), Refusal> {
    if row.revision == seen {
        return Ok(());
    }
    let now: Vec<String> = row.grants().iter().map(ToString::to_string).collect();
    let now = if now.is_empty() { "none".to_owned() } else { now.join(", ") };
    Err(Refusal::new(Code::PreconditionFailed, &format!("the roles changed while you looked at them: now they are {now}"))
        .field("revision")
        .remedy("look at the roles below and send the form again"))
}

/// What is said to roles that wait.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    verdict: Verdict,
    #[serde(default)]
    role: Several,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Confirm,
    Reject,
    Withdraw,
}

/// `POST /admin/people/{name}/proposal`.
pub(super) async fn answer_proposal(Path(name): Path<Label>, posted: Form<Answer>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Answer { verdict, role, reason } = filled(form)?;
        let id = actor(&own, &name).await?.actor_id;
        let reason = || PrivateText::new("reason", &reason, ids::random()?).map_err(AppError::from);
        let command = match verdict {
            Verdict::Confirm => {
                let grants = role.0.iter().map(|word| Grant::parse(word)).collect::<Result<_, _>>()?;
                grant::Command::Confirm { actor: id, grants }
            }
            Verdict::Reject => grant::Command::Reject { actor: id, reason: reason()? },
            Verdict::Withdraw => grant::Command::Withdraw { actor: id, reason: reason()? },
        };
        Ok(recorded(&path_of(Some(name.as_str()), ""), &own.allowed.execute(command, &requested).await?))
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, fields, outcome).await
}

/// Nothing but the click.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The page with a secret, once.
async fn with_secret(own: Own, parts: &Parts, name: &Label, index: u64, secret: Secret) -> Result<Response, PageError> {
    let own = own.again(parts, path_of(Some(name.as_str()), "")).await?;
    shown(&own, name, (axum::http::StatusCode::OK, Some(Note::recorded(index))), Fields::default(), Some(secret)).await
}

/// `POST /admin/people/{name}/password`.
pub(super) async fn reset_password(Path(name): Path<Label>, posted: Form<Nothing>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, .. } = posted;
    let outcome = async {
        let Nothing {} = filled(form)?;
        let id: ActorId = actor(&own, &name).await?.actor_id;
        own.allowed.app.reset_password(&own.allowed.caller, &id).await
    };
    match outcome.await {
        Ok((secret, until, made)) => {
            let what_next = format!(
                "Give it to {name} on a safe way. With it a password is set at /password, once, until {until}. All sessions and logins of {name} have ended."
            );
            let secret = Secret { title: "The one-time secret", text: Some(secret.into_exposed()), what_next };
            with_secret(own, &parts, &name, made.index, secret).await
        }
        Err(error) => answered(own, &parts, &name, fields, Err(error)).await,
    }
}

/// A new token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    days: String,
    actions: String,
    teams: String,
    models: String,
}

impl NewToken {
    fn days(&self) -> Result<u16, Refusal> {
        self.days.trim().parse().map_err(|_| Refusal::invalid("days", "days must be a number from 1 to 366"))
    }

    async fn limits(&self, own: &Own) -> Result<Limits, AppError> {
        let snapshot = own.allowed.read().await?;
        let actions = listed(&self.actions).map(Action::parse).collect::<Result<_, _>>()?;
        let teams = listed(&self.teams).map(Label::parse).collect::<Result<_, _>>()?;
        let mut models = Vec::new();
        for name in listed(&self.models) {
            models.push(view::model_named(&snapshot, &ModelName::parse(name)?).await?.model_id);
        }
        Ok(Limits::new(actions, teams, models)?)
    }
}

/// `POST /admin/people/{name}/tokens`.
pub(super) async fn issue_token(Path(name): Path<Label>, posted: Form<NewToken>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let form = filled(form)?;
        let (days, limits) = (form.days()?, form.limits(&own).await?);
        let id = actor(&own, &name).await?.actor_id;
        issue(&own.allowed, id, days, limits, Issuer::Administrator, &requested).await
    };
    match outcome.await {
        Ok((made, id, secret)) => {
            let what_next = format!("It is the secret of token {id}. The registry keeps its digest only: it cannot be shown again.");
            let text = (!made.replayed).then_some(secret);
            with_secret(own, &parts, &name, made.index, Secret { title: "The secret of the new token", text, what_next }).await
        }
        Err(error) => answered(own, &parts, &name, fields, Err(error)).await,
    }
}

/// The name again, so that nobody loses access by a slip.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    name: String,
}

/// `POST /admin/people/{name}/end`.
pub(super) async fn end_access(Path(name): Path<Label>, posted: Form<End>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        if filled(form)?.name.trim() != name.as_str() {
            return Err(Refusal::invalid("name", &format!("type the name `{name}` to end this access")).into());
        }
        let id = actor(&own, &name).await?.actor_id;
        Ok(recorded(&path_of(Some(name.as_str()), ""), &own.allowed.execute(Command::Deactivate { id }, &requested).await?))
    };
    let outcome = outcome.await;
    answered(own, &parts, &name, fields, outcome).await
}
