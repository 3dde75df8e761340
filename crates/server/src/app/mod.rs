//! The application: the only way to change anything. Every surface builds a command and hands it to [`App::execute`] or one of the
//! gated calls ([`App::promote`] and its kin), which prepare outside and then sequence (`design.md` section 5).

mod access;
pub mod access_log;
pub mod access_policy;
pub mod artifacts;
pub mod as_of;
mod attestation;
mod authorize;
mod bundle;
pub mod can_i;
pub mod checks;
pub mod compare;
mod composition;
pub mod current;
pub mod dry_run;
mod emergency;
pub mod entries;
pub mod erasure;
mod exception;
mod execute;
pub mod explain;
mod gate;
mod hide;
pub mod inbox;
pub mod intake;
pub mod jwks;
pub mod jwt;
pub mod keys;
pub mod lineage;
pub mod login;
mod mode;
pub mod models;
pub mod notices;
pub mod offboarding;
pub mod origins;
mod places;
pub mod policy;
mod possession;
mod promote;
pub mod promotions;
pub mod rates;
pub mod reference;
mod refusals;
pub mod register;
pub mod replay;
mod rotate;
mod sequence;
pub mod settings;
mod sight;
mod signed;
pub mod timetable;
mod token_use;
pub mod view;
pub mod workload;

use std::sync::Arc;

use chancery_core::names::{PolicyMode, Timestamp};
use chancery_core::policy::Engine;
use chancery_core::refusal::Refusal;

pub use access::{Caller, Credential, Presented, Reading};
pub use emergency::Emergency;
pub use exception::ExceptionAsk;
pub use execute::{Options, Receipt};
pub use gate::exceptions;
pub use login::config::WebConfig;
pub use login::{LoggedIn, LoginConfig};
pub use promote::own_signature;
pub use promote::{Drill, Opening, Others, PromoteAsk, PromoteOutcome, ReviewAsk, RollbackAsk, TransitionAsk, way_back};
pub use rotate::Rotated;
pub use sequence::Sequencer;
pub use workload::WorkloadIssuer;

use crate::blobs::{BlobError, Blobs, Limits};
use crate::clock::Clock;
use crate::crash::CrashPoint;
use crate::fault::Fault;
use crate::keys::Keys;
use crate::ledger::signer::Signer;
use crate::store::{Store, StoreConfig};

/// What an application is made of.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Database and data folder.
    pub store: StoreConfig,
    /// Mode of an empty registry.
    pub policy_mode: PolicyMode,
    /// Whether callers are not asked who they are (loopback only).
    pub no_auth: bool,
    /// How people log in.
    pub login: LoginConfig,
    /// How browsers reach the pages.
    pub web: WebConfig,
    /// The clock.
    pub clock: Clock,
    /// Issuers whose tokens pipelines log in with.
    pub workload_issuers: Vec<WorkloadIssuer>,
    /// Where the process ends itself, for the tests of durability; the program sets none.
    pub crash: Option<CrashPoint>,
    /// Where the private keys are.
    pub keys: crate::keys::Sources,
    /// How often an actor may call.
    pub rates: Arc<rates::Rates>,
    /// What the server runs with, for people to look at.
    pub settings: Vec<settings::Setting>,
}

/// Why a call did not succeed.
#[derive(Debug)]
pub enum AppError {
    /// The rules say no; with the index of the entry, when the attempt is recorded.
    Refused(Box<Refusal>, Option<u64>),
    /// The machinery failed.
    Fault(Fault),
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal), None)
    }
}

impl From<Fault> for AppError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BlobError> for AppError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Refused(refusal) => refusal.into(),
            BlobError::Fault(fault) => Self::Fault(Fault::database("use the artifact store", fault)),
        }
    }
}

impl From<crate::blobs::BlobFault> for AppError {
    fn from(fault: crate::blobs::BlobFault) -> Self {
        Self::Fault(Fault::database("use the artifact store", fault))
    }
}

impl From<chancery_core::rows::BadRow> for AppError {
    fn from(bad: chancery_core::rows::BadRow) -> Self {
        Self::Fault(bad.into())
    }
}

/// The running registry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    blobs: Blobs,
    sequencer: Sequencer,
    /// Document of the baseline that is compiled in.
    baseline: chancery_core::entry::Payload,
    /// The baseline that is compiled in, compiled.
    shipped: Engine,
    policies: policy::Kept,
    /// Held by the dry run that goes on: one takes enough of the machine.
    dry_run: tokio::sync::Mutex<()>,
    keys: Keys,
    sources: crate::keys::Sources,
    data: std::path::PathBuf,
    signer: Signer,
    clock: Clock,
    no_auth: bool,
    crash: Option<CrashPoint>,
    access: access::Cache,
    workload: workload::Issuers,
    uses: token_use::Uses,
    logins: login::Logins,
    web: WebConfig,
    access_log: access_log::Log,
    authorization: authorize::Kept,
    current: Arc<current::Current>,
    sights: sight::Sights,
    lookout: current::Lookout,
    /// Gates that are prepared at once: they take the processor, and must leave some of it to everybody else.
    turns: tokio::sync::Semaphore,
    refusals: refusals::Refusals,
    rates: Arc<rates::Rates>,
    notices: notices::Notices,
    timetable: timetable::Timetable,
    /// How much waits for people.
    waiting: inbox::Counts,
    settings: Vec<settings::Setting>,
    /// Multipart uploads that are being completed.
    completing: artifacts::multipart::Turns,
}

impl App {
    /// Opens the registry; an empty one is started and gets its first administrator, whose token is written to `DATA/admin-token`.
    ///
    /// # Errors
    /// A [`Fault`] that says why the registry cannot be opened.
    pub async fn open(config: AppConfig) -> Result<(Self, Option<String>), Fault> {
        let data = config.store.data.clone();
        std::fs::create_dir_all(&data).map_err(|error| Fault::database(format!("make the data folder `{}`", data.display()), error))?;
        let (store, writer) = Store::open(config.store, &crate::schema()).await?;
        let blobs = Blobs::open_with(data.join("blobs"), Limits::default(), config.crash).map_err(|fault| Fault::database("open the artifact store", fault))?;
        let keys = Keys::open_with(&data, None, &config.keys, &rotate::in_force(&store.read().await?).await?)?;
        let baseline = policy::baseline()?;
        let shipped = Engine::compile(&chancery_core::policy::Bundle::baseline()).map_err(|error| Fault::Config(format!("the baseline policy: {error}")))?;
        let current = Arc::new(current::Current::default());
        let sequencer = Sequencer::start(writer, config.clock.clone(), config.crash, Arc::clone(&current))?;
        let access_log = access_log::Log::start(store.clone(), config.clock.clone());
        let lookout = current::Lookout::start(store.clone(), Arc::clone(&current));
        let signer = Signer::new(store.clone(), keys.clone(), config.crash);
        // Before anything is written: a database that is older than what the key has signed must not grow.
        // A key that is about to be rotated in signs nothing before the ledger names it.
        if config.keys.rotating.is_none()
            && let Some(checkpoint) = signer.next(config.clock.now()).await?
        {
            sequencer.publish(checkpoint).await?;
        }
        let inner = Inner {
            store,
            blobs,
            sequencer,
            baseline,
            shipped,
            policies: policy::Kept::default(),
            dry_run: tokio::sync::Mutex::new(()),
            keys,
            sources: config.keys,
            data: data.clone(),
            signer,
            clock: config.clock,
            no_auth: config.no_auth,
            crash: config.crash,
            workload: workload::Issuers::open(&config.workload_issuers)?,
            uses: token_use::Uses::default(),
            access: access::Cache::new()?,
            logins: login::Logins::new(config.login, &config.web)?,
            web: config.web,
            access_log,
            authorization: authorize::Kept::default(),
            current,
            sights: sight::Sights::default(),
            lookout,
            turns: tokio::sync::Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            refusals: refusals::Refusals::default(),
            rates: config.rates,
            notices: notices::Notices::default(),
            timetable: timetable::Timetable::default(),
            waiting: inbox::Counts::default(),
            settings: config.settings,
            completing: artifacts::multipart::Turns::default(),
        };
        let app = Self { inner: Arc::new(inner) };
        let token = app.start(config.policy_mode, &data).await?;
        app.ship_baseline().await?;
        app.forget_former_key().await?;
        Ok((app, token))
    }

    /// Now, by the server's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The artifact store. Uploads need no entry; what refers to a blob does.
    pub fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    /// The keys of the registry.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The baseline that is compiled in, for what is the same under every bundle of an organisation.
    pub fn baseline_engine(&self) -> &Engine {
        &self.inner.shipped
    }

    /// The sequencer: publishes checkpoints, and says when the ledger grew.
    pub fn sequencer(&self) -> &Sequencer {
        &self.inner.sequencer
    }

    /// How browsers reach the pages.
    pub fn web(&self) -> &WebConfig {
        &self.inner.web
    }

    /// How people log in.
    pub fn logins(&self) -> &LoginConfig {
        self.inner.logins.config()
    }

    /// The clock of the registry.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The signer of checkpoints.
    pub fn signer(&self) -> &Signer {
        &self.inner.signer
    }

    /// Signs and publishes a checkpoint when entries are not covered yet.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn sign_checkpoint(&self) -> Result<(), Fault> {
        if let Some(checkpoint) = self.inner.signer.next(self.now()).await? {
            self.inner.sequencer.publish(checkpoint).await?;
        }
        Ok(())
    }

    /// How often somebody may call.
    pub fn rates(&self) -> &rates::Rates {
        &self.inner.rates
    }

    /// When the jobs of this server run.
    pub fn timetable(&self) -> &timetable::Timetable {
        &self.inner.timetable
    }

    /// What the server runs with.
    pub fn settings(&self) -> &[settings::Setting] {
        &self.inner.settings
    }

    /// What an operator should know.
    pub fn notices(&self) -> &notices::Notices {
        &self.inner.notices
    }

    /// The store itself, for jobs and for the public log.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }
}

impl App {
    /// Entries, newest checkpoint, and what keeps the server from its work.
    ///
    /// # Errors
    /// [`AppError::Fault`] when the database does not answer.
    pub async fn readiness(&self) -> Result<(u64, Option<u64>, Option<String>), AppError> {
        let snapshot = self.inner.store.read().await?;
        let newest = crate::ledger::newest_checkpoint(&snapshot).await?;
        Ok((snapshot.head().size, newest.map(|row| row.size), self.read_only()))
    }

    /// Why nothing may be written, when something stands in the way.
    fn read_only(&self) -> Option<String> {
        self.inner.signer.read_only().borrow().as_ref().map(ToString::to_string)
    }

    /// Refuses every write while the database does not hold what the key has signed.
    fn check_writable(&self) -> Result<(), Refusal> {
        match self.read_only() {
            None => Ok(()),
            Some(reason) => Err(Refusal::new(chancery_core::refusal::Code::ReadOnly, &format!("the registry takes no writes: {reason}"))
                .remedy("bring back the right database, or ask the operator to run `chancery ledger verify`")),
        }
    }
}
