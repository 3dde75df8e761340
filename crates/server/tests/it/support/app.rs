//! A whole registry for one test: real HTTP on a port of its own, a clock that stands until it is moved, and an audit at the end.
//!
//! INVARIANT: every test ends with [`TestApp::finish`]; the macro `both!` sees to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chancery::app::rates::Rates;
use chancery::app::{App, AppConfig, LoginConfig, WebConfig};
use chancery::blobs::Blobs;
use chancery::clock::Clock;
use chancery::config::Rate;
use chancery::crash::CrashPoint;
use chancery::http::transport::Settings;
use chancery::keys::{PublicKeys, Sources};
use chancery::ledger::rebuild::rebuild;
use chancery::ledger::verify::{Mode, Options, Report, verify};
use chancery::store::{Schema, Store, StoreConfig, Writer};
use chancery_core::names::{PolicyMode, Timestamp};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::Client;
use super::{issuer, postgres};

/// When every test begins.
pub(crate) const START: &str = "2026-06-01T12:00:00Z";

/// Makes one test for each database of each function; the function gets a running registry, which is audited after it.
macro_rules! both {
    ($($(#[doc = $doc:literal])* async fn $name:ident($app:ident: &TestApp) $body:block)+) => {
        $($(#[doc = $doc])* async fn $name($app: &$crate::support::TestApp) $body)+

        mod sqlite {
            $(#[test] fn $name() { $crate::support::app::run($crate::support::app::Database::Sqlite, async |app| super::$name(app).await) })+
        }

        mod postgres {
            $(#[test] fn $name() { $crate::support::app::run($crate::support::app::Database::Postgres, async |app| super::$name(app).await) })+
        }
    };
}
pub(crate) use both;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    /// Where a new, empty one is; nothing for SQLite, which is in the data folder.
    async fn address(self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(postgres::database().await),
        }
    }
}

/// Waits for a future that needs threads.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// Runs a test on a registry of its own. Inline snapshots are compared on both databases, which is what the duplicates are.
pub(crate) fn run(database: Database, test: impl AsyncFnOnce(&TestApp)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    insta::allow_duplicates! {
        runtime.block_on(async {
            let app = TestApp::start(database).await;
            test(&app).await;
            app.finish().await;
        });
    }
}

/// A running registry.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) address: String,
    pub(crate) admin: Client,
    pub(crate) anonymous: Client,
    pub(crate) data: PathBuf,
    pub(crate) database: Option<String>,
    /// Deletes the data at the end; a child process works in the folder of its parent.
    folder: Option<TempDir>,
    clock: Arc<AtomicI64>,
    /// How long new tokens are valid, in days.
    pub(crate) token_days: AtomicI64,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl TestApp {
    /// An empty registry that enforces.
    pub(crate) async fn start(database: Database) -> Self {
        let database = database.address().await;
        let folder = tempfile::tempdir().unwrap();
        let app = Self::open(folder.path(), database.as_deref(), None).await;
        Self { folder: Some(folder), ..app }
    }

    /// An empty registry that enforces, with logins as `configure` says.
    pub(crate) async fn start_with(database: Database, configure: impl FnOnce(&str) -> (LoginConfig, WebConfig)) -> Self {
        let database = database.address().await;
        let folder = tempfile::tempdir().unwrap();
        let app = Self::open_for(folder.path(), database.as_deref(), None, Sources::default(), configure).await;
        Self { folder: Some(folder), ..app }
    }

    /// Opens a registry on what is there, with the clock at its start; it ends itself at the crash point, if there is one.
    pub(crate) async fn open(data: &Path, database: Option<&str>, crash: Option<CrashPoint>) -> Self {
        // A provider that nobody asks: what is configured shows, and is not reached.
        let configure = |address: &str| {
            let login = LoginConfig { issuer: Some("http://127.0.0.1:9".to_owned()), client_id: "chancery".to_owned(), ..LoginConfig::default() };
            (login, WebConfig { public_url: Some(address.to_owned()), tls: false })
        };
        Self::open_for(data, database, crash, Sources::default(), configure).await
    }

    /// The same, with keys that are not in files.
    pub(crate) async fn open_with(data: &Path, database: Option<&str>, crash: Option<CrashPoint>, keys: Sources) -> Self {
        Self::open_for(data, database, crash, keys, |_| (LoginConfig::default(), WebConfig::default())).await
    }

    /// The same, with logins as `configure` says, which is told the address of the registry.
    async fn open_for(
        data: &Path,
        database: Option<&str>,
        crash: Option<CrashPoint>,
        keys: Sources,
        configure: impl FnOnce(&str) -> (LoginConfig, WebConfig),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (login, web) = configure(&address);
        let clock = Arc::new(AtomicI64::new(Timestamp::parse(START).unwrap().micros()));
        let database = database.map(ToOwned::to_owned);
        let config = AppConfig {
            store: StoreConfig { data: data.to_owned(), database: database.clone() },
            policy_mode: PolicyMode::Enforce,
            no_auth: false,
            login,
            web,
            clock: Clock::Manual(Arc::clone(&clock)),
            workload_issuers: issuer::configured(data),
            crash,
            keys,
            rates: Arc::default(),
            settings: Vec::new(),
        };
        let app = opened(config).await;
        let token = std::fs::read_to_string(data.join("admin-token")).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = chancery::http::router(app.clone());
        let server = tokio::spawn(async move {
            // All callers of a test have one address; the rates have tests of their own.
            let settings = Settings { rates: Arc::new(Rates::new(&Rate::off())), ..Settings::default() };
            chancery::http::transport::serve(listener, router, settings, async { drop(stopped.await) }).await;
        });
        let anonymous = Client::new(&address);
        let admin = anonymous.with_token(&token);
        Self { app, address, admin, anonymous, data: data.to_owned(), database, folder: None, clock, token_days: AtomicI64::new(90), stop, server }
    }

    /// The clock of the registry.
    pub(crate) fn clock(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.clock)
    }

    /// Moves the clock on.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Entries in the ledger.
    pub(crate) async fn size(&self) -> u64 {
        self.admin.get("/api/v1/ledger/head").await.json()["size"].as_u64().unwrap()
    }

    /// Stops the server and gives back what it stood on.
    pub(crate) async fn shut_down(self) -> Stopped {
        let Self { app, data, database, folder, stop, server, admin, anonymous, .. } = self;
        drop((admin, anonymous));
        stop.send(()).unwrap();
        // A connection that a client keeps open must not hold the end up.
        if tokio::time::timeout(Duration::from_secs(2), server).await.is_err() {
            panic!("the server did not stop");
        }
        drop(app);
        Stopped { data, database, _folder: folder }
    }

    /// Ends the test: every entry, tile, checkpoint, payload, derived row and file is verified, all rows are made anew from the
    /// entries, and the result must be the same.
    pub(crate) async fn finish(self) {
        self.app.sign_checkpoint().await.unwrap();
        self.shut_down().await.audit().await;
    }
}

/// What a stopped registry stood on.
pub(crate) struct Stopped {
    pub(crate) data: PathBuf,
    pub(crate) database: Option<String>,
    _folder: Option<TempDir>,
}

impl Stopped {
    /// An empty folder, and an empty database when it is PostgreSQL.
    pub(crate) async fn nothing(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { data: folder.path().to_owned(), database: database.address().await, _folder: Some(folder) }
    }

    /// Verifies everything, makes all derived rows anew, and verifies again: the result must be the same. Gives the number of entries.
    pub(crate) async fn audit(&self) -> u64 {
        let (store, mut writer) = self.store().await;
        let before = verified(&store, &self.data).await;
        assert!(before.is_intact(), "{before}");
        assert_eq!(rebuild(&mut writer, None).await.unwrap(), before.entries);
        let after = verified(&store, &self.data).await;
        assert_eq!(after, before, "the rebuilt rows differ");
        before.entries
    }

    /// What a full verification says.
    pub(crate) async fn report(&self) -> Report {
        verified(&self.store().await.0, &self.data).await
    }

    /// The database alone. The writer of the last server may need a moment to let go.
    pub(crate) async fn store(&self) -> (Store, Writer) {
        let config = StoreConfig { data: self.data.clone(), database: self.database.clone() };
        for _ in 0..200 {
            if let Ok(opened) = Store::open(config.clone(), &Schema::product()).await {
                return opened;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Store::open(config, &Schema::product()).await.unwrap()
    }
}

/// The writer of the last server may need a moment to let go.
async fn opened(config: AppConfig) -> App {
    for _ in 0..200 {
        if let Ok((app, _)) = App::open(config.clone()).await {
            return app;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    App::open(config).await.unwrap().0
}

/// What a full verification says.
async fn verified(store: &Store, data: &Path) -> Report {
    let keys = PublicKeys::read(data).unwrap();
    let memory: PathBuf = keys.memory_path();
    let blobs = Blobs::open(data.join("blobs")).unwrap();
    let schema = Schema::product();
    let options = Options { mode: Mode::Full, logs: keys.logs(), memory: Some(&memory), schema: &schema, blobs: Some(&blobs) };
    verify(store, &options).await.unwrap()
}
