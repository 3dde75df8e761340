//! Passwords: hashed with argon2id, verified off the async threads and two at a time, whether there is such an account or not.

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use chancery_core::actor::password::{self as rules, Command, MAX_CHARACTERS, PasswordHash, Proof, Purpose};
use chancery_core::actor::{self, ActorKind};
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, Digest, Label, Timestamp, TokenId};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ActorRow, DirectoryRow, HandleRow, PasswordRow, SignInRow, TokenRow};
use tokio::sync::Semaphore;

use super::{LoginToken, Origin, Proved, wrong};
use crate::app::{App, AppError, Caller, Credential, Options, Receipt};
use crate::fault::Fault;
use crate::secret::Secret;
use crate::store::Snapshot;
use crate::{ids, values};

/// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashings at a time: each takes 19 MiB and a core.
const AT_A_TIME: usize = 2;
/// How long a one-time secret works.
const RESET_SECONDS: i64 = 24 * 3_600;
/// Most bytes of what is hashed: nobody has a longer password.
const MAX_BYTES: usize = MAX_CHARACTERS * 4;

/// Hashes and verifies.
#[derive(Debug)]
pub(super) struct Hashing {
    turns: Semaphore,
    /// Hash of a password that nobody knows: what an unknown account is compared with, so that it costs the same.
    nobody: PasswordHash,
}

fn argon2() -> Result<Argon2<'static>, Fault> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Fault::Config(format!("argon2: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn hash_now(password: &Secret) -> Result<PasswordHash, Fault> {
    let salt = ids::random::<16>()?;
    let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
    hash.map(|hash| PasswordHash::new(hash.to_string())).map_err(|error| Fault::Config(format!("argon2: {error}")))
}

fn verify_now(password: &Secret, hash: &PasswordHash) -> Result<bool, Fault> {
    let hash = Phc::new(hash.as_str()).map_err(|error| Fault::Config(format!("a stored password hash cannot be read: {error}")))?;
    let bytes = password.expose().as_bytes();
    Ok(argon2()?.verify_password(bytes.get(..MAX_BYTES).unwrap_or(bytes), &hash).is_ok())
}

impl Hashing {
    pub(super) fn new() -> Result<Self, Fault> {
        let nobody = hash_now(&Secret::new(hex::encode(ids::random::<32>()?)))?;
        Ok(Self { turns: Semaphore::new(AT_A_TIME), nobody })
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        let _turn = self.turns.acquire().await.map_err(|error| Fault::database("wait for a turn to hash", error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("hash a password", error))?
    }

    async fn hash(&self, password: Secret) -> Result<PasswordHash, Fault> {
        self.work(move || hash_now(&password)).await
    }

    /// Whether the password is the one with this hash; `None` costs the same and is never right.
    async fn verify(&self, password: Secret, hash: Option<PasswordHash>) -> Result<bool, Fault> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        Ok(self.work(move || verify_now(&password, &hash)).await? && known)
    }
}

/// An account as a login finds it.
struct Account {
    actor: ActorId,
    handle: Label,
    epoch: u64,
    password: Option<PasswordRow>,
}

impl App {
    /// The account of a person who has access; none for any other name, also a malformed one.
    async fn account(&self, name: &str) -> Result<Option<Account>, Fault> {
        let snapshot = self.inner.store.read().await?;
        let Ok(handle) = Label::parse(name) else { return Ok(None) };
        let Some(row) = snapshot.get::<HandleRow>(values![handle]).await? else { return Ok(None) };
        let actor = snapshot.get::<ActorRow>(values![row.actor_id]).await?.filter(|row| row.active && row.kind == ActorKind::Person);
        let Some(actor) = actor.map(|row| row.actor_id) else { return Ok(None) };
        let password = snapshot.get::<PasswordRow>(values![actor]).await?;
        Ok(Some(Account { epoch: epoch(&snapshot, &actor).await?, actor, handle, password }))
    }

    /// Finds out whether this name has this password.
    ///
    /// # Errors
    /// `unauthenticated`, the same for every reason; `rate_limited` after too many failures.
    pub async fn prove(&self, name: &str, password: Secret, origin: &Origin) -> Result<Proved, AppError> {
        let attempt = self.begin_attempt(name, origin).await?;
        let account = self.account(name).await?;
        let hash = account.as_ref().and_then(|account| account.password.as_ref()?.hash.clone());
        let right = self.inner.logins.hashing.verify(password, hash).await?;
        match account {
            Some(account) if right => {
                self.forgive(attempt).await?;
                let made_by = account.password.map(|row| row.made_by).unwrap_or_default();
                let proved = Proved { actor: account.actor, epoch: account.epoch, made_by };
                self.log_login(&proved, "password", origin).await?;
                Ok(proved)
            }
            Some(_) | None => {
                self.log_failed_login(name, "password", origin).await?;
                Err(wrong().into())
            }
        }
    }

    /// Logs a person in for programs: a token for half a day.
    ///
    /// # Errors
    /// As [`App::prove`]; `access_denied` for a person without any role.
    pub async fn log_in(&self, name: &str, password: Secret, origin: &Origin, door: Door) -> Result<(LoginToken, Receipt), AppError> {
        let proved = self.prove(name, password, origin).await?;
        let (caller, _) = self.caller_of(&proved, door).await?;
        let (id, secret) = (ids::token()?, Secret::new(crate::token::secret()?));
        let expires_at = self.now().plus_seconds(rules::MAX_LOGIN_SECONDS);
        let secret_hash = Digest::of(secret.expose().as_bytes());
        let command = Command::LogIn { token: id.clone(), secret_hash, expires_at, epoch: proved.epoch };
        let authorized = self.allow_command(&caller, actor::Command::Password(command)).await?;
        let receipt = self.execute(authorized, &Options::of(&caller)).await?;
        Ok((LoginToken { id, secret, expires_at }, receipt))
    }

    /// Sets a person's own password; he proves himself with the one in force, or with the one-time secret of a reset.
    ///
    /// # Errors
    /// As [`App::prove`]; `invalid_field` for a new password that breaks a rule.
    pub async fn set_password(&self, name: &str, current: Secret, new: Secret, origin: &Origin, door: Door) -> Result<Receipt, AppError> {
        let attempt = self.begin_attempt(name, origin).await?;
        let account = self.account(name).await?;
        let known = account.as_ref().and_then(|account| account.password.clone());
        let secret = Digest::of(current.expose().as_bytes());
        let once = known.as_ref().is_some_and(|row| row.reset_hash == Some(secret) && row.reset_until.is_some_and(|until| until > self.now()));
        let hash = known.and_then(|row| row.hash);
        let right = self.inner.logins.hashing.verify(current, hash.clone()).await?;
        let (Some(account), true) = (account, once || right) else {
            self.log_failed_login(name, "change of password", origin).await?;
            return Err(wrong().into());
        };
        self.forgive(attempt).await?;
        rules::check(new.expose(), account.handle.as_str())?;
        let proof = match hash.filter(|_| right) {
            Some(hash) => Proof::Old(hash),
            None => Proof::Reset(secret),
        };
        let hash = self.inner.logins.hashing.hash(new).await?;
        let ended = self.login_tokens(&account.actor).await?;
        let made_by = made_by(&self.inner.store.read().await?, &account.actor).await?;
        let proved = Proved { actor: account.actor.clone(), epoch: account.epoch, made_by };
        let (caller, _) = self.caller_of(&proved, door).await?;
        let command = Command::Set { hash, proof, ended };
        let authorized = self.allow_command(&caller, actor::Command::Password(command)).await?;
        let receipt = self.execute(authorized, &Options::of(&caller)).await?;
        self.forget_sessions(&account.actor).await?;
        Ok(receipt)
    }

    /// Ends a person's password; the secret in the answer sets another one, once, within a day.
    ///
    /// # Errors
    /// `access_denied` for whoever is no administrator, and for a pipeline or service; `separation_of_duties` for one's own.
    pub async fn reset_password(&self, caller: &Caller, id: &ActorId) -> Result<(Secret, Timestamp, Receipt), AppError> {
        // Not in the form of a token: it works for one thing only.
        let secret = Secret::new(format!("once-{}", hex::encode(ids::random::<16>()?)));
        let until = self.now().plus_seconds(RESET_SECONDS);
        let secret_hash = Digest::of(secret.expose().as_bytes());
        let command = Command::Reset { actor: id.clone(), secret_hash, until, ended: self.login_tokens(id).await? };
        let authorized = self.allow_command(caller, actor::Command::Password(command)).await?;
        let receipt = self.execute(authorized, &Options::of(caller)).await?;
        self.forget_sessions(id).await?;
        Ok((secret, until, receipt))
    }

    /// The caller that somebody is now who proved himself with a password, and until when he is that.
    ///
    /// # Errors
    /// `unauthenticated` when his access ended.
    pub(in crate::app) async fn caller_of(&self, proved: &Proved, door: Door) -> Result<(Caller, Option<Timestamp>), AppError> {
        let snapshot = self.inner.store.read().await?;
        let row = snapshot.get::<ActorRow>(values![proved.actor]).await?.filter(|row| row.active).ok_or_else(wrong)?;
        self.caller_in(&snapshot, row, door, Credential::Password, proved.made_by.clone()).await
    }

    /// Tokens of logins that work now.
    async fn login_tokens(&self, id: &ActorId) -> Result<Vec<TokenId>, Fault> {
        let snapshot = self.inner.store.read().await?;
        let tail = "WHERE actor_id = $1 AND purpose = $2 AND revoked = 0 AND expires_at > $3 ORDER BY token_id LIMIT 1000";
        let rows = snapshot.rows::<TokenRow>(tail, &values![*id, Purpose::Login, self.now()]).await?;
        Ok(rows.into_iter().map(|row| row.token_id).collect())
    }

    /// What a person has proved who has just set his password, by the entry of which his epoch moved.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn proved_anew(&self, actor: &ActorId, epoch: u64) -> Result<Proved, AppError> {
        let made_by = made_by(&self.inner.store.read().await?, actor).await?;
        Ok(Proved { actor: actor.clone(), epoch, made_by })
    }

    /// The name by which a person logs in.
    ///
    /// # Errors
    /// [`Refusal`] when it was erased.
    pub async fn handle_of(&self, id: &ActorId) -> Result<Label, AppError> {
        let row = self.inner.store.read().await?.get::<DirectoryRow>(values![*id]).await?;
        Ok(row.ok_or_else(|| Refusal::not_found("user", id.as_str()))?.handle)
    }
}

/// The epoch of an actor: what was proved at an older one does not count.
pub(super) async fn epoch(snapshot: &Snapshot, id: &ActorId) -> Result<u64, Fault> {
    Ok(snapshot.get::<SignInRow>(values![*id]).await?.map_or(0, |row| row.epoch))
}

/// Others who made the password of a person.
pub(super) async fn made_by(snapshot: &Snapshot, id: &ActorId) -> Result<Vec<ActorId>, Fault> {
    Ok(snapshot.get::<PasswordRow>(values![*id]).await?.map(|row| row.made_by).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_its_parameters_and_fits_one_password() {
        let hash = hash_now(&Secret::new("correct horse battery".to_owned())).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(verify_now(&Secret::new("correct horse battery".to_owned()), &hash).unwrap());
        for wrong in ["", "correct horse batterz", "Correct horse battery"] {
            assert!(!verify_now(&Secret::new(wrong.to_owned()), &hash).unwrap(), "{wrong}");
        }
        assert_ne!(hash, hash_now(&Secret::new("correct horse battery".to_owned())).unwrap(), "salted");
    }

    #[test]
    fn an_unknown_account_is_compared_and_never_right() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let hashing = Hashing::new().unwrap();
        assert!(!runtime.block_on(hashing.verify(Secret::new(String::new()), None)).unwrap());
        let hash = hash_now(&Secret::new("x".to_owned())).unwrap();
        assert!(runtime.block_on(hashing.verify(Secret::new("x".to_owned()), Some(hash))).unwrap());
    }
}
