//! Offline proofs that one entry is in a log (C2SP tlog-proof): one text file that needs only the log's key.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::merkle::{Hash, VerifyError, leaf_hash, verify_inclusion};
use super::note::Verifier;
use super::parse_decimal;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const EXTRA: &str = "extra ";
/// No tree is higher.
const MAX_HASHES: usize = 64;

/// A proof as it is stored in a `.tlog-proof` file. `Display` writes the file, `FromStr` reads exactly that.
///
/// Nothing in it is to be believed before [`LogProof::verify`]; `extra` never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// Opaque bytes that no signature covers.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint note, verbatim.
    pub checkpoint: String,
}

/// Why a proof file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogProofError {
    /// The text has not the form of a proof file.
    #[error("not a log proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not at this index of the tree that the checkpoint states.
    #[error("entry is not in the log: {0}")]
    Inclusion(#[from] VerifyError),
}

impl LogProof {
    /// Checks that the log's key signed the checkpoint and that `entry` is at the index; gives the checkpoint.
    pub fn verify(&self, entry: &[u8], log: &Verifier) -> Result<Checkpoint, LogProofError> {
        let signed = SignedCheckpoint::open(&self.checkpoint, log)?;
        let checkpoint = signed.checkpoint();
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, &self.hashes, checkpoint.root)?;
        Ok(checkpoint.clone())
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "{EXTRA}{}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(formatter, "{hash}")?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl FromStr for LogProof {
    type Err = LogProofError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use LogProofError::Malformed;
        // The first blank line ends the proof; the checkpoint has one of its own.
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Malformed("it has no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(Malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines
            .next_if(|line| line.starts_with(EXTRA))
            .and_then(|line| line.strip_prefix(EXTRA))
            .map(|encoded| BASE64_STANDARD.decode(encoded))
            .transpose()
            .map_err(|_| Malformed("its extra data is not base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal).ok_or(Malformed("its index line is missing or wrong"))?;
        let hashes: Vec<Hash> = lines.map(Hash::from_base64).collect::<Option<_>>().ok_or(Malformed("a hash line is not a base64 hash"))?;
        if hashes.len() > MAX_HASHES {
            return Err(Malformed("it has too many hashes"));
        }
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::merkle::node_hash;
    use crate::ledger::note::Signer;

    const ENTRIES: [&[u8]; 3] = [b"zero", b"one", b"two"];

    /// Made with openssl and sha256 from a seed of 32 bytes 0x01.
    const GOLDEN_PROOF: &str = "c2sp.org/tlog-proof@v1\n\
        index 1\n\
        bWt2UodlmLLAZro08EeWsBkoXSCZHlm/ueen5swtT5g=\n\
        qxq38Hx8j+Dv9LpvqlPH5EEukaWZFT6KpOAb7s5beCU=\n\
        \n\
        example.com/log\n\
        3\n\
        A9jN2rnQIZbqXtL42/AQnTXSHwcp5YXyeuKU7VUuwys=\n\
        \n\
        — example.com/log m+XTxq+8M/hg7G9RjV7H7k6ZtyQDvpQWjPoBI2G0DiBBpQEYPiqdPXps8BX7bhHUfzoj165/EhnDWop/8eYDhhq6pQI=\n";

    fn log() -> Signer {
        Signer::new("example.com/log", &[1; 32]).unwrap()
    }

    /// The proof of entry 1 in the tree of three entries.
    fn proof() -> LogProof {
        let [zero, one, two] = ENTRIES.map(leaf_hash);
        let root = node_hash(&node_hash(&zero, &one), &two);
        let origin = "example.com/log".to_owned();
        let checkpoint = Checkpoint { origin, size: 3, root };
        LogProof { extra: None, index: 1, hashes: vec![zero, two], checkpoint: SignedCheckpoint::sign(checkpoint, &log()).unwrap().note().to_owned() }
    }

    #[test]
    fn the_file_is_that_of_the_standard() {
        assert_eq!(proof().to_string(), GOLDEN_PROOF);
        assert_eq!(GOLDEN_PROOF.parse(), Ok(proof()));
        let with_extra = LogProof { extra: Some(b"context".to_vec()), ..proof() };
        let text = with_extra.to_string();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra Y29udGV4dA==\nindex 1\n"));
        assert_eq!(text.parse(), Ok(with_extra));
        let alone = LogProof { hashes: Vec::new(), ..proof() };
        assert_eq!(alone.to_string().parse(), Ok(alone));
    }

    #[test]
    fn a_true_proof_verifies() {
        let checkpoint = proof().verify(b"one", log().verifier()).unwrap();
        assert_eq!(checkpoint.size, 3);
    }

    #[test]
    fn a_proof_with_any_part_changed_is_refused() {
        let stranger = Signer::new("example.com/log", &[2; 32]).unwrap();
        assert!(proof().verify(b"one", stranger.verifier()).is_err());
        assert!(proof().verify(b"two", log().verifier()).is_err());
        let mut changed_hash = proof();
        changed_hash.hashes[1].0[5] ^= 0x10;
        let cases = [
            LogProof { index: 0, ..proof() },
            LogProof { index: 3, ..proof() },
            LogProof { hashes: vec![], ..proof() },
            LogProof { checkpoint: proof().checkpoint.replace("\n3\n", "\n4\n"), ..proof() },
            LogProof { checkpoint: String::new(), ..proof() },
            changed_hash,
        ];
        for case in cases {
            assert!(case.verify(b"one", log().verifier()).is_err(), "{case}");
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let text = proof().to_string();
        for changed in [
            String::new(),
            text.replace("@v1", "@v2"),
            text.replace("index 1", "index 01"),
            text.replace("index 1", "index"),
            text.replace("index 1\n", ""),
            text.replace("index 1", "index 1\nextra AAAA"),
            text.replace("index 1", "extra !\nindex 1"),
            text.replace("index 1", "extra extra AAAA\nindex 1"),
            text.replace("index 1", "index 1\nAAAA"),
            text.replace("index 1", &format!("index 1{}", format!("\n{}", proof().hashes[0]).repeat(64))),
            text.replace("\n\n", "\n"),
            text.replace('\n', "\r\n"),
        ] {
            assert!(changed.parse::<LogProof>().is_err(), "{changed:?}");
        }
    }
}
