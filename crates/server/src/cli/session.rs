//! What every command that talks to the server gets.

use serde_json::Value;

use super::client::{Answer, Client};
use super::connection::Connection;
use super::failure::Failure;
use super::output::{Format, Output};
use super::reference::Reference;

/// A client and a place for results.
#[derive(Clone, Debug)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// Where results go.
    pub output: Output,
}

/// A version that the server resolved: its view, and the name and number that paths need.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Name of the model.
    pub name: String,
    /// Number of the version.
    pub number: String,
    /// The server's VersionView.
    pub view: Answer,
}

impl Session {
    /// Prepares the client; nothing is sent yet.
    ///
    /// # Errors
    /// A malformed address, or a token file that cannot be read.
    pub fn open(connection: &Connection, format: Format) -> Result<Self, Failure> {
        Ok(Self { client: Client::open(connection)?, output: Output::new(format) })
    }

    /// The view of the version that a reference means.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn resolve(&self, reference: &Reference) -> Result<Resolved, Failure> {
        let view = self.client.get(reference.url(&self.client)).await?;
        let name = member(&view.value, "/model/name")?;
        let number = member(&view.value, "/number")?;
        Ok(Resolved { name, number, view })
    }

    /// Name and number of the version that a reference means; asks the server only when the reference does not say.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn locate(&self, reference: &Reference) -> Result<(String, String), Failure> {
        match reference {
            Reference::Numbered { name, number } => Ok((name.clone(), number.to_string())),
            Reference::Other(_) => self.resolve(reference).await.map(|found| (found.name, found.number)),
        }
    }
}

impl Resolved {
    /// `name/number`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.name, self.number)
    }
}

/// A text or number that the answer must have.
///
/// # Errors
/// The server speaks another version of the contract.
pub fn member(value: &Value, pointer: &str) -> Result<String, Failure> {
    match value.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            Err(Failure::Network(format!("the answer has no `{}`; does the server have the same version as this program?", pointer.trim_start_matches('/'))))
        }
    }
}
