//! Checkpoints: the size and root of a log, signed by its key (C2SP tlog-checkpoint).
//!
//! The key name of a log is its origin. Extension lines are neither written nor accepted: nobody could audit them.

use std::{fmt, str::FromStr};

use super::merkle::{Hash, MAX_TREE_SIZE, empty_root};
use super::note::{self, NoteError, Signer, Verifier};
use super::parse_decimal;

/// What a log states about itself at one size. `Display` writes the note text, `FromStr` reads exactly that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The identity of the log, a URL prefix without scheme such as `registry.example.com/log`.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The RFC 6962 root of that many entries.
    pub root: Hash,
}

/// A checkpoint with the note that carries its signature. Made only by signing or by verifying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not the three lines of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// The checkpoint is of another log than the key.
    #[error("checkpoint of `{origin}` does not belong to the key of `{key_name}`")]
    WrongOrigin {
        /// The origin in the checkpoint.
        origin: String,
        /// The name of the key.
        key_name: String,
    },
    /// The note around the checkpoint is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use CheckpointError::Malformed;
        let lines = text.strip_suffix('\n').ok_or(Malformed("it does not end in a newline"))?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
            return Err(Malformed("it has not exactly three lines"));
        };
        if origin.is_empty() {
            return Err(Malformed("its origin is empty"));
        }
        let size = parse_decimal(size).filter(|size| *size <= MAX_TREE_SIZE).ok_or(Malformed("its size is not a decimal number in range"))?;
        let root = Hash::from_base64(root).ok_or(Malformed("its root is not a base64 hash"))?;
        if size == 0 && root != empty_root() {
            return Err(Malformed("its root is not that of an empty tree"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl SignedCheckpoint {
    /// Signs a checkpoint. The signer's name must be the origin.
    ///
    /// The caller has made sure that it extends every checkpoint signed before.
    pub fn sign(checkpoint: Checkpoint, signer: &Signer) -> Result<Self, CheckpointError> {
        let key_name = signer.verifier().name();
        if checkpoint.origin != key_name {
            return Err(CheckpointError::WrongOrigin { origin: checkpoint.origin, key_name: key_name.to_owned() });
        }
        let note = signer.sign(&checkpoint.to_string())?;
        // Reading it back refuses to sign what no verifier would accept.
        let checkpoint = note::open(&note, std::slice::from_ref(signer.verifier()))?.parse()?;
        Ok(Self { checkpoint, note })
    }

    /// Adds the signature of another key of the same log, while one takes over from the other.
    pub fn add_signature(self, signer: &Signer) -> Result<Self, CheckpointError> {
        let key_name = signer.verifier().name();
        if self.checkpoint.origin != key_name {
            return Err(CheckpointError::WrongOrigin { origin: self.checkpoint.origin, key_name: key_name.to_owned() });
        }
        Ok(Self { note: signer.add_signature(&self.note)?, checkpoint: self.checkpoint })
    }

    /// Reads and verifies a note that one of the keys of a log must have signed: the key in force, or one that was before it.
    pub fn open_any(note: &str, keys: &[Verifier]) -> Result<Self, CheckpointError> {
        let text = note::open(note, keys)?;
        let checkpoint: Checkpoint = text.parse()?;
        if let Some(other) = keys.iter().find(|key| key.name() != checkpoint.origin) {
            return Err(CheckpointError::WrongOrigin { origin: checkpoint.origin, key_name: other.name().to_owned() });
        }
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    /// Reads and verifies a note that must be signed by the log's key, which must have the origin as its name.
    ///
    /// Signatures by others (witnesses, former keys) are kept in the note and not looked at.
    pub fn open(note: &str, log: &Verifier) -> Result<Self, CheckpointError> {
        let text = note::open(note, std::slice::from_ref(log))?;
        let checkpoint: Checkpoint = text.parse()?;
        if checkpoint.origin != log.name() {
            return Err(CheckpointError::WrongOrigin { origin: checkpoint.origin, key_name: log.name().to_owned() });
        }
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    /// What the log stated.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The whole signed note, as it is served and archived.
    pub fn note(&self) -> &str {
        &self.note
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::merkle::leaf_hash;

    /// The example of the C2SP document.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint { origin: "example.com/log".to_owned(), size, root: leaf_hash(b"root") }
    }

    #[test]
    fn the_text_is_that_of_the_standard_and_of_the_reference() {
        let checkpoint: Checkpoint = EXAMPLE.parse().unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.to_string(), EXAMPLE);
        let reference = tlog_tiles::Checkpoint::from_bytes(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(reference.hash().0, checkpoint.root.0);
        assert_eq!(reference.size(), checkpoint.size);
    }

    #[test]
    fn other_texts_are_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for text in [
            String::new(),
            "\n\n\n".to_owned(),
            format!("a\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("a\n\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n1 \n{root}\n"),
            format!("a\n9223372036854775808\n{root}\n"),
            format!("a\n0\n{root}\n"),
            format!("a\n1\n{root}\nextension\n"),
            format!("a\n1\n{root}\n\n"),
            "a\n1\n\n".to_owned(),
            "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n".to_owned(),
            "a\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n".to_owned(),
            "a\n1\nAAAA\n".to_owned(),
        ] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_the_key_of_its_log_only() {
        let log = Signer::new("example.com/log", &[1; 32]).unwrap();
        let successor = Signer::new("example.com/log", &[2; 32]).unwrap();
        let signed = SignedCheckpoint::sign(checkpoint(9), &log).unwrap();
        assert_eq!(signed.checkpoint(), &checkpoint(9));
        let opened = SignedCheckpoint::open(signed.note(), log.verifier());
        assert_eq!(opened, Ok(signed.clone()));
        assert!(SignedCheckpoint::open(signed.note(), successor.verifier()).is_err());
        let changed = signed.note().replace("\n9\n", "\n8\n");
        assert!(SignedCheckpoint::open(&changed, log.verifier()).is_err());
    }

    #[test]
    fn a_key_takes_over_from_another() {
        let old = Signer::new("example.com/log", &[1; 32]).unwrap();
        let new = Signer::new("example.com/log", &[2; 32]).unwrap();
        let stranger = Signer::new("example.com/log", &[3; 32]).unwrap();
        let both = SignedCheckpoint::sign(checkpoint(9), &new).unwrap().add_signature(&old).unwrap();
        for known in [&old, &new] {
            assert_eq!(SignedCheckpoint::open(both.note(), known.verifier()), Ok(both.clone()), "whoever knows one of them reads it");
        }
        let keys = [new.verifier().clone(), old.verifier().clone()];
        let alone = SignedCheckpoint::sign(checkpoint(8), &old).unwrap();
        assert_eq!(SignedCheckpoint::open_any(alone.note(), &keys), Ok(alone));
        assert!(SignedCheckpoint::open_any(both.note(), std::slice::from_ref(stranger.verifier())).is_err());
        let witness = Signer::new("witness.example", &[4; 32]).unwrap();
        assert!(both.clone().add_signature(&witness).is_err());
        assert!(SignedCheckpoint::open_any(both.note(), &[new.verifier().clone(), witness.verifier().clone()]).is_err());
    }

    #[test]
    fn a_key_speaks_for_its_own_log_only() {
        let witness = Signer::new("witness.example", &[3; 32]).unwrap();
        let signed = SignedCheckpoint::sign(checkpoint(9), &witness);
        assert!(matches!(signed, Err(CheckpointError::WrongOrigin { .. })));
        let note = witness.sign(&checkpoint(9).to_string()).unwrap();
        let opened = SignedCheckpoint::open(&note, witness.verifier());
        assert!(matches!(opened, Err(CheckpointError::WrongOrigin { .. })));
    }

    #[test]
    fn nothing_is_signed_that_would_not_open() {
        let log = Signer::new("example.com/log", &[1; 32]).unwrap();
        for size in [0, MAX_TREE_SIZE + 1] {
            assert!(SignedCheckpoint::sign(checkpoint(size), &log).is_err(), "{size}");
        }
    }
}
