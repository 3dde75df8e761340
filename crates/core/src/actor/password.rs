//! How people prove who they are without a token: passwords of local users, and the tokens and sessions that a login gives.
//!
//! INVARIANT: an entry says that a password was set or reset, never anything that is made of it. The hash is a row of the vault, written
//! in the same transaction as its entry.
//! INVARIANT: nobody but the person himself sets a password; an administrator ends one and hands out a secret that works once.
//! INVARIANT: a password after a reset is also the work of who reset it, until its person changes it [`FOREIGN_SECONDS`] later or after
//! that ([`crate::speakers`]).
//! INVARIANT: every change of how somebody logs in moves his epoch ([`SignInRow`]); sessions of an older epoch are over.

use super::token::Issued;
use super::{ActorKind, Event, existing};
use crate::access::Limits;
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Subject, Vault};
use crate::names::{ActorId, Digest, Timestamp, TokenId};
use crate::refusal::{Code, Refusal};
use crate::rows::{BadRow, Field, Kind, Missing, Rows, Value};
use crate::tables::{ActorRow, PasswordRow, SignInRow, TokenRow};

/// Fewest characters of a password (NIST SP 800-63B: at least 8; 12 where it is the only factor).
pub const MIN_CHARACTERS: usize = 12;
/// Most characters of a password: above that it is no password, and hashing it costs the server.
pub const MAX_CHARACTERS: usize = 256;
/// Longest time for which a login token is valid, in seconds: half a day.
pub const MAX_LOGIN_SECONDS: i64 = 12 * 3_600;
/// How long the password after a reset counts as made by who reset it, in seconds, if its person changes it then: three days, in which he
/// would notice that his own opens nothing.
pub const FOREIGN_SECONDS: i64 = 3 * 86_400;
/// Most tokens that one change ends.
const MAX_ENDED: usize = 1_000;

/// The hash of a password, as a PHC string. It is not told by `Debug`, and no type that is serialised holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash in the PHC format (`$argon2id$…`).
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(…)")
    }
}

impl Field for PasswordHash {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.0.clone())
    }
    fn from_value(value: Value) -> Result<Self, BadRow> {
        String::from_value(value).map(Self)
    }
}

crate::words! {
    /// What a token was made for.
    Purpose, "purpose" {
        /// For programs: issued by an administrator.
        Access = "access",
        /// By a person who logged in: it ends with a change of the password.
        Login = "login",
    }
}

/// By what a person proved that the password is his to set. It is compared again where the change is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// He knew the password in force, which has this hash.
    Old(PasswordHash),
    /// He had the one-time secret with this digest.
    Reset(Digest),
}

/// Commands on passwords and logins.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Sets one's own password.
    Set {
        /// Hash of the new one.
        hash: PasswordHash,
        /// What shows that one may.
        proof: Proof,
        /// Login tokens to end, found in prepare.
        ended: Vec<TokenId>,
    },
    /// Ends a person's password and gives a secret with which he sets another.
    Reset {
        /// Whose.
        actor: ActorId,
        /// SHA-256 of the secret.
        secret_hash: Digest,
        /// Until when the secret works.
        until: Timestamp,
        /// Login tokens to end, found in prepare.
        ended: Vec<TokenId>,
    },
    /// Gives the caller, who has just proved who he is, a token for half a day.
    LogIn {
        /// New identifier.
        token: TokenId,
        /// SHA-256 of its secret.
        secret_hash: Digest,
        /// Until when.
        expires_at: Timestamp,
        /// Epoch at which he proved it.
        epoch: u64,
    },
    /// Ends a token of one's own.
    RevokeOwnToken {
        /// Token.
        token: TokenId,
    },
}

/// Checks a new password against the rules that need no list.
///
/// # Errors
/// `invalid_field` that says the rule and never the password.
pub fn check(password: &str, handle: &str) -> Result<(), Refusal> {
    let remedy = "choose another, such as five words that do not belong together";
    let refused = |rule: &str| Err(Refusal::invalid("new", &format!("the new password {rule}")).remedy(remedy));
    let count = password.chars().count();
    if !(MIN_CHARACTERS..=MAX_CHARACTERS).contains(&count) {
        return refused(&format!("must have {MIN_CHARACTERS} to {MAX_CHARACTERS} characters"));
    }
    if password.chars().any(char::is_control) {
        return refused("must not contain control characters");
    }
    if password.starts_with("chy_") {
        return refused("must not begin like a token");
    }
    let folded = password.to_lowercase();
    // The name, also written again and again or with something short around it.
    let handle = handle.to_lowercase();
    let rest = if handle.len() < 3 { folded.clone() } else { folded.replace(&handle, "") };
    if folded == handle || (rest.len() < folded.len() && rest.chars().count() < 8) {
        return refused("must not be made of your name");
    }
    let mut letters: Vec<char> = folded.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 5 {
        return refused("must have at least five different characters");
    }
    Ok(())
}

/// Passwords and logins are for people who have access.
fn person(rows: &mut Rows, id: &ActorId) -> Result<ActorRow, Stop> {
    let row = existing(rows, id)?;
    match row.kind {
        ActorKind::Person if row.active => Ok(row),
        ActorKind::Person => Err(Refusal::new(Code::TransitionRefused, "a person whose access ended does not log in").field("name").into()),
        ActorKind::Pipeline | ActorKind::Service => Err(Refusal::new(Code::AccessDenied, &format!("a {} has no password and does not log in", row.kind))
            .field("name")
            .remedy("give it a token, or let it log in with its workload identity")
            .into()),
    }
}

fn epoch(rows: &mut Rows, id: &ActorId) -> Result<u64, Stop> {
    Ok(rows.get::<SignInRow>(&[id])?.map_or(0, |row| row.epoch))
}

fn no_own_reset() -> Refusal {
    Refusal::new(Code::SeparationOfDuties, "nobody resets his own password")
        .field("name")
        .remedy("change it with `chancery account password`, or ask another administrator")
}

fn over() -> Refusal {
    Refusal::new(Code::Unauthenticated, "what you proved yourself with was changed meanwhile").remedy("log in again")
}

/// Entries that end login tokens, each of them the actor's own.
fn end(rows: &mut Rows, actor: &ActorId, ended: &[TokenId]) -> Result<Vec<Draft>, Stop> {
    let mut drafts = Vec::new();
    for token in ended.iter().take(MAX_ENDED) {
        let row = rows.get::<TokenRow>(&[token])?;
        if row.is_some_and(|row| row.actor_id == *actor && !row.revoked) {
            drafts.push(Draft::new(Subject::Token(token.clone()), Event::TokenRevoked {}));
        }
    }
    Ok(drafts)
}

/// Decides.
///
/// # Errors
/// [`Stop`].
pub(super) fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Set { hash, proof, ended } => set(rows, context, hash, proof, ended),
        Command::Reset { actor, secret_hash, until, ended } => {
            person(rows, actor)?;
            context.check_not_for_himself(actor, no_own_reset())?;
            let row = PasswordRow {
                actor_id: actor.clone(),
                hash: None,
                reset_hash: Some(*secret_hash),
                reset_until: Some(*until),
                made_by: context.makers(actor)?,
                own_from: Some(context.now.plus_seconds(FOREIGN_SECONDS)),
            };
            let mut draft = Draft::new(Subject::Actor(actor.clone()), Event::PasswordReset { until: *until });
            draft.vault.push(Vault::Password(row));
            let mut drafts = vec![draft];
            drafts.extend(end(rows, actor, ended)?);
            Ok(drafts)
        }
        Command::LogIn { token, secret_hash, expires_at, epoch: proved } => {
            person(rows, &context.actor)?;
            if epoch(rows, &context.actor)? != *proved {
                return Err(over().into());
            }
            if *expires_at <= context.now || *expires_at > context.now.plus_seconds(MAX_LOGIN_SECONDS) {
                return Err(Refusal::invalid("expires_at", "a login token is valid for at most twelve hours").into());
            }
            if rows.get::<TokenRow>(&[token])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("token id `{token}` is given already")).field("token").into());
            }
            let issued = Issued {
                actor: context.actor.clone(),
                expires_at: *expires_at,
                secret: *secret_hash,
                purpose: Purpose::Login,
                limits: Limits::default(),
                replaces: None,
                run: None,
            };
            Ok(vec![Draft::new(Subject::Token(token.clone()), Event::TokenIssued(Box::new(issued)))])
        }
        Command::RevokeOwnToken { token } => {
            let own = rows.get::<TokenRow>(&[token])?.filter(|row| row.actor_id == context.actor);
            if own.is_none() {
                return Err(Refusal::not_found("token", token.as_str()).into());
            }
            Ok(vec![Draft::new(Subject::Token(token.clone()), Event::TokenRevoked {})])
        }
    }
}

fn set(rows: &mut Rows, context: &Context, hash: &PasswordHash, proof: &Proof, ended: &[TokenId]) -> Result<Vec<Draft>, Stop> {
    let id = &context.actor;
    person(rows, id)?;
    let known = rows.get::<PasswordRow>(&[id])?.ok_or_else(over)?;
    let holds = match proof {
        Proof::Old(old) => known.hash.as_ref() == Some(old),
        // The secret works once: the row that this command writes has none.
        Proof::Reset(secret) => known.reset_hash == Some(*secret) && known.reset_until.is_some_and(|until| until > context.now),
    };
    if !holds {
        return Err(over().into());
    }
    // Who ended the password before may have used the secret himself. He cannot hide it for long: its person no longer gets in.
    let own = matches!(proof, Proof::Old(_)) && known.own_from.is_none_or(|from| from <= context.now);
    let (made_by, own_from) = if own { (Vec::new(), None) } else { (known.made_by, known.own_from) };
    let row = PasswordRow { actor_id: id.clone(), hash: Some(hash.clone()), reset_hash: None, reset_until: None, made_by, own_from };
    let mut draft = Draft::new(Subject::Actor(id.clone()), Event::PasswordSet {});
    draft.vault.push(Vault::Password(row));
    let mut drafts = vec![draft];
    drafts.extend(end(rows, id, ended)?);
    Ok(drafts)
}

/// Moves the epoch: sessions from before are over.
pub(super) fn apply(rows: &mut Rows, entry: &Entry) -> Result<(), Missing> {
    if let Subject::Actor(id) = &entry.subject {
        rows.put(&SignInRow { actor_id: id.clone(), epoch: entry.index, changed_at: entry.at });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
