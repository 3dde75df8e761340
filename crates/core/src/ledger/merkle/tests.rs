use std::convert::Infallible;

use ct_merkle::{HashableLeaf, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;

use super::*;

/// The eight entries of the RFC 6962 test vectors of certificate-transparency.
const ENTRIES: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Their roots for the sizes 1 to 8.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// All complete subtrees of a tree, by level: the plainest possible source of hashes.
struct Subtrees(Vec<Vec<Hash>>);

impl Subtrees {
    fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let pairs = level.chunks_exact(2);
            levels.push(pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect());
        }
        Self(levels)
    }

    fn read(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(index).unwrap()])
    }
}

/// A leaf as ct-merkle sees it.
struct Entry(u64);

impl HashableLeaf for Entry {
    fn hash<H: sha2::digest::Update>(&self, hasher: &mut H) {
        hasher.update(&self.0.to_be_bytes());
    }
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|entry| leaf_hash(&entry.to_be_bytes())).collect()
}

fn flatten(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn frontier_of(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier
}

fn sample(byte: u8) -> Hash {
    Hash([byte; 32])
}

#[test]
fn roots_of_the_rfc_6962_vectors() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    for (entry, expected) in ENTRIES.iter().zip(ROOTS) {
        frontier.push(leaf_hash(&hex::decode(entry).unwrap()));
        assert_eq!(frontier.root().to_hex(), expected);
    }
}

#[test]
fn proofs_of_the_rfc_6962_vectors() {
    let hashes = ENTRIES.map(|entry| leaf_hash(&hex::decode(entry).unwrap()));
    let subtrees = Subtrees::new(hashes.to_vec());
    let proof = inclusion_proof(0, 8, |l, i| subtrees.read(l, i)).unwrap();
    let expected = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(proof, expected.map(|text| Hash::from_hex(text).unwrap()));
    let proof = consistency_proof(6, 8, |l, i| subtrees.read(l, i)).unwrap();
    let expected = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(proof, expected.map(|text| Hash::from_hex(text).unwrap()));
}

#[test]
fn every_inclusion_proof_of_small_trees_holds_and_is_the_reference_one() {
    let mut oracle = MemoryBackedTree::<Sha256, Entry>::new();
    for size in 1..=300_u64 {
        oracle.push(Entry(size - 1));
        let leaves = leaves(size);
        let subtrees = Subtrees::new(leaves.clone());
        let tree_root = frontier_of(&leaves).root();
        assert_eq!(tree_root.0[..], oracle.root().as_bytes()[..]);
        assert_eq!(root(size, |l, i| subtrees.read(l, i)), Ok(tree_root));
        for (index, leaf) in (0..).zip(leaves) {
            let proof = inclusion_proof(index, size, |l, i| subtrees.read(l, i)).unwrap();
            let reference = oracle.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(flatten(&proof), reference.as_bytes(), "{index} of {size}");
            assert_eq!(verify_inclusion(leaf, index, size, &proof, tree_root), Ok(()));
        }
    }
}

#[test]
fn every_consistency_proof_of_small_trees_holds_and_is_the_reference_one() {
    let leaves = leaves(130);
    let subtrees = Subtrees::new(leaves.clone());
    let mut roots = vec![empty_root()];
    let mut oracle = MemoryBackedTree::<Sha256, Entry>::new();
    for (new, entry) in (1_usize..=130).zip(0..) {
        oracle.push(Entry(entry));
        roots.push(frontier_of(&leaves[..new]).root());
        for old in 0..=new {
            let (old_size, new_size) = (old as u64, new as u64);
            let proof = consistency_proof(old_size, new_size, |l, i| subtrees.read(l, i)).unwrap();
            if old > 0 && old < new {
                let reference = oracle.prove_consistency(new - old);
                assert_eq!(flatten(&proof), reference.as_bytes(), "{old} to {new}");
            }
            let verdict = verify_consistency(old_size, roots[old], new_size, roots[new], &proof);
            assert_eq!(verdict, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn a_changed_inclusion_proof_is_refused() {
    let leaves = leaves(11);
    let subtrees = Subtrees::new(leaves.clone());
    let tree_root = frontier_of(&leaves).root();
    for (index, leaf) in (0..).zip(leaves) {
        let proof = inclusion_proof(index, 11, |l, i| subtrees.read(l, i)).unwrap();
        let check = |leaf, index, size, proof: &[Hash], root| {
            assert!(verify_inclusion(leaf, index, size, proof, root).is_err());
        };
        check(sample(1), index, 11, &proof, tree_root);
        check(leaf, index, 11, &proof, sample(1));
        check(leaf, index, index, &proof, tree_root);
        // The same hashes must not do for a tree that is one level higher.
        check(leaf, index, 22, &proof, tree_root);
        check(leaf, index + 11, 11, &proof, tree_root);
        check(leaf, (index + 1) % 11, 11, &proof, tree_root);
        check(leaf, index, 11, &proof[1..], tree_root);
        check(leaf, index, 11, &proof[..proof.len() - 1], tree_root);
        check(leaf, index, 11, &[&proof[..], &[sample(1)]].concat(), tree_root);
        for position in 0..proof.len() {
            let mut changed = proof.clone();
            changed[position].0[31] ^= 1;
            check(leaf, index, 11, &changed, tree_root);
        }
    }
}

#[test]
fn a_changed_consistency_proof_is_refused() {
    let leaves = leaves(13);
    let subtrees = Subtrees::new(leaves.clone());
    let new_root = frontier_of(&leaves).root();
    for old in 1..13_u64 {
        let old_root = frontier_of(&leaves[..old as usize]).root();
        let proof = consistency_proof(old, 13, |l, i| subtrees.read(l, i)).unwrap();
        let check = |old_size, old_root, new_size, new_root, proof: &[Hash]| {
            assert!(verify_consistency(old_size, old_root, new_size, new_root, proof).is_err());
        };
        check(old, sample(1), 13, new_root, &proof);
        check(old, old_root, 13, sample(1), &proof);
        check(14, old_root, 13, new_root, &proof);
        check(old, old_root, 26, new_root, &proof);
        check(0, old_root, 13, new_root, &proof);
        check(13, old_root, 13, new_root, &proof);
        check(old, old_root, 13, new_root, &[]);
        check(old, old_root, 13, new_root, &proof[1..]);
        check(old, old_root, 13, new_root, &[&proof[..], &[sample(1)]].concat());
        for position in 0..proof.len() {
            let mut changed = proof.clone();
            changed[position].0[0] ^= 1;
            check(old, old_root, 13, new_root, &changed);
        }
    }
    let trivial = |old_size, old_root, new_size, proof: &[Hash]| verify_consistency(old_size, old_root, new_size, new_root, proof);
    assert_eq!(trivial(13, new_root, 13, &[]), Ok(()));
    assert_eq!(trivial(0, empty_root(), 13, &[]), Ok(()));
    assert_eq!(trivial(13, sample(1), 13, &[]), Err(VerifyError::RootMismatch));
    assert_eq!(trivial(0, sample(1), 13, &[]), Err(VerifyError::OldRootMismatch));
    assert_eq!(trivial(0, empty_root(), 13, &[sample(1)]), Err(VerifyError::WrongLength));
}

#[test]
fn positions_outside_the_tree_have_no_proof() {
    let unread = |_: u8, _: u64| -> Result<Hash, Infallible> { panic!("must not be read") };
    for (index, size) in [(0, 0), (1, 1), (9, 8), (0, MAX_TREE_SIZE + 1)] {
        assert!(inclusion_proof(index, size, unread).is_err(), "{index} {size}");
    }
    for (old, new) in [(1, 0), (9, 8), (1, u64::MAX)] {
        assert!(consistency_proof(old, new, unread).is_err(), "{old} {new}");
    }
    let failing = |_: u8, _: u64| -> Result<Hash, &str> { Err("disk") };
    assert_eq!(inclusion_proof(0, 2, failing), Err(ProofError::Read("disk")));
    assert_eq!(consistency_proof(1, 2, failing), Err(ProofError::Read("disk")));
}

#[test]
fn a_frontier_survives_storage_and_refuses_wrong_parts() {
    let mut frontier = Frontier::new();
    for leaf in leaves(300) {
        let restored = Frontier::from_parts(frontier.size(), &frontier.hashes()).unwrap();
        assert_eq!(restored, frontier);
        assert_eq!(restored.root(), frontier.root());
        frontier.push(leaf);
    }
    assert!(Frontier::from_parts(3, &[sample(1)]).is_err());
    assert!(Frontier::from_parts(0, &[sample(1)]).is_err());
    assert!(Frontier::from_parts(u64::MAX, &[sample(1); 64]).is_err());
    let widest = Frontier::from_parts(MAX_TREE_SIZE, &[sample(1); 63]).unwrap();
    assert_eq!(widest.hashes().len(), 63);
}

#[test]
fn hashes_have_one_spelling() {
    let hash = leaf_hash(b"entry");
    assert_eq!(Hash::from_base64(&hash.to_string()), Some(hash));
    assert_eq!(Hash::from_hex(&hash.to_hex()), Some(hash));
    assert_eq!(Hash::from_slice(hash.as_bytes()), Some(hash));
    assert_eq!(Hash::from_hex(&hash.to_hex().to_uppercase()), None);
    assert_eq!(Hash::from_base64(hash.to_string().trim_end_matches('=')), None);
    assert_eq!(Hash::from_slice(&[0; 31]), None);
}

/// A tree too large to build: each complete subtree has a made-up hash, and its reads are counted.
fn made_up(level: u8, index: u64) -> Hash {
    leaf_hash(&[&[level][..], &index.to_be_bytes()].concat())
}

proptest! {
    #[test]
    fn large_trees_take_few_reads(size in 1..MAX_TREE_SIZE, position in any::<u64>()) {
        let mut reads = 0;
        let mut counted = |level: u8, index: u64| -> Result<Hash, Infallible> {
            reads += 1;
            assert!((index + 1) << level <= size, "subtree is not complete");
            Ok(made_up(level, index))
        };
        inclusion_proof(position % size, size, &mut counted).unwrap();
        consistency_proof(position % size, size, &mut counted).unwrap();
        prop_assert!(reads <= 4 * 64);
    }

    #[test]
    fn middle_sized_trees_prove_everything(size in 300..5_000_u64, position in any::<u64>()) {
        let leaves = leaves(size);
        let subtrees = Subtrees::new(leaves.clone());
        let tree_root = frontier_of(&leaves).root();
        let index = position % size;
        let proof = inclusion_proof(index, size, |l, i| subtrees.read(l, i)).unwrap();
        prop_assert_eq!(verify_inclusion(leaves[index as usize], index, size, &proof, tree_root), Ok(()));
        let old_root = frontier_of(&leaves[..index as usize]).root();
        let proof = consistency_proof(index, size, |l, i| subtrees.read(l, i)).unwrap();
        prop_assert_eq!(verify_consistency(index, old_root, size, tree_root, &proof), Ok(()));
    }
}
