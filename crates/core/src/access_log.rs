//! The access log: who logged in, downloaded, exported and asked for reports (AUD-5). Its rows are no part of the record, there are too
//! many of them; the ledger holds one digest over the rows of each finished day, so that nobody takes one away later.
//!
//! INVARIANT: a day is anchored once, after it is over.
//! INVARIANT: a line names actors by id, and addresses, programs and claimed names by a salted digest. So a digest can be recomputed
//! after the names were erased.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Digest, Timestamp};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{AccessAnchorRow, AccessLogRow};

/// Longest text that says what was accessed, in characters.
pub const MAX_WHAT: usize = 500;

crate::words! {
    /// What somebody did.
    AccessKind, "kind" {
        /// Logged in.
        Login = "login",
        /// Tried to log in.
        LoginFailed = "login-failed",
        /// Took files.
        Download = "download",
        /// Took a list or the record as a file.
        Export = "export",
        /// Had a report made.
        Report = "report",
    }
}

/// A day of the calendar in UTC, such as `2026-05-03`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(String);

impl Day {
    /// The day in which a moment lies.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.to_string().chars().take_while(|letter| *letter != 'T').collect())
    }

    /// Parses `YYYY-MM-DD`.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match Timestamp::parse(&format!("{text}T00:00:00Z")) {
            Ok(moment) if Self::of(moment).0 == text => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(Refusal::invalid("day", "a day is written as in 2026-05-03")),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Day {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse(&text)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.0
    }
}

/// From where somebody came: private, so a row names it by a salted digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whence {
    /// Address of the peer of the connection.
    pub address: Option<String>,
    /// Name that was claimed and not proved: of a failed login.
    pub claimed: Option<String>,
    /// What the program calls itself.
    pub user_agent: Option<String>,
}

impl AccessLogRow {
    /// A row for what happened at `at` and is written down now. `log_id` and `salt` are random.
    ///
    /// # Errors
    /// `too_large` when what is private has more than 10,000 bytes.
    pub fn new(
        (at, written): (Timestamp, Timestamp),
        log_id: String,
        kind: AccessKind,
        actor: Option<ActorId>,
        what: &str,
        whence: &Whence,
        salt: [u8; 16],
    ) -> Result<Self, Refusal> {
        let private = PrivateText::new("whence", &serde_json::to_string(whence).unwrap_or_default(), salt)?.row();
        let what = what.chars().filter(|letter| !letter.is_control()).take(MAX_WHAT).collect();
        let (private_salt, private_text) = (Some(private.salt), Some(private.text));
        Ok(Self { day: Day::of(written), at, log_id, kind, actor, what, private_digest: private.digest, private_salt, private_text })
    }

    /// From where it came; nothing when that was erased or cannot be read.
    pub fn whence(&self) -> Option<Whence> {
        serde_json::from_str(self.private_text.as_deref()?).ok()
    }

    /// The same row without what is private; its line stays the same.
    #[must_use]
    pub fn erased(self) -> Self {
        Self { private_salt: None, private_text: None, ..self }
    }

    /// Whether the private text, if it is still there, is the one that the line names.
    pub fn is_whole(&self) -> bool {
        match (&self.private_salt, &self.private_text) {
            (Some(salt), Some(text)) => Digest::of(&[salt.as_slice(), text.as_bytes()].concat()) == self.private_digest,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// What is digested of a row; the canonicalizer sorts the members.
#[derive(Serialize)]
struct Line<'a> {
    actor: Option<&'a ActorId>,
    at: Timestamp,
    id: &'a str,
    kind: AccessKind,
    whence: Digest,
    what: &'a str,
}

/// Count and digest of the rows of a day so far: a chain that begins with the digest of the day's name and takes in, line for line in
/// the order of (at, id), the RFC 8785 JSON of each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Rows.
    pub count: u64,
    /// Digest over all of them.
    pub digest: Digest,
}

impl Tally {
    /// Of a day without rows.
    pub fn new(day: &Day) -> Self {
        Self { count: 0, digest: Digest::of(day.as_str().as_bytes()) }
    }

    /// Takes the next row in.
    pub fn add(&mut self, row: &AccessLogRow) {
        let line =
            Line { actor: row.actor.as_ref(), at: row.at, id: &row.log_id, kind: row.kind, whence: row.private_digest, what: &row.what };
        let mut bytes = self.digest.as_bytes().to_vec();
        bytes.extend(serde_json_canonicalizer::to_vec(&line).unwrap_or_default());
        *self = Self { count: self.count + 1, digest: Digest::of(&bytes) };
    }
}

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Writes down what a finished day came to.
    Anchor {
        /// The day.
        day: Day,
        /// Its rows.
        count: u64,
        /// Digest over them ([`Tally`]).
        digest: Digest,
    },
}

/// What happened; the subject is the registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// The rows of a day are fixed.
    #[serde(rename = "access-log.anchored")]
    Anchored {
        /// The day.
        day: Day,
        /// Its rows.
        count: u64,
        /// Digest over them ([`Tally`]).
        digest: Digest,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Anchor { day, count, digest } = command;
    if *day >= Day::of(context.now) {
        return Err(Refusal::invalid("day", &format!("day {day} is not over")).into());
    }
    if rows.get::<AccessAnchorRow>(&[day])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("day {day} is anchored already")).field("day").into());
    }
    Ok(vec![Draft::new(Subject::Registry, Event::Anchored { day: day.clone(), count: *count, digest: *digest })])
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Event::Anchored { day, count, digest } = event;
    rows.put(&AccessAnchorRow { day: day.clone(), count: *count, digest: *digest, anchored_at: entry.at, entry_index: entry.index });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn row(at: i64, what: &str) -> AccessLogRow {
        let whence = Whence { address: Some("192.0.2.7".to_owned()), claimed: None, user_agent: Some("curl/8".to_owned()) };
        let at = Timestamp::from_micros(at);
        AccessLogRow::new((at, at), "0a".to_owned(), AccessKind::Download, Some(alice()), what, &whence, [7; 16]).unwrap()
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(Day::of(Timestamp::parse("2026-05-03T23:59:59.999999Z").unwrap()).as_str(), "2026-05-03");
        for bad in ["", "2026-05", "2026-5-3", "2026-02-30", "2026-05-03T00:00:00Z", "05-03-2026", "2026-05-03 "] {
            assert!(Day::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_knows_every_row_and_its_order_and_no_address() {
        let day = Day::parse("2026-05-03").unwrap();
        let tally = |rows: &[&AccessLogRow]| {
            let mut tally = Tally::new(&day);
            rows.iter().for_each(|row| tally.add(row));
            tally
        };
        let (one, two) = (row(1, "model/a/1"), row(2, "model/b/1"));
        let both = tally(&[&one, &two]);
        assert_eq!(both.count, 2);
        assert_eq!(both, tally(&[&one.clone().erased(), &two.clone().erased()]), "erasure changes no digest");
        let other = AccessLogRow { what: "model/c/1".to_owned(), ..two.clone() };
        for others in [tally(&[&two, &one]), tally(&[&one]), tally(&[&one, &other]), tally(&[])] {
            assert_ne!(both.digest, others.digest);
        }
        assert!(one.is_whole() && one.clone().erased().is_whole());
        assert!(!AccessLogRow { private_text: Some("{}".to_owned()), ..one.clone() }.is_whole());
        assert_eq!(one.whence().unwrap().address.as_deref(), Some("192.0.2.7"));
        assert_eq!(one.erased().whence(), None);
    }

    #[test]
    fn what_was_accessed_is_one_line() {
        assert_eq!(row(1, "a\r\nb").what, "ab");
        assert_eq!(row(1, &"ü".repeat(900)).what.chars().count(), MAX_WHAT);
    }

    #[test]
    fn a_day_is_anchored_once_and_after_it_is_over() {
        let mut world = World::new();
        let anchor = |day: &str| Command::Anchor { day: Day::parse(day).unwrap(), count: 1, digest: Digest::of(b"rows") };
        assert_eq!(world.refused(&system(), anchor("2026-05-03")).field.as_deref(), Some("day"), "today");
        world.ok(&system(), anchor("2026-05-02"));
        assert_eq!(world.refused(&system(), anchor("2026-05-02")).code, Code::AlreadyExists);
        assert_eq!(world.row::<AccessAnchorRow>(&[&Day::parse("2026-05-02").unwrap()]).unwrap().count, 1);
    }
}
