//! Who calls: credentials become a [`Caller`], and a caller is allowed things. Cached decisions end when the access revision moves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_core::access::{Actor, Authorized, Delegated, Grant, Limits, Role};
use chancery_core::actor::ActorKind;
use chancery_core::actor::token::limits_of;
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, Digest, Label, Timestamp, TokenId};
use chancery_core::policy::Recognised;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::registry::ACCESS;
use chancery_core::tables::{ActorRow, CredentialRow, DelegationRow, SettingRow, TeamMemberRow, TokenRow};

use super::login::Origin;
use super::{App, AppError};
use crate::fault::Fault;
use crate::secret::Secret;
use crate::store::Snapshot;
use crate::{token, values};

/// A read that was allowed: the only key to [`App::read`].
pub type Reading = Authorized<chancery_core::access::Reading>;

/// Most callers that are remembered.
const CACHED_CALLERS: usize = 10_000;

/// An authenticated caller at one door.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Through which surface.
    pub door: Door,
    /// By what it was recognised.
    pub credential: Credential,
    /// Others who made that credential; they speak as well.
    pub made_by: Vec<ActorId>,
    /// To what its token is limited; checked beside the rights of the actor, never instead of them.
    pub limits: Option<Arc<Limits>>,
}

/// By what a caller was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token that somebody keeps.
    Token(TokenId),
    /// The short-lived token of one pipeline run, made for the token of the run's own issuer.
    Workload(TokenId),
    /// A session of the pages, by the digest of its secret.
    Session(Digest),
    /// A password with the request.
    Password,
    /// Nothing: `--no-auth`, or the registry itself.
    None,
}

impl Credential {
    /// The token that was used, for messages and limits.
    pub fn token(&self) -> Option<&TokenId> {
        match self {
            Self::Token(token) | Self::Workload(token) => Some(token),
            Self::Session(_) | Self::Password | Self::None => None,
        }
    }

    /// What gates read of it.
    pub fn recognised(&self) -> Recognised {
        match self {
            Self::Workload(_) => Recognised::Workload,
            Self::Token(_) => Recognised::Token,
            Self::Session(_) | Self::Password => Recognised::Login,
            Self::None => Recognised::None,
        }
    }

    /// The token of the pipeline run, when a pipeline was recognised by its workload identity: entries name it.
    pub fn run(&self) -> Option<&TokenId> {
        match self {
            Self::Workload(token) => Some(token),
            Self::Token(_) | Self::Session(_) | Self::Password | Self::None => None,
        }
    }
}

/// What was found out about the holder of a token.
#[derive(Clone, Debug)]
struct Known {
    actor: Actor,
    credential: Credential,
    made_by: Vec<ActorId>,
    limits: Option<Arc<Limits>>,
}

impl Known {
    fn at(self, door: Door) -> Caller {
        Caller { actor: self.actor, door, credential: self.credential, made_by: self.made_by, limits: self.limits }
    }
}

/// How long a verified password is remembered, in seconds.
const PASSWORD_SECONDS: i64 = 60;

/// What a request brings to prove who sends it.
#[derive(Clone, Debug)]
pub enum Presented {
    /// A token.
    Token(Secret),
    /// A name and a password.
    Password(String, Secret),
}

/// Callers that were authenticated a moment ago, by the digest of their secret.
#[derive(Debug)]
pub(super) struct Cache {
    /// Makes digests of passwords worthless outside of this process.
    key: Secret<[u8; 32]>,
    callers: Mutex<HashMap<Digest, (Known, Timestamp)>>,
}

impl Cache {
    /// An empty one, with a key of its own.
    pub(super) fn new() -> Result<Self, Fault> {
        Ok(Self { key: Secret::new(crate::ids::random()?), callers: Mutex::default() })
    }

    /// Where the owner of a name and password is kept: a digest under the key, twice, so that nothing can be appended to what is hashed.
    fn place_of(&self, name: &str, password: &Secret) -> Digest {
        let keyed = |text: &[u8]| Digest::of(&[self.key.expose().as_slice(), text].concat());
        let inner = keyed(format!("{}:{name}:{}", name.len(), password.expose()).as_bytes());
        keyed(inner.as_bytes())
    }

    fn find(&self, secret: &Digest, revision: u64, now: Timestamp) -> Option<Known> {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.get(secret).filter(|(known, expires_at)| known.actor.access_revision == revision && *expires_at > now).map(|(known, _)| known.clone())
    }

    fn keep(&self, secret: Digest, known: Known, expires_at: Timestamp) {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= CACHED_CALLERS {
            callers.clear();
        }
        callers.insert(secret, (known, expires_at));
    }
}

fn unauthenticated() -> AppError {
    Refusal::new(Code::Unauthenticated, "no valid credential").remedy("send `Authorization: Bearer TOKEN` with a token that is not expired or revoked").into()
}

impl App {
    /// Finds out who holds what a request presented.
    ///
    /// # Errors
    /// `unauthenticated`; the same for an unknown, expired or revoked token, and for a name and password that do not fit.
    pub async fn authenticate(&self, presented: Option<Presented>, origin: &Origin, door: Door) -> Result<Caller, AppError> {
        if self.inner.no_auth {
            return Ok(Caller { actor: self.anyone().await?, door, credential: Credential::None, made_by: Vec::new(), limits: None });
        }
        match presented {
            None => Err(unauthenticated()),
            Some(Presented::Token(secret)) => self.by_token(secret.expose(), door).await,
            Some(Presented::Password(name, password)) => self.by_password(&name, password, origin, door).await,
        }
    }

    /// Who has this name and password; what was verified is remembered for a minute, or until anything about access changes.
    async fn by_password(&self, name: &str, password: Secret, origin: &Origin, door: Door) -> Result<Caller, AppError> {
        let place = self.inner.access.place_of(name, &password);
        let revision = self.access_revision().await?;
        let now = self.now();
        if let Some(known) = self.inner.access.find(&place, revision, now) {
            return Ok(known.at(door));
        }
        let proved = self.prove(name, password, origin).await?;
        let (caller, until) = self.caller_of(&proved, door).await?;
        let known = Known { actor: caller.actor.clone(), credential: Credential::Password, made_by: proved.made_by, limits: None };
        let minute = now.plus_seconds(PASSWORD_SECONDS);
        self.inner.access.keep(place, known, until.map_or(minute, |until| until.min(minute)));
        Ok(caller)
    }

    async fn by_token(&self, secret: &str, door: Door) -> Result<Caller, AppError> {
        // What cannot be a token is refused before anything is looked up.
        if !token::is_well_formed(secret) {
            return Err(unauthenticated());
        }
        let hash = Digest::of(secret.as_bytes());
        let revision = self.access_revision().await?;
        let now = self.now();
        if let Some(known) = self.inner.access.find(&hash, revision, now) {
            return Ok(known.at(door));
        }
        let snapshot = self.inner.store.read().await?;
        let Some(credential) = snapshot.get::<CredentialRow>(values![hash]).await? else { return Err(unauthenticated()) };
        let Some(held) = snapshot.get::<TokenRow>(values![credential.token_id]).await? else { return Err(unauthenticated()) };
        if held.revoked || held.expires_at <= now {
            return Err(unauthenticated());
        }
        let Some(row) = snapshot.get::<ActorRow>(values![held.actor_id]).await?.filter(|row| row.active) else { return Err(unauthenticated()) };
        let revision = snapshot.get::<SettingRow>(values![ACCESS]).await?.map_or(0, |row| row.revision);
        let (actor, until) = self.actor_of(&snapshot, row, revision).await?;
        // A delegation ends without an entry, so what was found out is kept no longer than it lasts.
        let until = until.map_or(held.expires_at, |until| until.min(held.expires_at));
        let limits = Some(limits_of(&held)).filter(|limits| !limits.is_none()).map(Arc::new);
        let made_by = held.made_by.clone();
        let credential = if held.identity.is_some() { Credential::Workload(held.token_id) } else { Credential::Token(held.token_id) };
        let known = Known { actor, credential, made_by, limits };
        self.inner.access.keep(hash, known.clone(), until);
        Ok(known.at(door))
    }

    /// The caller that an actor is in a snapshot, and until when he is that.
    pub(super) async fn caller_in(
        &self,
        snapshot: &Snapshot,
        row: ActorRow,
        door: Door,
        credential: Credential,
        made_by: Vec<ActorId>,
    ) -> Result<(Caller, Option<Timestamp>), AppError> {
        let revision = snapshot.get::<SettingRow>(values![ACCESS]).await?.map_or(0, |row| row.revision);
        let (actor, until) = self.actor_of(snapshot, row, revision).await?;
        Ok((Caller { actor, door, credential, made_by, limits: None }, until))
    }

    /// Under `--no-auth` every caller is `anonymous` and may do everything; every entry says so.
    pub(super) async fn anyone(&self) -> Result<Actor, AppError> {
        let mut roles = vec![Role::Owner, Role::Deployer, Role::Incident, Role::Auditor, Role::Administrator];
        for role in ["platform", "product", "security", "ai-governance"] {
            roles.push(Role::Approver(Label::parse(role)?));
        }
        let roles = roles.into_iter().map(Grant::from).collect();
        let access_revision = self.access_revision().await?;
        self.keep_policies(&self.store().read().await?, access_revision).await?;
        let teams = Vec::new();
        Ok(Actor { id: ActorId::parse("anonymous")?, kind: ActorKind::Person, roles, teams, delegated: Vec::new(), access_revision })
    }

    /// The actor as it stands now, for a command that was authorised at an older access revision.
    pub(super) async fn current_actor(&self, actor: &Actor) -> Result<Actor, AppError> {
        if self.inner.no_auth {
            return self.anyone().await;
        }
        let snapshot = self.inner.store.read().await?;
        let revision = snapshot.get::<SettingRow>(values![ACCESS]).await?.map_or(0, |row| row.revision);
        let row = snapshot.get::<ActorRow>(values![actor.id]).await?.filter(|row| row.active);
        Ok(self.actor_of(&snapshot, row.ok_or_else(unauthenticated)?, revision).await?.0)
    }

    /// The actor with its roles and those in which it stands in now, and until when these last.
    pub(super) async fn actor_of(&self, snapshot: &Snapshot, row: ActorRow, access_revision: u64) -> Result<(Actor, Option<Timestamp>), AppError> {
        self.keep_policies(snapshot, access_revision).await?;
        let roles: Vec<Grant> = serde_json::from_value(row.roles).map_err(|error| Fault::database("read the roles of an actor", error))?;
        let teams = teams_of(snapshot, &row.actor_id).await?;
        let now = self.now();
        let tail = "WHERE delegate = $1 AND ended_at IS NULL AND until > $2 ORDER BY role, giver";
        let (mut delegated, mut until) = (Vec::new(), None);
        for given in snapshot.rows::<DelegationRow>(tail, &values![row.actor_id, now]).await? {
            // A delegation whose giver lost the role, or his access, does not work.
            let giver = snapshot.get::<ActorRow>(values![given.giver]).await?;
            let scopes = giver.map(|giver| given.scopes(&giver, now)).unwrap_or_default();
            if !scopes.is_empty() {
                until = Some(until.map_or(given.until, |end: Timestamp| end.min(given.until)));
                delegated.push(Delegated { role: given.role, by: given.giver, scopes });
            }
        }
        Ok((Actor { id: row.actor_id, kind: row.kind, roles, teams, delegated, access_revision }, until))
    }
}

/// The teams that an actor is a member of.
async fn teams_of(snapshot: &Snapshot, actor: &ActorId) -> Result<Vec<Label>, AppError> {
    let rows = snapshot.rows::<TeamMemberRow>("WHERE actor_id = $1 ORDER BY team", &values![*actor]).await?;
    Ok(rows.into_iter().map(|row| row.team).collect())
}
