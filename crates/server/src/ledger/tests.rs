//! The tree in the database: edges, tiles, proofs, checkpoints.

use chancery_core::ledger::merkle::{self, Frontier, leaf_hash, verify_consistency, verify_inclusion};
use chancery_core::ledger::tile::{TilePath, decode_entries, decode_hashes, hash_tiles};
use chancery_core::ledger::{Hash, SignedCheckpoint};
use chancery_core::rows::Row as _;
use chancery_core::tables::EntryRow;

use super::sequence::Edge;
use super::signer::Publish;
use super::testing::{Registry, publish_by, tags};
use super::{hashes, memory, prove, tiles};
use crate::store::Head;

async fn leaves(registry: &Registry) -> Vec<Hash> {
    let rows: Vec<EntryRow> = registry.store.read().await.unwrap().rows("ORDER BY entry_index", &[]).await.unwrap();
    rows.iter().map(|row| leaf_hash(&row.bytes)).collect()
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

#[tokio::test]
async fn proofs_of_every_entry_verify_at_every_kind_of_size() {
    let mut registry = Registry::open().await;
    let mut size = 0;
    for next in [1, 2, 255, 256, 257, 511, 512, 513, 1025] {
        registry.commit(tags(next - size)).await;
        size = next;
        let leaves = leaves(&registry).await;
        let snapshot = registry.store.read().await.unwrap();
        let root = root_of(&leaves);
        assert_eq!(hashes::root(&snapshot, size).await.unwrap(), root, "{size}");
        for (index, leaf) in (0..).zip(&leaves) {
            let proof = hashes::inclusion_proof(&snapshot, index, size).await.unwrap();
            assert_eq!(verify_inclusion(*leaf, index, size, &proof, root), Ok(()), "{index} of {size}");
        }
        for old in (1..size).filter(|old| *old < 4 || old % 64 < 2 || size - old < 3) {
            let old_root = root_of(&leaves[..old as usize]);
            assert_eq!(hashes::root(&snapshot, old).await.unwrap(), old_root, "{old} of {size}");
            let proof = hashes::consistency_proof(&snapshot, old, size).await.unwrap();
            assert_eq!(verify_consistency(old, old_root, size, root, &proof), Ok(()), "{old} to {size}");
        }
        assert!(hashes::inclusion_proof(&snapshot, size, size).await.is_err());
        assert!(hashes::consistency_proof(&snapshot, size + 1, size).await.is_err());
    }
}

/// Fills the log tables alone, as quickly as the database can.
async fn fill(registry: &mut Registry, sizes: &[u64]) {
    let mut tx = registry.writer.begin().await.unwrap();
    let mut edge = Edge::load(&mut tx, 0).await.unwrap();
    for size in sizes {
        let mut rows = Vec::new();
        for index in edge.size()..*size {
            let bytes = index.to_string().into_bytes();
            let leaf = leaf_hash(&bytes);
            edge.append(leaf);
            rows.push(EntryRow { entry_index: index, bytes, leaf_hash: leaf.as_bytes().to_vec(), subject: "registry".into(), request: None }.to_values());
        }
        tx.insert(EntryRow::TABLE, &rows).await.unwrap();
        edge.full_tiles(&mut tx).await.unwrap();
        // What is read back is what was kept in memory: the next batches agree.
        let loaded = Edge::load(&mut tx, *size).await.unwrap();
        assert_eq!(format!("{loaded:?}"), format!("{edge:?}"), "{size}");
        edge = loaded;
    }
    tx.set_head(Head { size: edge.size(), at: chancery_core::names::Timestamp::from_micros(1) });
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_third_level_of_tiles_begins_at_65536_entries() {
    let mut registry = Registry::open().await;
    fill(&mut registry, &[0, 1, 300, 65_279, 65_280, 65_535, 65_536, 65_537, 66_049]).await;
    let size = 66_049;
    let leaves = leaves(&registry).await;
    let snapshot = registry.store.read().await.unwrap();
    let root = root_of(&leaves);
    for old in [1, 65_279, 65_535, 65_536, 65_537, size] {
        let old_root = root_of(&leaves[..old as usize]);
        assert_eq!(hashes::root(&snapshot, old).await.unwrap(), old_root, "{old}");
        let proof = hashes::consistency_proof(&snapshot, old, size).await.unwrap();
        assert_eq!(verify_consistency(old, old_root, size, root, &proof), Ok(()), "{old}");
    }
    for index in [0, 255, 256, 65_279, 65_280, 65_535, 65_536, 65_791, 65_792, 66_048] {
        let proof = hashes::inclusion_proof(&snapshot, index, size).await.unwrap();
        assert_eq!(verify_inclusion(leaves[index as usize], index, size, &proof, root), Ok(()), "{index}");
    }
    drop(snapshot);
    let signed = registry.sign().await.unwrap().unwrap();
    assert_eq!((signed.checkpoint().size, signed.checkpoint().root), (size, root));
}

#[tokio::test]
async fn tiles_and_bundles_are_those_of_the_published_tree() {
    let mut registry = Registry::open().await;
    registry.commit(tags(600)).await;
    assert_eq!(tiles::hash_tile(&registry.store, "tile/0/000").await.unwrap(), None, "nothing is published yet");
    registry.sign().await.unwrap();
    registry.commit(tags(400)).await;
    let all = leaves(&registry).await;
    for path in hash_tiles(600) {
        let bytes = tiles::hash_tile(&registry.store, &path.to_string()).await.unwrap().unwrap();
        let found = decode_hashes(&bytes).unwrap();
        let level = tiles_level(&path);
        let first = path.index() as usize * 256;
        let expected: Vec<Hash> = (first..first + usize::from(path.width()))
            .map(|place| {
                let span = 256_usize.pow(level);
                merkle::root(span as u64, |level, index| Ok::<_, ()>(subtree(&all[place * span..][..span], level, index))).unwrap()
            })
            .collect();
        assert_eq!(found, expected, "{path}");
    }
    // A width that was published once is served for ever, also when the tile is full by now.
    registry.sign().await.unwrap();
    let partial = decode_hashes(&tiles::hash_tile(&registry.store, "tile/0/002.p/88").await.unwrap().unwrap()).unwrap();
    assert_eq!(partial, &all[512..600]);
    let bundle = tiles::entry_bundle(&registry.store, "tile/entries/003.p/232").await.unwrap().unwrap();
    let entries = decode_entries(&bundle, 232).unwrap();
    assert_eq!(entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>(), &all[768..1000]);
    for absent in
        ["tile/0/003", "tile/0/003.p/233", "tile/1/000.p/4", "tile/2/000.p/1", "tile/0/0", "tile/0/000.p/256", "tile/00/000", "tile/64/000", "", "checkpoint"]
    {
        assert_eq!(tiles::hash_tile(&registry.store, absent).await.unwrap(), None, "{absent}");
    }
    for absent in ["tile/entries/003", "tile/entries/003.p/233", "tile/entries/3", "tile/0/000", ""] {
        assert_eq!(tiles::entry_bundle(&registry.store, absent).await.unwrap(), None, "{absent}");
    }
    assert_eq!(tiles::hash_tile(&registry.store, "tile/entries/000").await.unwrap(), None, "entries are another function");
}

fn tiles_level(path: &TilePath) -> u32 {
    path.to_string().split('/').nth(1).unwrap().parse().unwrap()
}

fn subtree(leaves: &[Hash], level: u8, index: u64) -> Hash {
    let span = 1_usize << level;
    root_of(&leaves[index as usize * span..][..span])
}

#[tokio::test]
async fn offline_proofs_verify_once_a_checkpoint_covers_the_entry() {
    let mut registry = Registry::open().await;
    registry.commit(tags(300)).await;
    let log = registry.keys.verifier().clone();
    assert_eq!(prove::prove(&registry.store.read().await.unwrap(), std::slice::from_ref(&log), 0).await.unwrap(), None);
    registry.sign().await.unwrap();
    registry.commit(tags(1)).await;
    let snapshot = registry.store.read().await.unwrap();
    assert_eq!(prove::prove(&snapshot, std::slice::from_ref(&log), 300).await.unwrap(), None);
    for index in [0, 255, 256, 299] {
        let proof = prove::prove(&snapshot, std::slice::from_ref(&log), index).await.unwrap().unwrap();
        let row: EntryRow = snapshot.get(crate::values![index]).await.unwrap().unwrap();
        assert_eq!(proof.to_string().parse::<chancery_core::ledger::LogProof>().unwrap().verify(&row.bytes, registry.keys.verifier()).unwrap().size, 300);
    }
}

#[tokio::test]
async fn a_checkpoint_is_signed_when_the_ledger_grew_and_only_then() {
    let mut registry = Registry::open().await;
    assert_eq!(registry.sign().await.unwrap(), None, "an empty ledger has nothing to sign");
    registry.commit(tags(3)).await;
    let first = registry.sign().await.unwrap().unwrap();
    assert_eq!(first.checkpoint().root, root_of(&leaves(&registry).await));
    assert_eq!(registry.sign().await.unwrap(), None);
    assert_eq!(memory::read(&registry.keys.memory_path(), registry.keys.public().logs()).unwrap(), Some(first));
    registry.commit(tags(2)).await;
    assert_eq!(registry.sign().await.unwrap().unwrap().checkpoint().size, 5);
}

#[tokio::test]
async fn a_crash_between_memory_and_publication_is_made_good() {
    let mut registry = Registry::open().await;
    registry.commit(tags(3)).await;
    let signer = registry.signer();
    // Signed and remembered; the process ends before it is published.
    assert!(signer.next(chancery_core::names::Timestamp::from_micros(1)).await.unwrap().is_some());
    let remembered = memory::read(&registry.keys.memory_path(), registry.keys.public().logs()).unwrap().unwrap();
    assert_eq!(registry.sign().await.unwrap(), Some(remembered), "the very note that was remembered is published");
}

#[tokio::test]
async fn of_two_servers_the_slower_one_loses() {
    let mut registry = Registry::open().await;
    registry.commit(tags(3)).await;
    let note = registry.sign().await.unwrap().unwrap().note().to_owned();
    let at = chancery_core::names::Timestamp::from_micros(1);
    for (size, published) in [(3, false), (2, false)] {
        let job = Publish { size, note: note.clone(), at };
        assert_eq!(publish_by(&mut registry.writer, job).await.unwrap(), published, "{size}");
    }
    let beyond = Publish { size: 4, note, at };
    assert!(publish_by(&mut registry.writer, beyond).await.is_err(), "more than is committed");
}

#[tokio::test]
async fn a_key_without_memory_takes_over_what_is_published() {
    let mut registry = Registry::open().await;
    registry.commit(tags(3)).await;
    let signed = registry.sign().await.unwrap();
    std::fs::remove_file(registry.keys.memory_path()).unwrap();
    assert_eq!(registry.sign().await.unwrap(), None);
    assert_eq!(memory::read(&registry.keys.memory_path(), registry.keys.public().logs()).unwrap(), signed);
}

#[tokio::test]
async fn a_restored_backup_makes_the_registry_read_only_until_the_data_is_back() {
    let mut registry = Registry::open().await;
    registry.commit(tags(300)).await;
    registry.sign().await.unwrap();
    let mut backup = registry.copy().await;
    registry.commit(tags(300)).await;
    registry.sign().await.unwrap();
    std::fs::copy(registry.keys.memory_path(), backup.keys.memory_path()).unwrap();

    let signer = backup.signer();
    let read_only = signer.read_only();
    assert_eq!(backup.sign_by(&signer).await.unwrap(), None);
    let reason = read_only.borrow().clone().unwrap();
    assert!(reason.contains("signed a checkpoint of 600 entries, the database has 300"), "{reason}");

    // Growing past the remembered size does not help: it is another history.
    backup.commit(tags(401).split_off(1)).await;
    assert_eq!(backup.sign_by(&signer).await.unwrap(), None);
    let reason = read_only.borrow().clone().unwrap();
    assert!(reason.contains("are not those that the checkpoint of 600 entries covers"), "{reason}");

    let restored = registry.copy().await;
    let signer = restored.signer();
    let mut restored = restored;
    restored.commit(tags(1)).await;
    assert_eq!(restored.sign_by(&signer).await.unwrap().unwrap().checkpoint().size, 601);
    assert_eq!(*signer.read_only().borrow(), None);
}

#[tokio::test]
async fn an_altered_database_is_not_signed() {
    for (tamper, said) in [
        ("UPDATE entries SET leaf_hash = zeroblob(32) WHERE entry_index = 290", "not those that the checkpoint of 300 entries covers"),
        ("UPDATE tiles SET root = zeroblob(32) WHERE level = 0", "not those that the checkpoint of 300 entries covers"),
        ("UPDATE checkpoints SET note = replace(note, 'example', 'another')", "the published checkpoint of 300 entries is not signed by this log"),
    ] {
        let mut registry = Registry::open().await;
        registry.commit(tags(300)).await;
        registry.sign().await.unwrap();
        registry.commit(tags(10)).await;
        registry.sql(tamper);
        let signer = registry.signer();
        assert_eq!(registry.sign_by(&signer).await.unwrap(), None, "{tamper}");
        let reason = signer.read_only().borrow().clone().unwrap();
        assert!(reason.contains(said), "{reason}");
        let remembered: SignedCheckpoint = memory::read(&registry.keys.memory_path(), registry.keys.public().logs()).unwrap().unwrap();
        assert_eq!(remembered.checkpoint().size, 300);
    }
}
