//! Pipelines log in without a stored secret: a run shows the token that its CI system made for it, and gets a token of its own for a quarter
//! of an hour.
//!
//! INVARIANT: a token is verified with the keys and algorithms of the issuer that the operator configured, before any claim is read.
//! INVARIANT: a token is exchanged once; that is decided where entries are made, so also between servers.

mod config;
mod recognise;

use chancery_core::access::Limits;
use chancery_core::access_log::{AccessKind, Whence};
use chancery_core::actor;
use chancery_core::actor::token::{Issue, Issuer as IssuedBy, Run};
use chancery_core::entry::{Door, PrivateText};
use chancery_core::identity::{self, RunFacts, Shape};
use chancery_core::names::{ActorId, Digest, Label, Timestamp, TokenId};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{PrivateRow, TokenRow};
use serde::Serialize;
use utoipa::ToSchema;

pub use config::WorkloadIssuer;
pub use recognise::{Fit, Tried, held, rules, try_claims};

use super::execute::Receipt;
use super::jwks::Issuer;
use super::jwt;
use super::sequence::{Answer, Job, Speaks, Work};
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, token, values};

/// How long the token of a run is valid, in seconds.
pub const RUN_TOKEN_SECONDS: i64 = 15 * 60;

/// The issuers that the operator configured.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    all: Vec<(WorkloadIssuer, Issuer)>,
}

impl Issuers {
    pub(super) fn open(configured: &[WorkloadIssuer]) -> Result<Self, Fault> {
        let mut all: Vec<(WorkloadIssuer, Issuer)> = Vec::with_capacity(configured.len());
        for config in configured {
            if all.iter().any(|(known, _)| known.issuer == config.issuer) {
                return Err(Fault::Config(format!("workload_issuer `{}` is there twice", config.issuer)));
            }
            all.push((config.clone(), config.open()?));
        }
        Ok(Self { all })
    }

    /// The issuer with this very name.
    fn named(&self, name: &str) -> Option<&(WorkloadIssuer, Issuer)> {
        self.all.iter().find(|(config, _)| config.issuer.as_bytes() == name.as_bytes())
    }
}

/// What a run gets for its token.
#[derive(Debug)]
pub struct Exchanged {
    /// The entries.
    pub receipt: Receipt,
    /// Id of the new token.
    pub token: TokenId,
    /// Its secret.
    pub secret: String,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// The pipeline.
    pub actor: ActorId,
}

/// A pipeline run, as far as its token said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PipelineRunView {
    /// Id of the token that the run was given.
    pub token: String,
    /// Id of the workload identity that it was recognised by; null for a token that somebody keeps.
    pub identity: Option<String>,
    /// `iss` of the run's own token; null, like all below, when it was erased or the token did not say.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: Option<String>,
    /// Address of the run.
    pub run_url: Option<String>,
    /// Commit that it ran on.
    pub commit: Option<String>,
    /// Workflow, at its ref.
    pub workflow: Option<String>,
    /// Ref that it ran on.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Who started it, as the issuer calls him.
    pub started_by: Option<String>,
}

/// Most characters of a claimed issuer in the access log.
const LOGGED_ISSUER: usize = 200;

pub(super) fn unknown() -> AppError {
    Refusal::new(Code::Unauthenticated, "no registered identity fits the token")
        .remedy("ask an administrator to look with `chancery pipeline identity test`")
        .into()
}

impl App {
    /// Exchanges the token of a CI system for one of the pipeline that it belongs to.
    ///
    /// `pipeline` is needed only when the identities of several pipelines fit.
    ///
    /// An exchange is a line of the access log, as a login is. What is refused is one too, with the issuer that the token claims and the
    /// reason. An address makes few of them: the route is one of those that may be called seldom ([`crate::http::COSTLY`]).
    ///
    /// # Errors
    /// `unauthenticated`: the token is refused, fits no identity, or was exchanged before.
    pub async fn exchange(&self, presented: &str, pipeline: Option<&Label>, whence: &Whence) -> Result<Exchanged, AppError> {
        self.check_writable()?;
        let outcome = self.exchanged(presented, pipeline).await;
        if let Ok(made) = &outcome {
            self.log_access(AccessKind::Login, Some(&made.actor), "token exchange", whence).await?;
        }
        if let Err(AppError::Refused(refusal, _)) = &outcome {
            let issuer = jwt::claimed_issuer(presented).ok();
            let claimed = issuer.map(|issuer| issuer.chars().filter(|letter| !letter.is_control()).take(LOGGED_ISSUER).collect());
            let whence = Whence { claimed, ..whence.clone() };
            self.log_access(AccessKind::LoginFailed, None, &format!("token exchange: {}", refusal.message), &whence).await?;
        }
        outcome
    }

    async fn exchanged(&self, presented: &str, pipeline: Option<&Label>) -> Result<Exchanged, AppError> {
        let now = self.now();
        let (shape, claims) = self.verified(presented, now).await?;
        let row = self.recognise(shape, &claims, pipeline).await?;
        let facts = identity::facts(shape, &claims.issuer, &claims.subject, &claims.all);
        let text = serde_json::to_string(&facts).map_err(|error| Fault::database("write the facts of a run", error))?;
        let run = Run { identity: row.identity_id, presented: claims.identity, facts: PrivateText::new("facts", &text, ids::random()?)? };
        let (id, secret) = (ids::token()?, token::secret()?);
        let issue = Issue {
            token: id.clone(),
            actor: row.actor_id.clone(),
            secret: Digest::of(secret.as_bytes()),
            expires_at: now.plus_seconds(RUN_TOKEN_SECONDS),
            limits: Limits::default(),
            by: IssuedBy::Run(Box::new(run)),
        };
        let command = actor::Command::IssueToken(Box::new(issue));
        let work = Work::Command { command: Box::new(command.into()), noted: Vec::new(), evaluated_at: None };
        let job = Job { actor: row.actor_id.clone(), door: Door::Api, request: None, speaks: Speaks::default(), work };
        match self.sequencer().submit(job).await? {
            Answer::Done(receipt) => Ok(Exchanged { receipt, token: id, secret, expires_at: now.plus_seconds(RUN_TOKEN_SECONDS), actor: row.actor_id }),
            Answer::Stale => Err(super::execute::contended().into()),
            Answer::Refused(refusal, _) => Err(refusal.into()),
        }
    }

    /// Verifies a token of a configured issuer.
    async fn verified(&self, presented: &str, now: Timestamp) -> Result<(Shape, jwt::Claims), AppError> {
        let refused = |refusal: jwt::JwtRefusal| {
            let refusal = Refusal::new(Code::Unauthenticated, &refusal.to_string()).field("subject_token");
            AppError::from(refusal.remedy("send the token that the issuer made for this run, for the audience of this registry"))
        };
        let claimed = jwt::claimed_issuer(presented).map_err(refused)?;
        let (config, issuer) = self.inner.workload.named(&claimed).ok_or_else(|| refused(jwt::JwtRefusal::Issuer))?;
        let claims = issuer.verify(presented, &config.audience, now).await.map_err(refused)?;
        Ok((config.shape, claims))
    }

    /// The issuers that the operator configured.
    pub fn workload_issuers(&self) -> impl Iterator<Item = &WorkloadIssuer> {
        self.inner.workload.all.iter().map(|(config, _)| config)
    }

    /// Shape and audience of a configured issuer, for an identity that is to be registered.
    ///
    /// # Errors
    /// `invalid_field` of `issuer`, with the issuers that there are.
    pub fn workload_issuer(&self, name: &str) -> Result<(Shape, String), Refusal> {
        let known = || self.inner.workload.all.iter().map(|(config, _)| format!("`{}`", config.issuer)).collect::<Vec<_>>().join(", ");
        self.inner.workload.named(name).map(|(config, _)| (config.shape, config.audience.clone())).ok_or_else(|| {
            let known = known();
            let known = if known.is_empty() { "none".to_owned() } else { known };
            Refusal::invalid("issuer", &format!("the operator configured no such issuer; there is {known}"))
                .remedy("add a `[[workload_issuer]]` to the configuration of the server, byte for byte as the tokens say it")
        })
    }
}

/// What a token's run said of itself.
///
/// # Errors
/// A fault.
pub async fn run_facts(snapshot: &Snapshot, token: &TokenId) -> Result<Option<(TokenRow, Option<RunFacts>)>, AppError> {
    let Some(row) = snapshot.get::<TokenRow>(values![*token]).await? else { return Ok(None) };
    let text = match row.run {
        Some(digest) => snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text),
        None => None,
    };
    // A text that was erased is no JSON.
    Ok(Some((row, text.and_then(|text| serde_json::from_str(&text).ok()))))
}

/// A run as views show it.
///
/// # Errors
/// A fault.
pub async fn run_view(snapshot: &Snapshot, token: Option<&TokenId>) -> Result<Option<PipelineRunView>, AppError> {
    let Some(token) = token else { return Ok(None) };
    let Some((row, facts)) = run_facts(snapshot, token).await? else { return Ok(None) };
    let facts = facts.unwrap_or_default();
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Some(PipelineRunView {
        token: token.to_string(),
        identity: row.identity.map(|id| id.to_string()),
        issuer: said(facts.issuer),
        subject: said(facts.subject),
        run_url: facts.run_url,
        commit: facts.commit,
        workflow: facts.workflow,
        reference: facts.r#ref,
        started_by: facts.actor,
    }))
}
