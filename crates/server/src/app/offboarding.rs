//! What a person who leaves has in hand: what must be given to somebody else, and what ends by itself with the access.

use chancery_core::names::{ActorId, ModelId, Timestamp};
use chancery_core::rows::Value;
use chancery_core::tables::{
    ActorKeyRow, ActorRow, ApprovalRow, ConditionRow, DelegationRow, DirectoryRow, ExceptionRow, GrantProposalRow, ModelRow, PromotionRow, ReviewRow, RiskRow,
    SessionRow, TeamMemberRow, TokenRow,
};
use chancery_core::{access, calendar, exception, promotion, risk};

use super::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// Things of a kind that are listed; a section says when there are more.
const MOST: usize = 500;

/// One thing that a person has in hand.
#[derive(Clone, Debug)]
pub struct Held {
    /// What it is, as commands name it.
    pub reference: String,
    /// More words.
    pub about: String,
    /// Until when, where it ends by itself.
    pub until: Option<Timestamp>,
}

/// Things of a kind.
#[derive(Clone, Debug)]
pub struct Section {
    /// Which kind: a stable word.
    pub name: &'static str,
    /// What becomes of them when the access ends.
    pub end: &'static str,
    /// The things, at most 500.
    pub items: Vec<Held>,
    /// Whether there are more.
    pub more: bool,
}

/// Whose things, and when.
struct Person<'a> {
    snapshot: &'a Snapshot,
    id: &'a ActorId,
    row: &'a ActorRow,
    /// Name for commands and name for people, in lower case: what free text may say of the person.
    names: Vec<String>,
    now: Timestamp,
}

impl App {
    /// Everything that a person has in hand, kind by kind.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn offboarding(&self, snapshot: &Snapshot, row: &ActorRow) -> Result<Vec<Section>, AppError> {
        let directory = snapshot.get::<DirectoryRow>(values![row.actor_id]).await?;
        let names = directory.map_or_else(Vec::new, |known| vec![known.handle.to_string(), known.display_name.to_lowercase()]);
        let names = names.into_iter().filter(|name| !name.is_empty()).collect();
        let person = Person { snapshot, id: &row.actor_id, row, names, now: self.now() };
        Ok(vec![
            section("models", "stay: change their owner, or transfer them", person.models().await?),
            section("teams", "stay: take the person out", person.teams().await?),
            section("promotions", "stay open: somebody else executes or cancels them", person.promotions().await?),
            section("approvals", "count on until they expire: they were given in office; cancel the promotion to be rid of one", person.approvals().await?),
            section("delegations_given", "end with the access", person.delegations("giver").await?),
            section("delegations_taken", "end with the access", person.delegations("delegate").await?),
            section("tokens", "end with the access", person.tokens().await?),
            section("sessions", "end with the access", person.sessions().await?),
            section("exceptions_granted", "stay in force until they expire: revoke them with `chancery exception revoke`", person.exceptions().await?),
            section("reviews", "stay: schedule them for somebody else", person.reviews().await?),
            section("risks", "stay: give their mitigations to somebody else", person.risks().await?),
            section("conditions", "stay owed: somebody else meets them", person.conditions().await?),
            section("keys", "sign nothing new; what they signed stays signed", person.keys().await?),
            section("grant_proposals", "cannot be confirmed any more: reject them", person.grants().await?),
        ])
    }
}

fn section(name: &'static str, end: &'static str, mut items: Vec<Held>) -> Section {
    let more = items.len() > MOST;
    items.truncate(MOST);
    Section { name, end, items, more }
}

fn held(reference: impl ToString, about: impl ToString, until: Option<Timestamp>) -> Held {
    Held { reference: reference.to_string(), about: about.to_string(), until }
}

impl Person<'_> {
    fn is_named(&self, text: &str) -> bool {
        self.names.contains(&text.trim().to_lowercase())
    }

    async fn rows<R: chancery_core::rows::Row>(&self, tail: &str, mut parameters: Vec<Value>) -> Result<Vec<R>, AppError> {
        parameters.push(Value::Integer(MOST as i64 + 1));
        Ok(self.snapshot.rows::<R>(&format!("{tail} LIMIT ${}", parameters.len()), &parameters).await?)
    }

    async fn version(&self, model: &ModelId, number: impl std::fmt::Display) -> Result<String, AppError> {
        let row = self.snapshot.get::<ModelRow>(values![*model]).await?;
        Ok(format!("{}/{number}", row.map_or_else(|| model.to_string(), |row| row.name.to_string())))
    }

    /// Models whose stated owner, backup or contact is the person, and those that a role of owner of the person is for.
    async fn models(&self) -> Result<Vec<Held>, AppError> {
        let mut found = Vec::new();
        for name in &self.names {
            let pattern = format!("%{}%", name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            let tail = "WHERE hidden = 0 AND lower(profile) LIKE $1 ESCAPE '\\' ORDER BY name";
            for row in self.rows::<ModelRow>(tail, values![pattern]).await? {
                let says =
                    |member: &str| row.profile.pointer(&format!("/ownership/{member}")).and_then(|text| text.as_str()).is_some_and(|text| self.is_named(text));
                let roles: Vec<&str> = ["owner", "backup_owner", "escalation_contact"].into_iter().filter(|member| says(member)).collect();
                if !roles.is_empty() && !found.iter().any(|held: &Held| held.reference == row.name.as_str()) {
                    found.push(held(row.name, roles.join(", "), None));
                }
            }
        }
        for grant in self.row.grants().iter().filter(|grant| grant.role == access::Role::Owner) {
            match &grant.scope {
                access::Scope::Registry => {}
                access::Scope::Model(id) => {
                    if let Some(row) = self.snapshot.get::<ModelRow>(values![*id]).await? {
                        found.push(held(row.name, "role owner for this model", None));
                    }
                }
                access::Scope::Team(team) => {
                    let pattern = format!("%\"owning_team\":\"{}\"%", team.as_str().replace('_', "\\_"));
                    let tail = "WHERE hidden = 0 AND profile LIKE $1 ESCAPE '\\' ORDER BY name";
                    let rows = self.rows::<ModelRow>(tail, values![pattern]).await?;
                    found.extend(
                        rows.into_iter()
                            .filter(|row| row.owning_team().as_ref() == Some(team))
                            .map(|row| held(row.name, format!("role owner in team {team}"), None)),
                    );
                }
            }
        }
        Ok(found)
    }

    async fn teams(&self) -> Result<Vec<Held>, AppError> {
        let rows = self.rows::<TeamMemberRow>("WHERE actor_id = $1 ORDER BY team", values![*self.id]).await?;
        Ok(rows.into_iter().map(|row| held(row.team, format!("member since {}", row.added_at), None)).collect())
    }

    async fn promotions(&self) -> Result<Vec<Held>, AppError> {
        let tail = "WHERE opened_by = $1 AND status = $2 ORDER BY opened_index";
        let rows = self.rows::<PromotionRow>(tail, values![*self.id, promotion::Status::Open]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let about = format!("{} to {}", self.version(&row.model_id, row.number).await?, row.target);
            found.push(held(row.promotion_id, about, None));
        }
        Ok(found)
    }

    /// Approvals that are not withdrawn or expired, of promotions that are still open.
    async fn approvals(&self) -> Result<Vec<Held>, AppError> {
        let tail = "WHERE (actor = $1 OR delegated_by = $1) AND verdict = $2 AND withdrawn = 0 AND expires_at > $3
            AND promotion_id IN (SELECT promotion_id FROM promotions WHERE status = $4) ORDER BY entry_index";
        let parameters = values![*self.id, chancery_core::approval::ApprovalVerdict::Approve, self.now, promotion::Status::Open];
        let rows = self.rows::<ApprovalRow>(tail, parameters).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let promotion = self.snapshot.get::<PromotionRow>(values![row.promotion_id]).await?;
            let version = match promotion {
                Some(promotion) => self.version(&promotion.model_id, promotion.number).await?,
                None => String::new(),
            };
            found.push(held(row.promotion_id, format!("{version} in role {}", row.role), Some(row.expires_at)));
        }
        Ok(found)
    }

    async fn delegations(&self, side: &str) -> Result<Vec<Held>, AppError> {
        let tail = format!("WHERE {side} = $1 AND ended_at IS NULL AND until > $2 ORDER BY entry_index");
        let rows = self.rows::<DelegationRow>(&tail, values![*self.id, self.now]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let other = if row.giver == *self.id { &row.delegate } else { &row.giver };
            let name = self.snapshot.get::<DirectoryRow>(values![*other]).await?.map_or_else(|| other.to_string(), |known| known.handle.to_string());
            found.push(held(row.role, name, Some(row.until)));
        }
        Ok(found)
    }

    async fn tokens(&self) -> Result<Vec<Held>, AppError> {
        let tail = "WHERE actor_id = $1 AND revoked = 0 AND expires_at > $2 ORDER BY created_index";
        let rows = self.rows::<TokenRow>(tail, values![*self.id, self.now]).await?;
        Ok(rows.into_iter().map(|row| held(row.token_id, "", Some(row.expires_at))).collect())
    }

    async fn sessions(&self) -> Result<Vec<Held>, AppError> {
        let tail = "WHERE actor_id = $1 AND expires_at > $2 ORDER BY created_at, session_id";
        let rows = self.rows::<SessionRow>(tail, values![*self.id, self.now]).await?;
        Ok(rows.into_iter().map(|row| held(row.session_id, row.browser, Some(row.expires_at))).collect())
    }

    async fn exceptions(&self) -> Result<Vec<Held>, AppError> {
        let tail = "WHERE granted_by = $1 AND status = $2 AND expires_at > $3 ORDER BY entry_index";
        let rows = self.rows::<ExceptionRow>(tail, values![*self.id, exception::Status::Granted, self.now]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let about = format!("{} for {}", row.rule, self.version(&row.model_id, row.number).await?);
            found.push(held(row.exception_id, about, Some(row.expires_at)));
        }
        Ok(found)
    }

    async fn reviews(&self) -> Result<Vec<Held>, AppError> {
        let Some(name) = self.names.first() else { return Ok(Vec::new()) };
        let tail = "WHERE owner = $1 AND status = $2 ORDER BY due, review_id";
        let rows = self.rows::<ReviewRow>(tail, values![name.as_str(), calendar::Status::Open]).await?;
        Ok(rows.into_iter().map(|row| held(row.review_id, format!("{} of {}", row.about, row.subject), Some(row.due))).collect())
    }

    /// Risks that are not closed, with a mitigation that the person owes.
    async fn risks(&self) -> Result<Vec<Held>, AppError> {
        let Some(name) = self.names.first() else { return Ok(Vec::new()) };
        let pattern = format!("%\"owner\":\"{}\"%", name.replace('_', "\\_"));
        let tail = "WHERE status <> $1 AND mitigations LIKE $2 ESCAPE '\\' ORDER BY created_index";
        let rows = self.rows::<RiskRow>(tail, values![risk::Status::Closed, pattern]).await?;
        let owed = |row: RiskRow| {
            let open: Vec<String> =
                row.mitigations().iter().filter(|known| known.owner.as_str() == name && known.done_at.is_none()).map(|known| known.text.clone()).collect();
            (!open.is_empty()).then(|| held(&row.risk_id, open.join("; "), None))
        };
        Ok(rows.into_iter().filter_map(owed).collect())
    }

    async fn conditions(&self) -> Result<Vec<Held>, AppError> {
        let mut found = Vec::new();
        for name in &self.names {
            let rows = self.rows::<ConditionRow>("WHERE met_at IS NULL AND lower(owner) = $1 ORDER BY due", values![name.as_str()]).await?;
            for row in rows {
                let about = format!("{}: {}", self.version(&row.model_id, row.number).await?, row.text);
                found.push(held(format!("{}/{}", row.promotion_id, row.condition_number), about, Some(row.due)));
            }
        }
        Ok(found)
    }

    async fn keys(&self) -> Result<Vec<Held>, AppError> {
        let rows = self.rows::<ActorKeyRow>("WHERE actor_id = $1 AND removed_at IS NULL ORDER BY added_index", values![*self.id]).await?;
        Ok(rows.into_iter().map(|row| held(row.key_id, format!("registered {}", row.added_at), None)).collect())
    }

    /// Roles that wait for a second administrator: of the person, and proposed by the person.
    async fn grants(&self) -> Result<Vec<Held>, AppError> {
        let rows = self.rows::<GrantProposalRow>("WHERE actor_id = $1 OR proposed_by = $1 ORDER BY entry_index", values![*self.id]).await?;
        let words = |row: &GrantProposalRow| row.grants().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Ok(rows.into_iter().map(|row| held(&row.actor_id, words(&row), None)).collect())
    }
}
