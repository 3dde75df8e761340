//! Inclusion and consistency proofs: making them from stored hashes (RFC 6962 sections 2.1.1 and 2.1.2) and
//! verifying them (RFC 9162 sections 2.1.3.2 and 2.1.4.2).
//!
//! Makers ask their source only for complete subtrees, at most two for each level of the tree.

use super::{Hash, MAX_TREE_SIZE, empty_root, join, node_hash};

/// Why a proof could not be made. `E` is the error of the source of hashes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// The index or the old size is not in the tree, or the tree is larger than [`MAX_TREE_SIZE`].
    #[error("`{position}` is outside a tree of size `{size}`")]
    OutOfRange {
        /// The leaf index or old size that was asked for.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The source could not give a hash.
    #[error("tree hash cannot be read: {0}")]
    Read(E),
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The leaf index or the old size is not in the tree.
    #[error("`{position}` is outside a tree of size `{size}`")]
    OutOfRange {
        /// The leaf index or old size that was claimed.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof has too few or too many hashes for these sizes.
    #[error("proof has the wrong number of hashes")]
    WrongLength,
    /// The proof leads to another root than the (new) root given.
    #[error("proof leads to another root")]
    RootMismatch,
    /// The proof leads to another root than the old root given.
    #[error("proof leads to another root of the old tree")]
    OldRootMismatch,
}

/// The root of a tree of `size` leaves. `read(level, index)` gives the hash of a complete subtree.
///
/// Fails only as `read` fails.
pub fn root<E>(size: u64, mut read: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    range_root(0, size, &mut read)
}

/// The inclusion proof of leaf `index` in a tree of `size` leaves, the leaf's sibling first (RFC 6962 section 2.1.1).
///
/// `read(level, index)` gives the hash of a complete subtree.
pub fn inclusion_proof<E>(index: u64, size: u64, mut read: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Vec<Hash>, ProofError<E>> {
    if index >= size || size > MAX_TREE_SIZE {
        return Err(ProofError::OutOfRange { position: index, size });
    }
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        let (sibling_begin, sibling_end) =
            if index < middle { (middle, std::mem::replace(&mut end, middle)) } else { (std::mem::replace(&mut begin, middle), middle) };
        proof.push(range_root(sibling_begin, sibling_end, &mut read).map_err(ProofError::Read)?);
    }
    // The descent met the root's child first.
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962 section 2.1.2).
///
/// Empty if `old` is 0 or equal to `new`. `read(level, index)` gives the hash of a complete subtree.
pub fn consistency_proof<E>(old: u64, new: u64, mut read: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Vec<Hash>, ProofError<E>> {
    if old > new || new > MAX_TREE_SIZE {
        return Err(ProofError::OutOfRange { position: old, size: new });
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0, new);
    while end != old {
        let middle = begin + split(end - begin);
        let (sibling_begin, sibling_end) =
            if old <= middle { (middle, std::mem::replace(&mut end, middle)) } else { (std::mem::replace(&mut begin, middle), middle) };
        proof.push(range_root(sibling_begin, sibling_end, &mut read).map_err(ProofError::Read)?);
    }
    // The verifier knows the old root, so the last subtree is left out when it is the whole old tree.
    if begin > 0 {
        proof.push(range_root(begin, end, &mut read).map_err(ProofError::Read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` (a [`super::leaf_hash`]) is at `index` in the tree of `size` leaves with this root (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> Result<(), VerifyError> {
    if index >= size {
        return Err(VerifyError::OutOfRange { position: index, size });
    }
    let mut path = Path { node: index, last: size - 1 };
    let mut computed = leaf;
    for sibling in proof {
        computed = match path.climb()? {
            Side::Left => node_hash(sibling, &computed),
            Side::Right => node_hash(&computed, sibling),
        };
    }
    path.finish()?;
    if computed != root {
        return Err(VerifyError::RootMismatch);
    }
    Ok(())
}

/// Checks that the tree of `old_size` leaves is a prefix of the tree of `new_size` leaves (RFC 9162 section 2.1.4.2).
///
/// An empty old tree is a prefix of any tree, with an empty proof.
pub fn verify_consistency(old_size: u64, old_root: Hash, new_size: u64, new_root: Hash, proof: &[Hash]) -> Result<(), VerifyError> {
    if old_size > new_size {
        return Err(VerifyError::OutOfRange { position: old_size, size: new_size });
    }
    if old_size == 0 || old_size == new_size {
        return verify_trivial_consistency(old_size, old_root, new_size, new_root, proof);
    }
    // The largest complete subtree at the old tree's right edge; it is the old tree itself for a power of two.
    let skipped = old_size.trailing_zeros();
    let mut path = Path { node: (old_size - 1) >> skipped, last: (new_size - 1) >> skipped };
    let (start, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(VerifyError::WrongLength),
    };
    let (mut old, mut new) = (start, start);
    for sibling in rest {
        match path.climb()? {
            Side::Left => {
                old = node_hash(sibling, &old);
                new = node_hash(sibling, &new);
            }
            Side::Right => new = node_hash(&new, sibling),
        }
    }
    path.finish()?;
    if old != old_root {
        return Err(VerifyError::OldRootMismatch);
    }
    if new != new_root {
        return Err(VerifyError::RootMismatch);
    }
    Ok(())
}

fn verify_trivial_consistency(old_size: u64, old_root: Hash, new_size: u64, new_root: Hash, proof: &[Hash]) -> Result<(), VerifyError> {
    if !proof.is_empty() {
        return Err(VerifyError::WrongLength);
    }
    if old_size == 0 && old_root != empty_root() {
        return Err(VerifyError::OldRootMismatch);
    }
    if old_size == new_size && old_root != new_root {
        return Err(VerifyError::RootMismatch);
    }
    Ok(())
}

/// On which side of the climbing node its sibling stands.
enum Side {
    Left,
    Right,
}

/// The way from a node to the root: `fn` and `sn` of RFC 9162, the index of the node and of the last node on its level.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    /// Goes to the parent by way of the next sibling; fails above the root.
    fn climb(&mut self) -> Result<Side, VerifyError> {
        if self.last == 0 {
            return Err(VerifyError::WrongLength);
        }
        let is_right_child = self.node % 2 == 1;
        let side = if is_right_child || self.node == self.last {
            // The last node of a level without a sibling is its own parent until it becomes a right child.
            let without_sibling = self.node.trailing_zeros();
            if !is_right_child {
                self.node >>= without_sibling;
                self.last >>= without_sibling;
            }
            Side::Left
        } else {
            Side::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        Ok(side)
    }

    /// Succeeds if the way has reached the root.
    fn finish(self) -> Result<(), VerifyError> {
        match self.last {
            0 => Ok(()),
            _ => Err(VerifyError::WrongLength),
        }
    }
}

/// The root over the leaves `begin..end`, where `begin` is a multiple of the largest power of two up to the length.
fn range_root<E>(begin: u64, mut end: u64, read: &mut impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let mut root = None;
    while end > begin {
        let level = (end - begin).trailing_zeros() as u8;
        end -= 1 << level;
        root = Some(join(&read(level, end >> level)?, root));
    }
    Ok(root.unwrap_or_else(empty_root))
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
