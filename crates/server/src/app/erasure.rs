//! Erases a person: finds what the person wrote, has the vault forget it under an entry, and says which signed records still name the person.
//!
//! The access log goes first and needs no entry: a crash between it and the entry leaves a person who is there and whose addresses are
//! not; whoever repeats the call erases the rest.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::access_log::AccessKind;
use chancery_core::entry::{Entry, Subject};
use chancery_core::erasure::Command;
use chancery_core::names::{ActorId, Digest, ModelId, VersionNumber};
use chancery_core::rows::{Key, Row as _};
use chancery_core::tables::{AccessLogRow, DirectoryRow, EntryRow, PayloadRow, PrivateRow, TokenUseRow};
use chancery_core::{Event, actor, promotion};
use serde_json::Value;

use super::access::Caller;
use super::execute::{Options, Receipt};
use super::{App, AppError, origins, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Entries that are read at once.
const PAGE: u64 = 1_000;
/// Lines of the access log that are changed at once.
const LINES: i64 = 500;
/// Members of an entry's data that name private texts by digest; a test of the core sees to it that there are no others.
const PRIVATE: [&str; 4] = ["comment", "note", "reason", "text"];

/// A signed record that names the person, as long as its version is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// `decision` or `approval`.
    pub kind: &'static str,
    /// Digest of its envelope.
    pub digest: Digest,
    /// Entry that recorded it.
    pub index: u64,
    /// The version.
    pub version: Option<(ModelId, VersionNumber)>,
}

/// What an erasure did.
#[derive(Clone, Debug)]
pub struct Erased {
    /// Its entries.
    pub receipt: Receipt,
    /// Private texts that were taken away.
    pub texts: usize,
    /// Lines of the access log whose address, program and claimed name were taken away.
    pub lines: u64,
    /// What still names the person.
    pub remaining: Vec<Remaining>,
}

/// What the entries say about a person.
#[derive(Default)]
struct Found {
    texts: Vec<Digest>,
    identities: Vec<Digest>,
    remaining: Vec<Remaining>,
}

impl App {
    /// Erases a person whose access ended.
    ///
    /// # Errors
    /// `transition_refused` for a person who has access, `already_exists` for one who is erased; a fault.
    pub async fn erase_person(&self, caller: &Caller, actor: &ActorId, options: &Options) -> Result<Erased, AppError> {
        // Refused before anything is looked for, and before the access log is touched.
        let check = self.allow_command(caller, Command::Erase { actor: actor.clone(), texts: Vec::new(), identities: Vec::new() }).await?;
        self.check_erasable(caller, actor).await?;
        drop(check);
        let found = self.written_by(actor).await?;
        let lines = self.forget_lines(actor).await?;
        // They say which browser it was.
        self.forget_sessions(actor).await?;
        self.forget_token_uses(actor).await?;
        let texts = found.texts.len();
        let command = Command::Erase { actor: actor.clone(), texts: found.texts, identities: found.identities };
        let command = self.allow_command(caller, command).await?;
        let receipt = self.execute(command, options).await?;
        self.store().forget_old_pages().await?;
        Ok(Erased { receipt, texts, lines, remaining: found.remaining })
    }

    /// What the sequencer will refuse is refused here, so that nothing is half done.
    async fn check_erasable(&self, caller: &Caller, actor: &ActorId) -> Result<(), AppError> {
        let snapshot = self.store().read().await?;
        let row = snapshot.get::<chancery_core::tables::ActorRow>(values![*actor]).await?;
        let name = origins::name(&snapshot, actor).await?;
        drop(snapshot);
        let checked = match &row {
            Some(row) => chancery_core::erasure::check(row, &name),
            None => Err(chancery_core::refusal::Refusal::not_found("actor", actor.as_str())),
        };
        match checked {
            Ok(()) => Ok(()),
            Err(refusal) => {
                let action = chancery_core::access::Action::ErasePerson.as_str();
                Err(self.refuse(caller, Subject::Actor(actor.clone()), action, refusal, None).await)
            }
        }
    }

    /// Which signed records name a person.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn signed_records_of(&self, actor: &ActorId) -> Result<Vec<Remaining>, AppError> {
        Ok(self.written_by(actor).await?.remaining)
    }

    /// Looks through every entry: for private texts that the person wrote, and for signed records that name the person.
    async fn written_by(&self, actor: &ActorId) -> Result<Found, AppError> {
        let begin = format!("{{\"actor\":\"{actor}\"");
        let about = Subject::Actor(actor.clone()).to_string();
        let (mut found, mut after) = (Found::default(), None);
        loop {
            // No read transaction outlives a page.
            let snapshot = self.store().read().await?;
            let from = after.map_or(0, |index: u64| index + 1);
            let rows = snapshot.rows::<EntryRow>("WHERE entry_index >= $1 ORDER BY entry_index LIMIT $2", &values![from, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            after = Some(last.entry_index);
            for row in &rows {
                if row.bytes.starts_with(begin.as_bytes()) {
                    texts(&snapshot, &row.bytes, &mut found.texts).await?;
                }
                if row.subject == about {
                    identity(&snapshot, row, &mut found).await?;
                }
                found.remaining.extend(remaining(&snapshot, row, actor).await?);
            }
        }
    }

    /// Takes away from where the person's tokens were used.
    async fn forget_token_uses(&self, actor: &ActorId) -> Result<(), AppError> {
        let tail = "WHERE token_id IN (SELECT token_id FROM tokens WHERE actor_id = $1)";
        let rows = self.store().read().await?.rows::<TokenUseRow>(tail, &values![*actor]).await?;
        let keys = rows.into_iter().map(|row| Key { table: TokenUseRow::TABLE, values: values![row.token_id] });
        Ok(self.store().scratch().remove(keys.collect()).await?)
    }

    /// Takes address, program and claimed name out of the person's lines, and out of failed logins that claimed the person's name.
    async fn forget_lines(&self, actor: &ActorId) -> Result<u64, AppError> {
        self.flush_access_log().await;
        let handle = self.store().read().await?.get::<DirectoryRow>(values![*actor]).await?.map(|row| row.handle.to_string());
        let mut count = 0;
        let tail = "WHERE actor = $1 AND private_text IS NOT NULL ORDER BY day, at, log_id LIMIT $2";
        loop {
            let rows = self.store().read().await?.rows::<AccessLogRow>(tail, &values![*actor, LINES]).await?;
            if rows.is_empty() {
                break;
            }
            count += self.erase_lines(rows).await?;
        }
        let Some(handle) = handle else { return Ok(count) };
        let tail = "WHERE kind = $1 AND private_text IS NOT NULL AND (day, at, log_id) > ($2, $3, $4) ORDER BY day, at, log_id LIMIT $5";
        let (mut day, mut at, mut id) = (String::new(), i64::MIN, String::new());
        loop {
            let rows = self.store().read().await?.rows::<AccessLogRow>(tail, &values![AccessKind::LoginFailed, day, at, id, LINES]).await?;
            let Some(last) = rows.last() else { return Ok(count) };
            (day, at, id) = (last.day.to_string(), last.at.micros(), last.log_id.clone());
            let claimed = |row: &AccessLogRow| row.whence().and_then(|whence| whence.claimed).is_some_and(|name| name.eq_ignore_ascii_case(&handle));
            count += self.erase_lines(rows.into_iter().filter(claimed).collect()).await?;
        }
    }

    async fn erase_lines(&self, rows: Vec<AccessLogRow>) -> Result<u64, AppError> {
        let erased: Vec<AccessLogRow> = rows.into_iter().map(AccessLogRow::erased).collect();
        self.store().scratch().put(&erased).await?;
        Ok(erased.len() as u64)
    }
}

/// The private texts that an entry names and the vault still has.
async fn texts(snapshot: &Snapshot, bytes: &[u8], found: &mut Vec<Digest>) -> Result<(), AppError> {
    let entry: Value = serde_json::from_slice(bytes).map_err(|error| Fault::database("read an entry", error))?;
    for name in PRIVATE {
        let named = entry.get("data").and_then(|data| data.get(name)).and_then(Value::as_str);
        let Some(digest) = named.and_then(|text| Digest::parse(text).ok()) else { continue };
        if !found.contains(&digest) && snapshot.get::<PrivateRow>(values![digest]).await?.is_some() {
            found.push(digest);
        }
    }
    Ok(())
}

/// Whom the person was for an identity provider, when an entry about the person says so.
async fn identity(snapshot: &Snapshot, row: &EntryRow, found: &mut Found) -> Result<(), AppError> {
    let entry = Entry::from_bytes(&row.bytes).map_err(|error| Fault::database("read an entry", error))?;
    let Event::Actor(actor::Event::LoginBound { issuer, subject }) = entry.event else { return Ok(()) };
    let Some(private) = snapshot.get::<PrivateRow>(values![subject]).await? else { return Ok(()) };
    found.identities.push(actor::binding::key(&issuer, &private.text));
    found.texts.push(subject);
    Ok(())
}

/// The signed record of an entry, when it names the person.
async fn remaining(snapshot: &Snapshot, row: &EntryRow, person: &ActorId) -> Result<Option<Remaining>, AppError> {
    // Only entries of these kinds are parsed.
    let is = |kind: &str| row.bytes.windows(kind.len()).any(|part| part == kind.as_bytes());
    if !is("\"kind\":\"approval.recorded\"") && !is("\"kind\":\"decision.recorded\"") {
        return Ok(None);
    }
    let entry = Entry::from_bytes(&row.bytes).map_err(|error| Fault::database("read an entry", error))?;
    let (kind, digest) = if let Event::Promotion(promotion::Event::ApprovalRecorded { envelope, .. }) = &entry.event {
        ("approval", *envelope)
    } else if let Event::Promotion(promotion::Event::DecisionRecorded { envelope, .. }) = &entry.event {
        ("decision", *envelope)
    } else {
        return Ok(None);
    };
    let Some(payload) = snapshot.get::<PayloadRow>(values![digest]).await? else { return Ok(None) };
    if !names(&payload.bytes, person) {
        return Ok(None);
    }
    let version = view::version_behind(snapshot, &entry.subject).await?;
    Ok(Some(Remaining { kind, digest, index: row.entry_index, version }))
}

/// Whether what an envelope signs names the actor.
fn names(envelope: &[u8], actor: &ActorId) -> bool {
    let signed = serde_json::from_slice::<Value>(envelope).ok().and_then(|value| value.get("payload")?.as_str().map(str::to_owned));
    let statement = signed.and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default();
    statement.windows(actor.as_str().len()).any(|part| part == actor.as_str().as_bytes())
}
