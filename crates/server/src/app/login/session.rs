//! Sessions of people who use the pages. A session is a row, read at each request: what ends it ends it at once, on every server.
//!
//! INVARIANT: the secret of a session is made here, at a login, and is nowhere but in the cookie; the row has its digest. A secret that a
//! browser brings is never taken for a new session, so nobody can plant one (session fixation).
//! INVARIANT: a session counts as long as its person has access and his epoch has not moved: a password that is set or reset, and an end of
//! access, end it in the same commit.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chancery_core::actor::ActorKind;
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::rows::{Key, Row as _};
use chancery_core::tables::{ActorRow, SessionMethod, SessionRow, SessionUseRow};

use super::{Proved, password};
use crate::app::{App, AppError, Caller, Credential};
use crate::fault::Fault;
use crate::secret::Secret;
use crate::store::Snapshot;
use crate::{ids, values};

/// Most sessions of one person; the oldest goes for the newest.
const MOST: usize = 20;
/// How exactly it is noted when a session was used, in seconds.
const NOTED: i64 = 60;
/// Rows that are tidied up at a login.
const TIDIED: i64 = 200;
/// Longest name of a browser that is kept.
const BROWSER: usize = 200;

/// A person who is logged in, at one request.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Who, with his roles now.
    pub caller: Caller,
    /// His session.
    pub session: Digest,
    /// What his forms must carry.
    pub csrf: Secret,
}

/// A session as its person sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Digest of its secret: names it, and opens nothing.
    pub id: Digest,
    /// When he logged in.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub used_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// How he proved who he is.
    pub method: SessionMethod,
    /// What the browser calls itself.
    pub browser: String,
}

fn random_text() -> Result<String, Fault> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(ids::random::<32>()?))
}

fn keys(sessions: impl Iterator<Item = Digest>) -> Vec<Key> {
    let both = |id: Digest| [SessionRow::TABLE, SessionUseRow::TABLE].map(|table| Key { table, values: values![id] });
    sessions.flat_map(both).collect()
}

impl App {
    /// Begins a session for somebody who has just proved who he is, and ends the one that his browser had. Gives the cookie's secret.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn begin_session(&self, proved: &Proved, method: SessionMethod, browser: &str, before: Option<&Secret>) -> Result<Secret, AppError> {
        let secret = Secret::new(random_text()?);
        let now = self.now();
        let id = Digest::of(secret.expose().as_bytes());
        let row = SessionRow {
            session_id: id,
            actor_id: proved.actor.clone(),
            created_at: now,
            expires_at: now.plus_seconds(self.inner.logins.config().session_seconds()),
            csrf: random_text()?,
            method,
            epoch: proved.epoch,
            made_by: proved.made_by.clone(),
            browser: browser.chars().filter(|letter| !letter.is_control()).take(BROWSER).collect(),
        };
        let snapshot = self.inner.store.read().await?;
        let own = snapshot.rows::<SessionRow>("WHERE actor_id = $1 ORDER BY created_at DESC, session_id", &values![proved.actor]).await?;
        let over = snapshot.rows::<SessionRow>("WHERE expires_at <= $1 LIMIT $2", &values![now, TIDIED]).await?;
        drop(snapshot);
        let too_many = own.into_iter().skip(MOST - 1).chain(over).map(|row| row.session_id);
        let replaced = before.map(|secret| Digest::of(secret.expose().as_bytes()));
        let scratch = self.inner.store.scratch();
        scratch.remove(keys(too_many.chain(replaced))).await?;
        scratch.put(&[SessionUseRow { session_id: id, used_at: now }]).await?;
        scratch.put(&[row]).await?;
        Ok(secret)
    }

    /// Who has this session; nobody when it is over.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn session(&self, secret: &Secret) -> Result<Option<LoggedIn>, AppError> {
        let now = self.now();
        let id = Digest::of(secret.expose().as_bytes());
        let snapshot = self.inner.store.read().await?;
        let Some(row) = snapshot.get::<SessionRow>(values![id]).await? else { return Ok(None) };
        let used_at = snapshot.get::<SessionUseRow>(values![id]).await?.map_or(row.created_at, |row| row.used_at);
        if row.expires_at <= now || used_at.plus_seconds(self.inner.logins.config().idle_seconds()) <= now {
            return Ok(None);
        }
        let actor = snapshot.get::<ActorRow>(values![row.actor_id]).await?.filter(|actor| actor.active && actor.kind == ActorKind::Person);
        let Some(actor) = actor else { return Ok(None) };
        if password::epoch(&snapshot, &row.actor_id).await? != row.epoch {
            return Ok(None);
        }
        let (caller, _) = self.caller_in(&snapshot, actor, Door::Pages, Credential::Session(id), row.made_by.clone()).await?;
        drop(snapshot);
        if used_at.plus_seconds(NOTED) <= now {
            self.inner.store.scratch().put(&[SessionUseRow { session_id: id, used_at: now }]).await?;
        }
        Ok(Some(LoggedIn { caller, session: id, csrf: Secret::new(row.csrf) }))
    }

    /// Under `--no-auth`, the session that everybody has; nothing otherwise.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn session_of_anyone(&self) -> Result<Option<LoggedIn>, AppError> {
        if !self.inner.no_auth {
            return Ok(None);
        }
        let caller = Caller { actor: self.anyone().await?, door: Door::Pages, credential: Credential::None, made_by: Vec::new(), limits: None };
        Ok(Some(LoggedIn { caller, session: Digest::of(b"no session"), csrf: self.inner.logins.csrf.clone() }))
    }

    /// Whether nobody is asked who they are.
    pub fn is_open(&self) -> bool {
        self.inner.no_auth
    }

    /// The sessions of a person, newest first, without those that are over.
    ///
    /// # Errors
    /// `access_denied` for a pipeline or service; [`AppError::Fault`].
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SessionView>, AppError> {
        check_person(caller)?;
        let snapshot = self.inner.store.read().await?;
        let epoch = password::epoch(&snapshot, &caller.actor.id).await?;
        let rows = sessions_of(&snapshot, &caller.actor.id).await?;
        let (now, idle) = (self.now(), self.inner.logins.config().idle_seconds());
        let mut views = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| row.epoch == epoch && row.expires_at > now) {
            let used_at = snapshot.get::<SessionUseRow>(values![row.session_id]).await?.map_or(row.created_at, |row| row.used_at);
            if used_at.plus_seconds(idle) > now {
                let SessionRow { session_id: id, created_at, expires_at, method, browser, .. } = row;
                views.push(SessionView { id, created_at, used_at, expires_at, method, browser });
            }
        }
        Ok(views)
    }

    /// Ends one session of a person, or all of them. Gives how many it ended.
    ///
    /// # Errors
    /// `not_found` for a session that he does not have; `access_denied` for a pipeline or service.
    pub async fn end_sessions(&self, caller: &Caller, one: Option<&Digest>) -> Result<usize, AppError> {
        check_person(caller)?;
        let rows = sessions_of(&self.inner.store.read().await?, &caller.actor.id).await?;
        let ended: Vec<Digest> = rows.into_iter().map(|row| row.session_id).filter(|id| one.is_none_or(|one| one == id)).collect();
        if let (Some(one), true) = (one, ended.is_empty()) {
            return Err(Refusal::not_found("session", &one.to_string()).into());
        }
        self.inner.store.scratch().remove(keys(ended.iter().copied())).await?;
        Ok(ended.len())
    }

    /// Deletes the rows of sessions that are over already.
    pub(in crate::app) async fn forget_sessions(&self, actor: &ActorId) -> Result<(), AppError> {
        let rows = sessions_of(&self.inner.store.read().await?, actor).await?;
        Ok(self.inner.store.scratch().remove(keys(rows.into_iter().map(|row| row.session_id))).await?)
    }
}

async fn sessions_of(snapshot: &Snapshot, actor: &ActorId) -> Result<Vec<SessionRow>, Fault> {
    snapshot.rows::<SessionRow>("WHERE actor_id = $1 ORDER BY created_at DESC, session_id LIMIT 100", &values![*actor]).await
}

fn check_person(caller: &Caller) -> Result<(), Refusal> {
    match caller.actor.kind {
        ActorKind::Person => Ok(()),
        ActorKind::Pipeline | ActorKind::Service => {
            Err(Refusal::new(Code::AccessDenied, &format!("a {} has no sessions: they are for people who use the pages", caller.actor.kind)))
        }
    }
}
