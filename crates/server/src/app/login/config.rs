//! How the operator set up logins.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Section `[login]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginConfig {
    /// Minutes after which a session that is not used ends.
    pub idle_minutes: u32,
    /// Hours after which a session ends, used or not.
    pub session_hours: u32,
    /// Identity provider: its issuer URL, exactly as its tokens say it. None: passwords only.
    pub issuer: Option<String>,
    /// Client id that the provider gave.
    pub client_id: String,
    /// File with the client secret; none for a public client.
    pub client_secret_file: Option<PathBuf>,
    /// Scopes to ask for.
    pub scopes: String,
    /// Claim with the groups of a person.
    pub groups_claim: String,
    /// Claim from which the name of a new account is made.
    pub name_claim: String,
    /// Whether somebody whose group is mapped gets an account at his first login.
    pub create: bool,
    /// What the button says.
    pub label: String,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            idle_minutes: 30,
            session_hours: 12,
            issuer: None,
            client_id: String::new(),
            client_secret_file: None,
            scopes: "openid profile".to_owned(),
            groups_claim: "groups".to_owned(),
            name_claim: "preferred_username".to_owned(),
            create: false,
            label: "Log in with your organisation".to_owned(),
        }
    }
}

impl LoginConfig {
    /// Seconds after which a session that is not used ends.
    pub fn idle_seconds(&self) -> i64 {
        i64::from(self.idle_minutes.clamp(1, 24 * 60)) * 60
    }

    /// Seconds after which a session ends.
    pub fn session_seconds(&self) -> i64 {
        i64::from(self.session_hours.clamp(1, 7 * 24)) * 3_600
    }
}

/// How browsers reach the pages.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// The external base URL, such as `https://registry.example.org`. Without it pages answer only to addresses and to `localhost`.
    pub public_url: Option<String>,
    /// Whether this server itself speaks TLS.
    pub tls: bool,
}

impl WebConfig {
    /// Whether browsers come by https, so that cookies must not travel otherwise.
    pub fn is_secure(&self) -> bool {
        self.tls || self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}
