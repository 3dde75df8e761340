//! The sidecar of an upload: what was declared, by whom, and how far it got. It makes uploads survive a restart.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};

use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::Refusal;
use serde::{Deserialize, Serialize};

use super::fault::{At, BlobFault};
use super::receive::Declared;
use super::{Root, Stored, place};

/// Identifier of an upload: `up` and 32 lower case hexadecimal digits. It names files, so nothing else is accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// Parses an identifier that a caller sent; the refusal does not repeat it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        match text.strip_prefix("up") {
            Some(digits) if digits.len() == 32 && digits.bytes().all(hexadecimal) => Ok(Self(text.to_owned())),
            Some(_) | None => Err(Refusal::invalid("upload", "an upload identifier must be `up` and 32 lower case hexadecimal digits")),
        }
    }

    /// Takes 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("up{}", hex::encode(bytes)))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The stored format, by version.
#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Format {
    #[serde(rename = "1")]
    V1(Sidecar),
}

/// What is known of an upload besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sidecar {
    size: Option<u64>,
    digest: Option<Digest>,
    pub(super) actor: ActorId,
    created_micros: i64,
    pub(super) stage: Stage,
}

/// How far an upload got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Bytes may come.
    Receiving,
    /// All bytes are durable and checked; what is left is the rename to their address, or nothing.
    Sealed { digest: Digest, size: u64 },
}

impl Sidecar {
    pub(super) fn new(declared: &Declared, actor: ActorId, created: Timestamp) -> Self {
        Self { size: declared.size, digest: declared.digest, actor, created_micros: created.micros(), stage: Stage::Receiving }
    }

    pub(super) fn sealed(self, stored: Stored) -> Self {
        Self { stage: Stage::Sealed { digest: stored.digest, size: stored.size }, ..self }
    }

    pub(super) fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created_micros)
    }

    /// What was declared, under the limit of today.
    pub(super) fn declared(&self, limit: u64) -> Declared {
        Declared { size: self.size, digest: self.digest, limit }
    }
}

/// What is at the place of a sidecar.
pub(super) enum Found {
    Sidecar(Sidecar),
    /// A file that is not a sidecar of a known version.
    Unreadable,
    Nothing,
}

/// Writes the sidecar durably. A crash meanwhile leaves the old one or the new one, never a part.
pub(super) fn write(root: &Root, id: &UploadId, sidecar: &Sidecar) -> Result<(), BlobFault> {
    let (path, temporary) = (root.sidecar(id), root.incoming().join(format!("{id}.json.new")));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(&Format::V1(sidecar.clone()))?)?;
        file.sync_data()?;
        fs::rename(&temporary, &path)
    };
    if let Err(error) = write() {
        // An error of this leaves a file that the next start removes.
        let _ = place::remove(&temporary);
        return Err(error).at("write", &path);
    }
    place::sync_folder(&root.incoming())
}

/// Reads the sidecar of an upload.
pub(super) fn read(root: &Root, id: &UploadId) -> Result<Found, BlobFault> {
    let path = root.sidecar(id);
    match fs::read(&path) {
        Ok(bytes) => Ok(match serde_json::from_slice(&bytes) {
            Ok(Format::V1(sidecar)) => Found::Sidecar(sidecar),
            Err(_) => Found::Unreadable,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error).at("read", &path),
    }
}
