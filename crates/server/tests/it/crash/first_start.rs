//! The first start: registry, administrator, token file, token. Whatever a crash cuts off, the next start does.

use std::os::unix::fs::PermissionsExt as _;

use chancery::crash::CrashPoint;
use chancery_core::entry::Entry;
use chancery_core::tables::EntryRow;
use serde_json::Value;

use super::{die, reopen};
use crate::support::TestApp;
use crate::support::app::{Database, Stopped, block_on};

const WHOLE: [&str; 3] = ["registry.started", "actor.created", "token.issued"];

/// The kinds of all entries.
async fn kinds(stopped: &Stopped) -> Vec<String> {
    let snapshot = stopped.store().await.0.read().await.unwrap();
    let entries: Vec<EntryRow> = snapshot.rows("ORDER BY entry_index", &[]).await.unwrap();
    let kind = |row: EntryRow| {
        Entry::from_bytes(&row.bytes).unwrap();
        serde_json::from_slice::<Value>(&row.bytes).unwrap()["kind"].as_str().unwrap().to_owned()
    };
    entries.into_iter().map(kind).collect()
}

fn at_the_first_start(database: Database) {
    for (point, done, has_file) in [
        (CrashPoint::AfterStart, 1, false),
        (CrashPoint::AfterAdministrator, 2, false),
        (CrashPoint::AfterTokenFile, 2, true),
        (CrashPoint::AfterToken, 3, true),
    ] {
        block_on(async {
            let stopped = Stopped::nothing(database).await;
            die(&stopped, point, "open");
            let file = stopped.data.join("admin-token");
            assert_eq!((kinds(&stopped).await, file.exists()), (WHOLE[..done].iter().map(ToString::to_string).collect(), has_file), "{point:?}");
            let first = std::fs::read_to_string(&file).ok();

            let app = reopen(&stopped).await;
            app.team("credit").await;
            app.admin.model("loan", "high").await;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            let second = std::fs::read_to_string(&file).unwrap();
            assert_eq!(first == Some(second), point == CrashPoint::AfterToken, "{point:?}: a token is kept when it is valid, and only then");
            app.shut_down().await.audit().await;

            reopen(&stopped).await.shut_down().await;
            let kinds = kinds(&stopped).await;
            assert_eq!(kinds[..3], WHOLE, "{point:?}");
            assert_eq!(kinds.iter().filter(|kind| WHOLE.contains(&kind.as_str())).count(), 3, "{point:?}: each once");
        });
    }
}

#[test]
fn sqlite_goes_on() {
    at_the_first_start(Database::Sqlite);
}

#[test]
fn postgres_goes_on() {
    at_the_first_start(Database::Postgres);
}

/// The database is gone, the keys are there: that is no first start, or the key would sign a second history.
#[test]
fn a_lost_database_is_not_started_anew() {
    block_on(async {
        let app = TestApp::start(Database::Sqlite).await;
        app.app.sign_checkpoint().await.unwrap();
        let stopped = app.shut_down().await;
        let other = Stopped::nothing(Database::Sqlite).await;
        for kept in ["keys", "admin-token"] {
            std::fs::rename(stopped.data.join(kept), other.data.join(kept)).unwrap();
        }
        let app = reopen(&other).await;
        assert_eq!(app.anonymous.get("/readyz").await.status, 503);
        app.shut_down().await;
        assert_eq!(kinds(&other).await, [""; 0]);
    });
}
