//! The registry's own keys: rotated, from the environment, in a PKCS#11 token.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use chancery::config::Pkcs11;
use chancery::keys::{Source, Sources};
use chancery_core::ledger::SignedCheckpoint;
use chancery_core::ledger::note::Verifier;
use chancery_core::registry::KeyPurpose;
use chancery_core::signing::dsse::IN_TOTO_PAYLOAD_TYPE;
use chancery_core::signing::{Envelope, PublicKey};
use serde_json::json;

use crate::support::app::{Database, Stopped, block_on};
use crate::support::process::Process;
use crate::support::{Cast, Client, Made, TestApp};

async fn text(client: &Client, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    String::from_utf8(answer.bytes).unwrap()
}

/// The public keys of decisions, as anybody gets them: the one in force first.
async fn decision_keys(client: &Client) -> Vec<PublicKey> {
    let text = text(client, "/api/v1/keys").await;
    let begin = "-----BEGIN PUBLIC KEY-----";
    let pem = |rest: &str| format!("{begin}{}-----END PUBLIC KEY-----\n", rest.split("-----END").next().unwrap());
    text.split(begin).skip(1).map(|rest| PublicKey::from_spki_pem(&pem(rest)).unwrap()).collect()
}

/// The public keys of the log, as anybody gets them: the one in force first.
async fn log_keys(client: &Client) -> Vec<Verifier> {
    text(client, "/log/key").await.lines().map(|line| line.parse().unwrap()).collect()
}

/// The envelopes of the decisions about a version.
async fn envelopes(cast: &Cast, version: &Made) -> Vec<Envelope> {
    let mut found = Vec::new();
    for decision in cast.auditor.get(&format!("{}/decisions", version.path)).await.expect(200).as_array().unwrap() {
        let path = format!("/api/v1/decisions/{}", decision["digest"].as_str().unwrap());
        found.push(serde_json::from_str(&text(&cast.auditor, &path).await).unwrap());
    }
    assert!(!found.is_empty());
    found
}

fn signed_by(envelope: &Envelope, key: &PublicKey) -> bool {
    envelope.verify(IN_TOTO_PAYLOAD_TYPE, std::slice::from_ref(key)).is_ok()
}

/// Which of the keys signed the checkpoint that is out.
async fn signers(app: &TestApp, keys: &[Verifier]) -> Vec<bool> {
    app.app.sign_checkpoint().await.unwrap();
    let note = text(&app.anonymous, "/log/checkpoint").await;
    keys.iter().map(|key| SignedCheckpoint::open(&note, key).is_ok()).collect()
}

async fn reopen(stopped: &Stopped) -> TestApp {
    TestApp::open(&stopped.data, stopped.database.as_deref(), None).await
}

fn both_keys_are_rotated(database: Database) {
    block_on(async {
        let app = TestApp::start(database).await;
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        cast.bring_to(&version, "approved").await;
        let old = (decision_keys(&app.anonymous).await.remove(0), log_keys(&app.anonymous).await.remove(0));
        assert_eq!(signers(&app, std::slice::from_ref(&old.1)).await, [true]);
        app.app.rotate_key(KeyPurpose::Decision, 0).await.unwrap();
        app.app.rotate_key(KeyPurpose::Checkpoint, 3_600).await.unwrap();
        let stopped = app.shut_down().await;

        let app = reopen(&stopped).await;
        let cast = cast.at(&app);
        let (keys, logs) = (decision_keys(&app.anonymous).await, log_keys(&app.anonymous).await);
        assert_eq!((keys.len(), logs.len()), (2, 2));
        assert_eq!((&keys[1], &logs[1]), (&old.0, &old.1), "old keys are served for ever");
        let entries = app.admin.get("/api/v1/ledger/entries?kind=keys.rotated").await.expect(200);
        let [first, second] = entries["items"].as_array().unwrap().as_slice() else { panic!("{entries}") };
        assert_eq!((&first["data"]["purpose"], &first["data"]["old"]), (&json!("decision"), &json!(old.0.to_spki_pem().unwrap())));
        assert_eq!((&first["data"]["new"], &first["data"]["overlap_until"]), (&json!(keys[0].to_spki_pem().unwrap()), &json!(null)));
        assert_eq!((&second["data"]["old"], &second["data"]["new"]), (&json!(old.1.to_string()), &json!(logs[0].to_string())));

        // Whoever knows one of the two log keys reads the checkpoint.
        assert_eq!(signers(&app, &logs).await, [true, true]);
        // What the old key signed still counts: the version goes on its way, and the new key signs what comes.
        let before = envelopes(&cast, &version).await;
        assert!(before.iter().all(|envelope| signed_by(envelope, &old.0)));
        cast.bring_to(&version, "production").await;
        let after = envelopes(&cast, &version).await;
        assert!(after.len() > before.len());
        assert!(after.iter().all(|envelope| signed_by(envelope, &keys[0]) != signed_by(envelope, &old.0)));
        assert!(after.iter().any(|envelope| signed_by(envelope, &keys[0])));
        // Nobody registers a former key of the registry as his own.
        let stolen = cast.owner.post("/api/v1/users/model-owner/keys", json!({"key": old.0.to_spki_pem().unwrap()})).await;
        assert_eq!(stolen.json()["code"], "separation_of_duties", "{}", String::from_utf8_lossy(&stolen.bytes));

        // After the overlap the new log key signs alone, and the private half of the old one goes.
        app.advance(3_601);
        cast.scientist.model("later", "high").await;
        assert_eq!(signers(&app, &logs).await, [true, false]);
        assert!(stopped.data.join("keys/checkpoint.former.pem").exists());
        app.app.forget_former_key().await.unwrap();
        assert!(!stopped.data.join("keys/checkpoint.former.pem").exists());
        app.shut_down().await;
        stopped.audit().await;
        exported(&stopped, &version, &old.0);
    });
}

/// What a program says on both ways, and whether it succeeded.
fn ran(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    (output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// The checks of signatures and documents in the README of an evidence folder, as somebody pastes them.
fn pasted(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("README.txt")).unwrap();
    let checks = text.split("\n1. ").nth(1).unwrap().split("\n3. ").next().unwrap();
    let lines: Vec<&str> = checks.lines().filter_map(|line| line.strip_prefix("   ")).collect();
    let (done, said) = ran(Command::new("sh").arg("-c").arg(lines.join("\n")).current_dir(folder));
    assert!(done, "{said}");
    said
}

/// The script of this repository for evidence folders.
fn verify_evidence(folder: &Path) -> (bool, String) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("CHANCERY_TEST_PYTHON").map_or_else(|| project.join("target/venv/bin/python"), PathBuf::from);
    ran(Command::new(python).arg(project.join("scripts/verify_evidence.py")).arg(folder))
}

/// An evidence folder holds both keys, and each record is verified with the one that it names: by the README, and by a program that is not ours.
fn exported(stopped: &Stopped, version: &Made, old: &PublicKey) {
    let to = stopped.data.join("evidence");
    let mut command = Process::command();
    command.args(["ledger", "export", &format!("{}/{}", version.model, version.number), "--data"]).arg(&stopped.data).arg("--to").arg(&to);
    if let Some(database) = &stopped.database {
        command.env("CHANCERY_DATABASE", database);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let former = to.join(format!("decision.{}.pem", old.key_id().unwrap()));
    let mut verified = [0, 0];
    for file in std::fs::read_dir(to.join("envelopes")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "pae") {
            for (count, key) in verified.iter_mut().zip([&to.join("decision.pem"), &former]) {
                let mut openssl = Command::new("openssl");
                openssl.args(["dgst", "-sha256", "-verify"]).arg(key).arg("-signature").arg(file.with_extension("sig")).arg(&file);
                *count += usize::from(openssl.output().unwrap().status.success());
            }
        }
    }
    assert!(verified.iter().all(|count| *count > 0), "{verified:?}");

    let records = verified.iter().sum::<usize>();
    let said = pasted(&to);
    let bad = ["not checked: envelopes/", "does not hold", "altered"];
    assert!(said.matches("Verified OK").count() >= records && bad.iter().all(|word| !said.contains(word)), "{said}");
    let (done, said) = verify_evidence(&to);
    assert!(done && said.contains(&format!("\n{records} signed records, ")), "{said}");

    // Without the former key it is said which records it signed; the others are checked all the same.
    std::fs::remove_file(&former).unwrap();
    let said = pasted(&to);
    assert_eq!(said.matches("not checked: envelopes/").count(), verified[1], "{said}");
    assert!(said.contains("Verified OK") && !said.contains("does not hold"), "{said}");
    let (done, said) = verify_evidence(&to);
    let missing = format!("it was signed with the key {}, which is not among the keys of this folder", old.key_id().unwrap());
    assert_eq!((done, said.matches(&missing).count(), said.contains("Traceback")), (false, verified[1], false), "{said}");
    std::fs::remove_dir_all(&to).unwrap();
}

#[test]
fn keys_are_rotated_sqlite() {
    both_keys_are_rotated(Database::Sqlite);
}

#[test]
fn keys_are_rotated_postgres() {
    both_keys_are_rotated(Database::Postgres);
}

/// Runs `chancery key rotate` and gives whether it succeeded, and what it said.
fn rotate(which: &str, data: &Path, more: impl FnOnce(&mut Command)) -> (bool, String) {
    let mut command = Process::command();
    command.args(["key", "rotate", which, "--data"]).arg(data);
    more(&mut command);
    let output = command.output().unwrap();
    (output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// What `chancery serve` says when it does not start on this data.
fn complaint(data: &Path, more: impl FnOnce(&mut Command)) -> String {
    let mut command = Process::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    more(&mut command);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_key_that_the_registry_does_not_know_signs_nothing() {
    let mut server = Process::start("");
    let data = server.data();
    let pem = std::fs::read_to_string(data.join("keys/decision.pem")).unwrap();
    let (done, said) = rotate("decision", &data, |_| {});
    assert!(!done && said.contains("another process uses the data folder"), "{said}");
    let other = Process::start("");
    let foreign = std::fs::read_to_string(other.data().join("keys/decision.pem")).unwrap();
    let with_foreign = |command: &mut Command| {
        command.env("CHANCERY_DECISION_KEY", &foreign);
    };
    server.child.kill().unwrap();
    server.child.wait().unwrap();

    // A file that was swapped, or a variable that is wrong.
    std::fs::write(data.join("keys/decision.pem"), &foreign).unwrap();
    let said = complaint(&data, |_| {});
    assert!(said.contains("the decision key is not the one that this registry signs with"), "{said}");
    std::fs::write(data.join("keys/decision.pem"), &pem).unwrap();
    let said = complaint(&data, with_foreign);
    assert!(said.contains("run `chancery key rotate decision`"), "{said}");
    let said = complaint(&data, |command| {
        command.env("CHANCERY_DECISION_KEY", "nonsense");
    });
    assert!(said.contains("CHANCERY_DECISION_KEY: not a `p-256` private key"), "{said}");

    // It is rotated to the key of the environment, and from then on that one is wanted.
    let (done, said) = rotate("decision", &data, with_foreign);
    assert!(done && said.contains("the decision key is rotated, entry ") && said.contains("BEGIN PUBLIC KEY"), "{said}");
    let (done, said) = rotate("decision", &data, with_foreign);
    assert!(!done && said.contains("the configured decision key is the one in force"), "{said}");
    assert!(!data.join("keys/decision.pem").exists(), "the old key is gone");
    std::fs::write(data.join("keys/decision.pem"), &pem).unwrap();
    std::fs::set_permissions(data.join("keys/decision.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let said = complaint(&data, |_| {});
    assert!(said.contains("the decision key was rotated, and this server has the one before"), "{said}");
    let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
    let again = Process::start_in(folder, "", with_foreign);
    block_on(async {
        assert_eq!(decision_keys(&again.client()).await.len(), 2);
        again.client().get("/readyz").await.expect(200);
    });
}

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// Both keys in the token whose PIN is in this folder.
fn sources(folder: &Path) -> Sources {
    let of = |label: &str| {
        let (token_label, key_label) = ("chancery".to_owned(), label.to_owned());
        Source::Pkcs11(Box::new(Pkcs11 { module: MODULE.into(), token_label, key_label, pin_file: folder.join("pin") }))
    };
    Sources { decision: of("decision"), checkpoint: of("checkpoint"), rotating: None }
}

/// Makes a token of SoftHSM with one key of each kind; gives its configuration file.
fn token(folder: &Path) -> PathBuf {
    let config = folder.join("softhsm2.conf");
    std::fs::create_dir(folder.join("tokens")).unwrap();
    std::fs::write(&config, format!("directories.tokendir = {}/tokens\nlog.level = ERROR\n", folder.display())).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).env("SOFTHSM2_CONF", &config).current_dir(folder).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run scripts/setup.sh test"));
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    };
    run("softhsm2-util", &["--init-token", "--free", "--label", "chancery", "--pin", "4711-pin", "--so-pin", "0815-pin"]);
    run("openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "decision.key"]);
    run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", "checkpoint.key"]);
    for (name, id) in [("decision", "01"), ("checkpoint", "02")] {
        run("softhsm2-util", &["--import", &format!("{name}.key"), "--token", "chancery", "--label", name, "--id", id, "--pin", "4711-pin"]);
    }
    run("openssl", &["pkey", "-in", "decision.key", "-pubout", "-out", "decision.pub"]);
    std::fs::remove_file(folder.join("decision.key")).unwrap();
    std::fs::remove_file(folder.join("checkpoint.key")).unwrap();
    std::fs::write(folder.join("pin"), "4711-pin\n").unwrap();
    std::fs::set_permissions(folder.join("pin"), std::fs::Permissions::from_mode(0o600)).unwrap();
    config
}

/// Both keys as a configuration file of the server.
fn as_toml(folder: &Path) -> String {
    let section = |name: &str| {
        let pin = folder.join("pin");
        format!("[keys.{name}.pkcs11]\nmodule = \"{MODULE}\"\ntoken_label = \"chancery\"\nkey_label = \"{name}\"\npin_file = \"{}\"\n", pin.display())
    };
    section("decision") + &section("checkpoint")
}

/// Where the token is, for [`token_child`]: the library of the token reads its own place from the environment only.
const TOKEN: &str = "CHANCERY_TEST_TOKEN";

/// A release whose decisions and checkpoints are signed by the token, in a process of its own.
#[test]
fn token_child() {
    let Some(folder) = std::env::var_os(TOKEN).map(PathBuf::from) else { return };
    block_on(async {
        let data = folder.join("registry");
        let app = TestApp::open_with(&data, None, None, sources(&folder)).await;
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        cast.bring_to(&version, "production").await;
        let keys = decision_keys(&app.anonymous).await;
        assert_eq!(keys[0].to_spki_pem().unwrap(), std::fs::read_to_string(folder.join("decision.pub")).unwrap(), "the key of the token");
        assert!(envelopes(&cast, &version).await.iter().all(|envelope| signed_by(envelope, &keys[0])));
        assert_eq!(signers(&app, &log_keys(&app.anonymous).await).await, [true]);
        assert!(!data.join("keys/decision.pem").exists() && !data.join("keys/checkpoint.pem").exists(), "no private key is on the disk");
        app.finish().await;
        println!("the token signed");
    });
}

#[test]
fn keys_are_in_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let config = token(folder.path());
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["registry_keys::token_child", "--exact", "--nocapture", "--test-threads=1"])
        .env(TOKEN, folder.path())
        .env("SOFTHSM2_CONF", &config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("the token signed"), "{said}{}", String::from_utf8_lossy(&child.stderr));
}

#[test]
fn keys_move_from_files_into_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let config = token(folder.path());
    let mut server = Process::start("");
    let data = server.data();
    let old = block_on(async { log_keys(&server.client()).await });
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let file = folder.path().join("chancery.toml");
    std::fs::write(&file, as_toml(folder.path())).unwrap();
    let with_token = |command: &mut Command| {
        command.arg("--config").arg(&file).env("SOFTHSM2_CONF", &config);
    };
    let said = complaint(&data, with_token);
    assert!(said.contains("run `chancery key rotate decision`"), "{said}");
    // One after the other: each run needs the other key as it is.
    for (which, sections) in [("decision", 1), ("checkpoint", 2)] {
        let whole = as_toml(folder.path());
        let part: Vec<&str> = whole.split_inclusive("pin\"\n").take(sections).collect();
        std::fs::write(&file, part.concat()).unwrap();
        let (done, said) = rotate(which, &data, with_token);
        assert!(done, "{said}");
    }
    let place = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
    let server = Process::start_in(place, &as_toml(folder.path()), |command| {
        command.env("SOFTHSM2_CONF", &config);
    });
    block_on(async {
        let logs = log_keys(&server.client()).await;
        assert_eq!((logs.len(), &logs[1]), (2, &old[0]));
        let note = text(&server.client(), "/log/checkpoint").await;
        for key in &logs {
            assert!(SignedCheckpoint::open(&note, key).is_ok(), "both sign while one takes over: {note}");
        }
    });
}

#[test]
fn what_is_wrong_with_a_token_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = token(folder.path());
    let file = folder.path().join("chancery.toml");
    let with_token = |command: &mut Command| {
        command.arg("--config").arg(&file).env("SOFTHSM2_CONF", &config);
    };
    for (from, to, expected) in [
        ("token_label = \"chancery\"", "token_label = \"none\"", "has no PKCS#11 token `none`"),
        ("key_label = \"decision\"", "key_label = \"none\"", "the key `none` of the PKCS#11 token `chancery` is not there"),
        ("key_label = \"decision\"", "key_label = \"checkpoint\"", "is not one of the curve P-256"),
        ("key_label = \"checkpoint\"", "key_label = \"decision\"", "is not one of Ed25519"),
        ("libsofthsm2.so", "none.so", "load the PKCS#11 token"),
    ] {
        std::fs::write(&file, as_toml(folder.path()).replace(from, to)).unwrap();
        let said = complaint(tempfile::tempdir().unwrap().path(), with_token);
        assert!(said.contains(expected) && !said.contains("4711"), "{expected}: {said}");
    }
    std::fs::write(folder.path().join("pin"), "1234-wrong").unwrap();
    std::fs::write(&file, as_toml(folder.path())).unwrap();
    let said = complaint(tempfile::tempdir().unwrap().path(), with_token);
    assert!(said.contains("log in to the PKCS#11 token") && !said.contains("1234-wrong"), "{said}");
}
