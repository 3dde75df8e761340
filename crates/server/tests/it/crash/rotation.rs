//! The rotation of a key: the new key is complete on the disk before an entry names it, and one key is in force whatever happens between.

use chancery::crash::CrashPoint;
use chancery_core::registry::KeyPurpose;

use super::{die, reopen, tag};
use crate::support::TestApp;
use crate::support::app::{Database, Stopped, block_on};

/// What the child does.
pub(super) async fn task(app: &TestApp, which: &str) {
    let purpose = if which == "decision" { KeyPurpose::Decision } else { KeyPurpose::Checkpoint };
    app.app.rotate_key(purpose, 3_600).await.unwrap();
}

fn public(stopped: &Stopped) -> String {
    std::fs::read_to_string(stopped.data.join("keys/public")).unwrap()
}

fn while_a_key_is_rotated(database: Database, point: CrashPoint, which: &str) {
    block_on(async {
        let app = TestApp::start(database).await;
        app.team("credit").await;
        app.admin.model("loan", "high").await;
        app.app.sign_checkpoint().await.unwrap();
        let old = app.anonymous.get(if which == "decision" { "/api/v1/keys" } else { "/log/key" }).await.bytes;
        let stopped = app.shut_down().await;
        let known = public(&stopped);

        die(&stopped, point, &format!("rotate {which}"));
        assert!(stopped.data.join(format!("keys/{which}.next.pem")).exists(), "the key is complete before the entry");
        assert_eq!(public(&stopped), known, "nobody knows of it yet");
        let is_in_force = point == CrashPoint::AfterRotation;

        // The next start ends what was begun, or goes on with the old key.
        let app = reopen(&stopped).await;
        tag(&app.admin, "later").await.expect(200);
        app.app.sign_checkpoint().await.unwrap();
        let new = app.anonymous.get(if which == "decision" { "/api/v1/keys" } else { "/log/key" }).await.bytes;
        assert_eq!(new != old, is_in_force);
        assert!(String::from_utf8(new).unwrap().contains(String::from_utf8(old).unwrap().trim()), "the old public key is served for ever");
        let rotations = app.admin.get("/api/v1/ledger/entries?kind=keys.rotated").await.expect(200)["items"].as_array().unwrap().len();
        assert_eq!(rotations, usize::from(is_in_force));
        let note = String::from_utf8(app.anonymous.get("/log/checkpoint").await.bytes).unwrap();
        assert_eq!(note.matches("\u{2014} ").count(), if is_in_force && which == "checkpoint" { 2 } else { 1 }, "{note}");
        app.shut_down().await;
        stopped.audit().await;

        // A rotation can be begun again.
        let app = reopen(&stopped).await;
        task(&app, which).await;
        app.shut_down().await;
        let app = reopen(&stopped).await;
        tag(&app.admin, "last").await.expect(200);
        app.app.sign_checkpoint().await.unwrap();
        app.shut_down().await;
        stopped.audit().await;
    });
}

#[test]
fn sqlite_after_a_new_decision_key() {
    while_a_key_is_rotated(Database::Sqlite, CrashPoint::AfterNewKey, "decision");
}

#[test]
fn sqlite_after_a_new_checkpoint_key() {
    while_a_key_is_rotated(Database::Sqlite, CrashPoint::AfterNewKey, "checkpoint");
}

#[test]
fn sqlite_after_the_rotation_of_the_decision_key() {
    while_a_key_is_rotated(Database::Sqlite, CrashPoint::AfterRotation, "decision");
}

#[test]
fn sqlite_after_the_rotation_of_the_checkpoint_key() {
    while_a_key_is_rotated(Database::Sqlite, CrashPoint::AfterRotation, "checkpoint");
}

#[test]
fn postgres_after_a_new_checkpoint_key() {
    while_a_key_is_rotated(Database::Postgres, CrashPoint::AfterNewKey, "checkpoint");
}

#[test]
fn postgres_after_the_rotation_of_the_checkpoint_key() {
    while_a_key_is_rotated(Database::Postgres, CrashPoint::AfterRotation, "checkpoint");
}
