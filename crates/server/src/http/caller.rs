//! The caller of a request, and what he is allowed: an extractor that a handler cannot forget.
//!
//! [`Allowed<P>`] authenticates the request and checks the action of `P` before the handler runs; it is the only way from a
//! request to [`App`]. So a handler without an authorisation has no application to call.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use chancery_core::Command;
use chancery_core::access::Action;
use chancery_core::access_log::{AccessKind, Whence};
use chancery_core::entry::Door;
use chancery_core::names::{Digest, ModelId, ModelName, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use serde::Serialize;

use super::extract::Requested;
use super::transport::Arrival;
use crate::app::current::{Answer, Question};
use crate::app::lineage::{Shown, Unreadable};
use crate::app::login::Origin;
use crate::app::rates::Wait;
use crate::app::{App, AppError, Caller, Options, Presented, Reading, Receipt, view};
use crate::ids;
use crate::secret::Secret;
use crate::store::Snapshot;

/// An action as a type.
pub trait Permit {
    /// The action that the caller must be allowed.
    const ACTION: Action;
}

macro_rules! permits {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;
        impl Permit for $name {
            const ACTION: Action = Action::$name;
        })+
    };
}

permits!(
    /// Read models, versions, evidence, promotions, decisions, history.
    Read,
    /// Read whole entries.
    ReadEntries,
    /// Upload bytes.
    Upload,
    /// Create or change a model.
    EditModel,
    /// Rename or hide a model.
    ManageModel,
    /// Change a risk tier.
    SetRiskTier,
    /// Register, describe, tag, add evidence, record a check.
    Register,
    /// Set or remove an alias.
    SetAlias,
    /// Open, refresh or cancel a promotion.
    AskPromotion,
    /// Give or withdraw a verdict.
    Review,
    /// Comment on a promotion.
    Comment,
    /// Execute a promotion.
    Execute,
    /// Demote, deprecate or reinstate a version.
    Demote,
    /// Hide or retire a version.
    Retire,
    /// Roll back.
    Rollback,
    /// Manage actors and tokens.
    ManageActors,
    /// Register or remove public keys of one's own.
    ManageOwnKeys,
    /// Change settings.
    ManageSettings,
    /// Give a model a policy mode of its own.
    SetPolicyMode,
    /// Ask for a waiver of a rule.
    RequestException,
    /// Grant, refuse or revoke a waiver, in a role that the policy names.
    GrantException,
    /// Release in an emergency what only waivable rules hold back.
    BreakGlass,
    /// Let somebody stand in for one's own role of approval.
    Delegate,
    /// Add or change risks of the register.
    ManageRisks,
    /// Schedule a review, or say that it is done.
    ScheduleReview,
    /// Install, activate or withdraw a policy bundle.
    ManagePolicy,
    /// Add or approve a template of a document.
    ManageTemplates,
    /// Run the scheduled checks now.
    RunChecks,
    /// Put a version on the list of those that lost their attestation.
    RevokeAttestation,
    /// Change one's own password, sessions and tokens.
    ManageOwnAccount,
    /// Create, change or dissolve a team, add or remove members.
    ManageTeams,
    /// Propose or accept that another team owns a model.
    TransferModel,
    /// Erase a person.
    ErasePerson,
    /// Install, activate or withdraw access policies.
    ManageAccess,
    /// Read the access log.
    ReadAccessLog,
);

/// A caller whom a page knows by the session of his browser. Nothing but a page makes one, and for reading alone.
#[derive(Clone, Debug)]
pub(super) struct ByPage(pub(super) Caller);

/// A caller who was allowed the action of `P`, with the application.
#[derive(Clone, Debug)]
pub struct Allowed<P: Permit> {
    /// The application.
    pub app: App,
    /// Who calls.
    pub caller: Caller,
    permit: Reading,
    whence: Whence,
    action: PhantomData<P>,
}

impl<P: Permit> Allowed<P> {
    /// Authenticates a request that came through `door`, and checks the action.
    ///
    /// # Errors
    /// `unauthenticated`; `access_denied`, which is recorded.
    pub async fn at(door: Door, parts: &Parts, app: &App) -> Result<Self, AppError> {
        if let Some(ByPage(caller)) = parts.extensions.get::<ByPage>() {
            return Self::to(caller.clone(), super::whence::of(parts), app).await;
        }
        let caller = app.authenticate(presented(parts), &origin(parts), door).await?;
        app.rates().actor(&caller.actor.id).map_err(too_many)?;
        app.note_use(&caller, parts.extensions.get::<Arrival>().map(|arrival| arrival.address)).await;
        Self::to(caller, super::whence::of(parts), app).await
    }

    /// Checks the action for a caller who has proved who he is in another way.
    ///
    /// # Errors
    /// `access_denied`, which is recorded.
    pub(super) async fn to(caller: Caller, whence: Whence, app: &App) -> Result<Self, AppError> {
        app.rates().actor(&caller.actor.id).map_err(too_many)?;
        let permit = app.allow(&caller, P::ACTION).await?;
        Ok(Self { app: app.clone(), caller, permit, whence, action: PhantomData })
    }

    /// A consistent read of what this caller may see: models that he may not read are not there.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn read(&self) -> Result<Snapshot, AppError> {
        self.app.read(&self.permit, &self.caller).await
    }

    /// Adds a line to the access log, before what it is about is handed out.
    ///
    /// # Errors
    /// [`AppError::Fault`] when the log takes no line.
    pub async fn log(&self, kind: AccessKind, what: &str) -> Result<(), AppError> {
        Ok(self.app.log_access(kind, Some(&self.caller.actor.id), what, &self.whence).await?)
    }

    /// The kept answer to a question.
    pub fn kept(&self, question: &Question) -> Option<Answer> {
        self.app.kept(&self.permit, &self.caller, question)
    }

    /// The model of which `name/number` is a version, for ever.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn model_of_version(&self, name: &ModelName, number: VersionNumber) -> Result<ModelId, AppError> {
        self.app.model_of_version(&self.permit, &self.caller, name, number).await
    }

    /// A view of a version without what it says of versions behind it that the caller may not read.
    ///
    /// # Errors
    /// `not_found`; a fault.
    pub async fn shown<T: Serialize>(&self, name: &ModelName, numbers: &[VersionNumber], view: T) -> Result<Shown<T>, AppError> {
        let snapshot = self.read().await?;
        let mut unreadable = Unreadable::default();
        if snapshot.is_limited() {
            for number in numbers {
                let (_, version) = view::version_named(&snapshot, name, *number).await?;
                unreadable = unreadable.and(Unreadable::behind(&snapshot, &version).await?);
            }
        }
        unreadable.shown(view)
    }

    /// Executes a command as this caller.
    ///
    /// # Errors
    /// The refusal, or a fault.
    pub async fn execute(&self, command: impl Into<Command>, requested: &Requested) -> Result<Receipt, AppError> {
        let authorized = self.app.allow_command(&self.caller, command).await?;
        self.app.execute(authorized, &self.options(requested)).await
    }

    /// What goes with a command of this request.
    pub fn options(&self, requested: &Requested) -> Options {
        let key = |text: &String| Digest::of(format!("{}\n{text}", self.caller.actor.id).as_bytes());
        Options { request: requested.key.as_ref().map(|text| (key(text), requested.body)), ..Options::of(&self.caller) }
    }
}

impl<P: Permit> FromRequestParts<App> for Allowed<P> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, AppError> {
        Self::at(Door::Api, parts, app).await
    }
}

/// A caller who calls too often.
fn too_many(wait: Wait) -> AppError {
    let refusal = Refusal::new(Code::RateLimited, "you send more requests than the server takes");
    refusal.remedy(&format!("try again in {} s, and send fewer", wait.seconds)).into()
}

/// What `Authorization` presents: a token, also as the password of basic authentication, or a name and a password.
fn presented(parts: &Parts) -> Option<Presented> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Presented::Token(Secret::new(value.trim().to_owned())));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (name, password) = text.split_once(':')?;
        let password = Secret::new(password.to_owned());
        // No password begins like a token, so a token that ran out is never tried as one.
        return Some(if ids::is_token(password.expose()) { Presented::Token(password) } else { Presented::Password(name.to_owned(), password) });
    }
    None
}

/// Where a request comes from: the other end of its connection, or what a proxy that the operator trusts says about it. From anybody else
/// headers such as `X-Forwarded-For` are what anybody writes, and say nothing.
pub(super) fn origin(parts: &Parts) -> Origin {
    Origin { address: parts.extensions.get::<Arrival>().map(|arrival| arrival.address), whence: super::whence::of(parts) }
}
