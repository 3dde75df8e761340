//! Roles as pages show and take them.

use chancery_core::access::{Grant, Role, Scope};
use chancery_core::names::{Label, ModelId, ModelName};
use chancery_core::refusal::Refusal;
use chancery_core::tables::ModelRow;

use crate::app::{AppError, view};
use crate::store::Snapshot;
use crate::values;

/// What the select of roles says for a role of approval; its name is in a field of its own.
const APPROVER: &str = "approver";

/// A role in words.
pub(in crate::http::ui) struct GrantLine {
    /// As commands write it.
    pub(in crate::http::ui) text: String,
    pub(in crate::http::ui) role: String,
    pub(in crate::http::ui) place: String,
    /// Where the place has a page.
    pub(in crate::http::ui) path: Option<String>,
}

/// A role in words, with the name of its model.
pub(in crate::http::ui) async fn line(snapshot: &Snapshot, grant: &Grant) -> Result<GrantLine, AppError> {
    let (place, path) = match &grant.scope {
        Scope::Registry => ("everywhere".to_owned(), None),
        Scope::Team(team) => (format!("models of team {team}"), Some(format!("/admin/teams/{team}"))),
        Scope::Model(id) => model(snapshot, id).await?,
    };
    Ok(GrantLine { text: grant.to_string(), role: grant.role.to_string(), place, path })
}

async fn model(snapshot: &Snapshot, id: &ModelId) -> Result<(String, Option<String>), AppError> {
    let row = snapshot.get::<ModelRow>(values![*id]).await?;
    Ok(match row {
        Some(row) => (format!("model {}", row.name), Some(format!("/models/{}", crate::http::file::encode(row.name.as_str())))),
        None => (format!("model {id}, which is not shown to you"), None),
    })
}

/// The role that a form asks for: a word, with the name of a role of approval beside it, and a place. Nothing when no role is chosen.
pub(in crate::http::ui) async fn asked(snapshot: &Snapshot, role: &str, approval: &str, place: &str) -> Result<Option<Grant>, AppError> {
    let role = match role {
        "" => return Ok(None),
        APPROVER => Role::Approver(Label::parse(approval.trim()).map_err(|refusal| refusal.field("approval"))?),
        word => Role::parse(word)?,
    };
    Ok(Some(Grant { role, scope: scope(snapshot, place.trim()).await? }))
}

async fn scope(snapshot: &Snapshot, place: &str) -> Result<Scope, AppError> {
    let named = |refusal: Refusal| AppError::from(refusal.field("place"));
    match place.split_once(':') {
        None if place.is_empty() => Ok(Scope::Registry),
        // People know models by their names.
        Some(("model", name)) if ModelId::parse(name).is_err() => {
            let name = ModelName::parse(name).map_err(named)?;
            Ok(Scope::Model(view::model_named(snapshot, &name).await?.model_id))
        }
        Some(_) | None => Scope::parse(place).map_err(named),
    }
}
