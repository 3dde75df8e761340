//! The RFC 6962 Merkle tree over SHA-256: hashing, the right edge of a growing tree, proofs and their verification.
//!
//! A *complete subtree* `(level, index)` covers the leaves `index * 2^level .. (index + 1) * 2^level`. Its hash never
//! changes once its leaves exist, so it can be stored (see [`super::tile`]).

mod path;

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

pub use path::{ProofError, VerifyError, consistency_proof, inclusion_proof, root, verify_consistency, verify_inclusion};

/// The largest tree: sizes and indices fit a signed 64-bit database integer.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

const LEAF_PREFIX: [u8; 1] = [0x00];
const NODE_PREFIX: [u8; 1] = [0x01];
const LEVELS: usize = 64;

/// A SHA-256 hash of a leaf or a node. Displayed as standard base64 with padding, as C2SP formats write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes exactly 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads standard base64 with padding (RFC 4648 section 4) of exactly 32 bytes; `None` for anything else.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_slice(&BASE64_STANDARD.decode(text).ok()?)
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 lower-case hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let hash = Self::from_slice(&hex::decode(text).ok()?)?;
        (hash.to_hex() == text).then_some(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({})", self.to_hex())
    }
}

/// Why stored hashes are not the right edge of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The number of hashes differs from the number of one bits of the size.
    #[error("a tree of size `{size}` has `{expected}` frontier hashes, got `{given}`")]
    WrongCount {
        /// The size of the tree.
        size: u64,
        /// How many hashes such a tree has.
        expected: u32,
        /// How many hashes were given.
        given: usize,
    },
    /// The size is above [`MAX_TREE_SIZE`].
    #[error("tree size `{size}` is too large")]
    TooLarge {
        /// The size that was given.
        size: u64,
    },
}

/// The right edge of a growing tree: the roots of its maximal complete subtrees (a compact range from 0).
///
/// Enough to append leaves and compute the root without reading the tree. Appending does not allocate.
#[derive(Clone)]
pub struct Frontier {
    size: u64,
    /// The slot of level `l` holds a subtree of `2^l` leaves exactly when bit `l` of `size` is set; other slots are stale.
    levels: [Hash; LEVELS],
}

impl Frontier {
    /// The right edge of the empty tree.
    pub fn new() -> Self {
        Self { size: 0, levels: [Hash([0; 32]); LEVELS] }
    }

    /// Restores the right edge from the size and what [`Frontier::hashes`] gave (largest subtree first).
    pub fn from_parts(size: u64, hashes: &[Hash]) -> Result<Self, FrontierError> {
        if size > MAX_TREE_SIZE {
            return Err(FrontierError::TooLarge { size });
        }
        if hashes.len() != size.count_ones() as usize {
            return Err(FrontierError::WrongCount { size, expected: size.count_ones(), given: hashes.len() });
        }
        let mut frontier = Self::new();
        frontier.size = size;
        let mut smallest_first = hashes.iter().rev();
        for (level, slot) in frontier.levels.iter_mut().enumerate() {
            if is_set(size, level)
                && let Some(hash) = smallest_first.next()
            {
                *slot = *hash;
            }
        }
        Ok(frontier)
    }

    /// Appends one leaf, given its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        let mut carried = leaf;
        for (level, slot) in self.levels.iter_mut().enumerate() {
            if !is_set(self.size, level) {
                *slot = carried;
                break;
            }
            carried = node_hash(slot, &carried);
        }
        self.size += 1;
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of [`Frontier::size`] leaves.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for (level, slot) in self.levels.iter().enumerate() {
            if is_set(self.size, level) {
                root = Some(join(slot, root));
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// The hashes to store, largest (leftmost) subtree first: one for each one bit of the size.
    pub fn hashes(&self) -> Vec<Hash> {
        let slots = self.levels.iter().enumerate().rev();
        slots.filter(|(level, _)| is_set(self.size, *level)).map(|(_, hash)| *hash).collect()
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Frontier {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && self.hashes() == other.hashes()
    }
}

impl Eq for Frontier {}

impl fmt::Debug for Frontier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Frontier").field("size", &self.size).field("hashes", &self.hashes()).finish()
    }
}

/// The hash of a leaf: `SHA-256(0x00 ‖ entry)` (RFC 6962 section 2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    finish(Sha256::new().chain_update(LEAF_PREFIX).chain_update(entry))
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 section 2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let prefixed = Sha256::new().chain_update(NODE_PREFIX);
    finish(prefixed.chain_update(left.0).chain_update(right.0))
}

/// The root of the empty tree: `SHA-256("")`.
pub fn empty_root() -> Hash {
    finish(Sha256::new())
}

/// Puts a subtree to the left of what stands to its right, if anything does.
fn join(left: &Hash, right: Option<Hash>) -> Hash {
    match right {
        Some(right) => node_hash(left, &right),
        None => *left,
    }
}

fn is_set(size: u64, level: usize) -> bool {
    (size >> level) & 1 == 1
}

fn finish(hasher: Sha256) -> Hash {
    Hash(hasher.finalize().into())
}

#[cfg(test)]
mod tests;
