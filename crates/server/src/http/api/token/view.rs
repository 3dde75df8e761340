//! Tokens as lists show them, never with their secrets.

use chancery_core::access::Limits;
use chancery_core::actor::token::limits_of;
use chancery_core::names::ActorId;
use chancery_core::tables::{DirectoryRow, TokenRow, TokenUseRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppError;
use crate::http::{Page, PageQuery};
use crate::store::Snapshot;
use crate::values;

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TokenView {
    /// Identifier.
    pub(in crate::http) id: String,
    /// Id of the actor that it belongs to.
    pub(in crate::http) actor: String,
    /// Name of that user, pipeline or service; null when it was erased.
    pub(in crate::http) user: Option<String>,
    /// When it was issued (RFC 3339).
    pub(in crate::http) issued_at: String,
    /// Until when it is valid (RFC 3339).
    pub(in crate::http) expires_at: String,
    /// Whether it was revoked.
    pub(in crate::http) revoked: bool,
    /// To what it is limited: {actions, teams, models}; models by their ids.
    #[schema(value_type = Object)]
    pub(in crate::http) limits: Limits,
    /// The token that takes its place; null unless it was rotated.
    pub(in crate::http) replaced_by: Option<String>,
    /// Id of the workload identity by which a pipeline run got it; null for a token that somebody keeps.
    pub(in crate::http) identity: Option<String>,
    /// When it was last used, to the minute (RFC 3339); null when it never was.
    pub(in crate::http) last_used_at: Option<String>,
    /// From which address.
    pub(in crate::http) last_used_from: Option<String>,
    /// Entry that issued it.
    pub(in crate::http) index: u64,
}

/// A page of tokens, of one actor or of all.
pub(in crate::http) async fn page(snapshot: &Snapshot, actor: Option<&ActorId>, page: &PageQuery) -> Result<Page<TokenView>, AppError> {
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let whose = actor.map_or_else(|| "%".to_owned(), ToString::to_string);
    let tail = "WHERE token_id > $1 AND actor_id LIKE $2 ORDER BY token_id LIMIT $3";
    let rows = snapshot.rows::<TokenRow>(tail, &values![after, whose, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(token(snapshot, row).await?);
    }
    Ok(Page::new(items, limit, |token| token.id.clone()))
}

async fn token(snapshot: &Snapshot, row: TokenRow) -> Result<TokenView, AppError> {
    let used = snapshot.get::<TokenUseRow>(values![row.token_id]).await?;
    let user = snapshot.get::<DirectoryRow>(values![row.actor_id]).await?.map(|row| row.handle.to_string());
    Ok(TokenView {
        id: row.token_id.to_string(),
        actor: row.actor_id.to_string(),
        user,
        issued_at: row.issued_at.to_string(),
        expires_at: row.expires_at.to_string(),
        revoked: row.revoked,
        limits: limits_of(&row),
        replaced_by: row.replaced_by.map(|id| id.to_string()),
        identity: row.identity.map(|id| id.to_string()),
        last_used_at: used.as_ref().map(|used| used.used_at.to_string()),
        last_used_from: used.map(|used| used.address).filter(|address| !address.is_empty()),
        index: row.created_index,
    })
}
