use std::process::Command;

use super::*;
use crate::ledger::testing::{MODEL, Registry, tags};

#[tokio::test]
async fn a_folder_about_a_version_can_be_checked_with_openssl() {
    let mut registry = Registry::open().await;
    registry.live(&[]).await;
    registry.commit(tags(5)).await;
    registry.sign().await.unwrap();
    registry.commit(tags(1)).await;
    registry.sign().await.unwrap();
    let model = ModelId::parse(MODEL).unwrap();
    let indexes = entries_of_version(&registry.store.read().await.unwrap(), &model, VersionNumber::new(1).unwrap()).await.unwrap();
    assert_eq!(indexes, (3..=18).collect::<Vec<u64>>());

    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("evidence");
    let exported = export(&registry.store, registry.keys.public(), &indexes, &folder).await.unwrap();
    assert_eq!(exported, Exported { entries: 16, envelopes: 1, signed_evidence: 0, payloads: 5, checkpoints: 2 });

    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let log: chancery_core::ledger::note::Verifier = read("log.vkey").trim_end().parse().unwrap();
    assert_eq!(read("checkpoint"), read("checkpoints/000000019"));
    for index in indexes {
        let proof: chancery_core::ledger::LogProof = read(&format!("entries/{index:09}.tlog-proof")).parse().unwrap();
        assert_eq!(proof.verify(read(&format!("entries/{index:09}.json")).as_bytes(), &log).unwrap().size, 19);
    }
    // The commands of README.txt, as they are written there.
    let commands: Vec<&str> = README.lines().filter_map(|line| line.strip_prefix("   ")).filter(|line| !line.starts_with(char::is_uppercase)).collect();
    let script: Vec<&str> =
        commands.into_iter().skip_while(|line| !line.starts_with("for f in envelopes")).take_while(|line| !line.starts_with("Any")).collect();
    let run = |script: &str| {
        let output = Command::new("sh").arg("-c").arg(script).current_dir(&folder).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run(&script.join("\n"));
    assert!(said.contains("Verified OK") && !said.contains("altered") && !said.contains("Failure"), "{said}");
    let envelope =
        fs::read_dir(folder.join("envelopes")).unwrap().map(|file| file.unwrap().path()).find(|path| path.extension().is_some_and(|end| end == "pae"));
    let envelope = envelope.unwrap();
    let name = envelope.file_name().unwrap().to_str().unwrap();
    fs::write(&envelope, b"DSSEv1 other").unwrap();
    let payload = fs::read_dir(folder.join("payloads")).unwrap().next().unwrap().unwrap().path();
    fs::write(payload, b"other").unwrap();
    let said = run(&script.join("\n"));
    assert!(!said.contains("Verified OK") && said.contains("altered: payloads/") && said.contains(&format!("does not hold: envelopes/{name}")), "{said}");
    // The key that the record names is one of the folder's, and without it nothing is said to hold.
    let key = format!("decision.{}.pem", fs::read_to_string(envelope.with_extension("keyid")).unwrap());
    assert_eq!(read(&key), read("decision.pem"));
    fs::remove_file(folder.join(&key)).unwrap();
    let said = run(&script.join("\n"));
    assert!(said.contains(&format!("not checked: envelopes/{name} names a key that is not here: {key}")), "{said}");
}

#[tokio::test]
async fn folders_with_content_and_entries_without_checkpoint_are_refused() {
    let mut registry = Registry::open().await;
    registry.commit(tags(2)).await;
    let place = tempfile::tempdir().unwrap();
    let said = |result: Result<Exported, Fault>| result.unwrap_err().to_string();
    let uncovered = export(&registry.store, registry.keys.public(), &[1], &place.path().join("a")).await;
    assert_eq!(said(uncovered), "entry 1 is not covered by a checkpoint yet: try again in a second");
    registry.sign().await.unwrap();
    assert_eq!(said(export(&registry.store, registry.keys.public(), &[7], &place.path().join("b")).await), "there is no entry 7");
    assert!(said(export(&registry.store, registry.keys.public(), &[1], place.path()).await).contains("is not empty"));
}
