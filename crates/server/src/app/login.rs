//! How people log in: passwords, sessions, and the organisation's identity provider.
//!
//! INVARIANT: a failed login answers the same, and costs the same, whether there is such an account or not.
//! INVARIANT: nobody makes an account for himself: one is made by an administrator, or from a group that an administrator mapped.

mod attempts;
pub mod config;
pub mod oidc;
pub mod password;
pub mod session;

pub use attempts::Origin;
pub use config::{LoginConfig, WebConfig};
pub use session::{LoggedIn, SessionView};

use chancery_core::access_log::{AccessKind, Whence};
use chancery_core::names::{ActorId, Timestamp, TokenId};
use chancery_core::refusal::{Code, Refusal};

use super::{App, AppError};
use crate::secret::Secret;

/// What a login with a password and the like need while the server runs.
#[derive(Debug)]
pub(super) struct Logins {
    config: LoginConfig,
    hashing: password::Hashing,
    attempts: attempts::Attempts,
    provider: Option<oidc::Provider>,
    /// What forms carry under `--no-auth`, where nobody has a session.
    csrf: Secret,
}

impl Logins {
    /// Prepares what logins need.
    ///
    /// # Errors
    /// [`crate::fault::Fault::Config`] for a provider that is configured by halves.
    pub(super) fn new(config: LoginConfig, web: &WebConfig) -> Result<Self, crate::fault::Fault> {
        let provider = oidc::Provider::of(&config, web)?;
        Ok(Self {
            provider,
            config,
            hashing: password::Hashing::new()?,
            attempts: attempts::Attempts::default(),
            csrf: Secret::new(hex::encode(crate::ids::random::<32>()?)),
        })
    }

    /// How the operator set up logins.
    pub(super) fn config(&self) -> &LoginConfig {
        &self.config
    }
}

/// Somebody who has just proved who he is.
#[derive(Clone, Debug)]
pub struct Proved {
    /// Who.
    pub actor: ActorId,
    /// The epoch at which he did: what he gets ends when it moves.
    pub epoch: u64,
    /// Others who made what he proved it with; they speak as well.
    pub made_by: Vec<ActorId>,
}

/// A token that a login gave.
#[derive(Debug)]
pub struct LoginToken {
    /// Identifier.
    pub id: TokenId,
    /// The secret; shown once.
    pub secret: Secret,
    /// Until when it works.
    pub expires_at: Timestamp,
}

impl App {
    /// Writes down that somebody logged in, by what.
    ///
    /// # Errors
    /// [`AppError::Fault`]: then nobody is logged in.
    pub(super) async fn log_login(&self, proved: &Proved, how: &str, origin: &Origin) -> Result<(), AppError> {
        Ok(self.log_access(AccessKind::Login, Some(&proved.actor), how, &origin.whence).await?)
    }

    /// Writes down that a login failed, with the name that was claimed.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub(super) async fn log_failed_login(&self, claimed: &str, how: &str, origin: &Origin) -> Result<(), AppError> {
        let claimed = Some(claimed.chars().filter(|letter| !letter.is_control()).take(100).collect());
        Ok(self.log_access(AccessKind::LoginFailed, None, how, &Whence { claimed, ..origin.whence.clone() }).await?)
    }
}

/// The one answer to every login that fails.
pub(super) fn wrong() -> Refusal {
    Refusal::new(Code::Unauthenticated, "the name or the password is wrong, or this account does not log in with a password")
        .remedy("try again, or ask an administrator to reset the password")
}
