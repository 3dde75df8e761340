//! Evidence folders: what an auditor takes home and checks with programs that are not ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::entry::{Entry, Subject};
use chancery_core::ledger::note::Verifier;
use chancery_core::names::{Digest, ModelId, VersionNumber};
use chancery_core::rows::{Row as _, Value};
use chancery_core::signing::PublicKey;
use chancery_core::signing::dsse::pre_authentication_encoding;
use chancery_core::tables::{ActorKeyRow, CheckpointRow, EntryRow, PayloadRow};
use serde::Deserialize;

use super::prove::prove;
use super::{damaged, newest_checkpoint, payloads};
use crate::fault::Fault;
use crate::keys::PublicKeys;
use crate::store::{Snapshot, Store};

/// Folder of what the registry signed, and of what others signed.
const OWN: &str = "envelopes";
const OTHERS: &str = "signed-evidence";
/// Checkpoints that are read at once.
const PAGE: u32 = 256;

/// What an evidence folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Entries, each with its proof.
    pub entries: u64,
    /// Signed records of the registry: decisions, approvals, attestations.
    pub envelopes: u64,
    /// Documents of evidence that others signed.
    pub signed_evidence: u64,
    /// Payloads that the entries name.
    pub payloads: u64,
    /// Checkpoints.
    pub checkpoints: u64,
}

/// The indexes of the entries about a version: its model's, its own, and those of its promotions and of the exceptions that reach it, in order.
///
/// # Errors
/// [`Fault::Database`].
pub async fn entries_of_version(snapshot: &Snapshot, model: &ModelId, number: VersionNumber) -> Result<Vec<u64>, Fault> {
    let sql = "SELECT entry_index FROM entries WHERE subject = $1 OR subject = $2
        OR subject IN (SELECT 'promotion/' || promotion_id FROM promotions WHERE model_id = $3 AND number = $4)
        OR subject IN (SELECT 'exception/' || exception_id FROM exceptions WHERE model_id = $3 AND (number = $4 OR scope = 'model')) ORDER BY entry_index";
    let (of_model, of_version) = (Subject::Model(model.clone()).to_string(), Subject::Version(model.clone(), number).to_string());
    let rows = snapshot.query(sql, &crate::values![of_model, of_version, *model, number]).await?;
    let index = |value| if let Value::Integer(index) = value { u64::try_from(index).ok() } else { None };
    Ok(rows.into_iter().flatten().filter_map(index).collect())
}

/// Writes an evidence folder for the entries with these indexes. The folder must not exist yet, or be empty.
///
/// # Errors
/// [`Fault::Config`] when the folder has content, an entry does not exist or is not covered by a checkpoint yet;
/// [`Fault::Database`] when database or disk fail. What was written until then stays.
pub async fn export(store: &Store, keys: &PublicKeys, indexes: &[u64], folder: &Path) -> Result<Exported, Fault> {
    let folder = Folder::new(folder)?;
    let snapshot = store.read().await?;
    let mut exported = Exported::default();
    let mut named = BTreeSet::new();
    for index in indexes.iter().copied().collect::<BTreeSet<u64>>() {
        let row: Option<EntryRow> = snapshot.get(crate::values![index]).await?;
        let row = row.ok_or_else(|| Fault::Config(format!("there is no entry {index}")))?;
        let proof = prove(&snapshot, keys.logs(), index).await?;
        let proof = proof.ok_or_else(|| Fault::Config(format!("entry {index} is not covered by a checkpoint yet: try again in a second")))?;
        let entry = Entry::from_bytes(&row.bytes).map_err(|error| damaged(format!("entry {index} cannot be read ({error})")))?;
        named.extend(payloads::named(&entry.event));
        folder.write(&format!("entries/{index:09}.json"), &row.bytes)?;
        folder.write(&format!("entries/{index:09}.tlog-proof"), proof.to_string().as_bytes())?;
        exported.entries += 1;
    }
    for digest in named {
        let row: Option<PayloadRow> = snapshot.get(crate::values![digest]).await?;
        let row = row.ok_or_else(|| damaged(format!("payload {digest} is missing")))?;
        folder.write(&format!("payloads/{digest}"), &row.bytes)?;
        exported.payloads += 1;
        match write_envelope(&folder, keys, &snapshot, &digest, &row.bytes).await? {
            Signed::Registry => exported.envelopes += 1,
            Signed::Other => exported.signed_evidence += 1,
            Signed::Not => {}
        }
    }
    exported.checkpoints = write_checkpoints(&folder, &snapshot).await?;
    let (log, former_logs) = keys.logs().split_first().ok_or_else(no_key)?;
    folder.write("log.vkey", format!("{log}\n").as_bytes())?;
    for (age, former) in former_logs.iter().enumerate() {
        folder.write(&format!("log.former-{}.vkey", age + 1), format!("{former}\n").as_bytes())?;
    }
    let in_force = keys.decisions().last().ok_or_else(no_key)?;
    folder.write("decision.pem", spki_pem(in_force)?.as_bytes())?;
    // The one in force by its id as well: an envelope leads to its key in one way, however often the key was rotated.
    for key in keys.decisions() {
        folder.write(&format!("decision.{}.pem", key_id(key)?), spki_pem(key)?.as_bytes())?;
    }
    folder.write("README.txt", readme(keys).as_bytes())?;
    Ok(exported)
}

/// A folder that files are written into.
struct Folder(PathBuf);

impl Folder {
    fn new(path: &Path) -> Result<Self, Fault> {
        let doing = || format!("make the folder `{}`", path.display());
        fs::create_dir_all(path).map_err(|error| Fault::database(doing(), error))?;
        let mut content = fs::read_dir(path).map_err(|error| Fault::database(doing(), error))?;
        if content.next().is_some() {
            return Err(Fault::Config(format!("`{}` is not empty: choose a new folder", path.display())));
        }
        for name in ["entries", "payloads", OWN, OTHERS, "checkpoints"] {
            fs::create_dir(path.join(name)).map_err(|error| Fault::database(doing(), error))?;
        }
        Ok(Self(path.to_owned()))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        let path = self.0.join(name);
        fs::write(&path, bytes).map_err(|error| Fault::database(format!("write `{}`", path.display()), error))
    }
}

/// The parts of a DSSE envelope that openssl needs one by one.
#[derive(Deserialize)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Deserialize)]
struct WireSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// Who signed a payload first.
enum Signed {
    /// The registry's own key.
    Registry,
    /// Another one, such as a pipeline's.
    Other,
    /// It is no envelope.
    Not,
}

/// Takes a signed record apart, if the payload is one. Beside one that others signed lies the registered key that its first signature names.
async fn write_envelope(folder: &Folder, keys: &PublicKeys, snapshot: &Snapshot, digest: &Digest, bytes: &[u8]) -> Result<Signed, Fault> {
    let Ok(wire) = serde_json::from_slice::<Wire>(bytes) else { return Ok(Signed::Not) };
    let Some(first) = wire.signatures.first() else { return Ok(Signed::Not) };
    let (Ok(payload), Ok(signature)) = (BASE64_STANDARD.decode(&wire.payload), BASE64_STANDARD.decode(&first.sig)) else { return Ok(Signed::Not) };
    let registered: Option<ActorKeyRow> = match Digest::parse(&first.keyid) {
        Ok(key) => snapshot.get(crate::values![key]).await?,
        Err(_) => None,
    };
    let own = keys.decisions().iter().map(key_id).collect::<Result<Vec<_>, _>>()?;
    let (signed, place) = if own.contains(&first.keyid) { (Signed::Registry, OWN) } else { (Signed::Other, OTHERS) };
    folder.write(&format!("{place}/{digest}.dsse.json"), bytes)?;
    folder.write(&format!("{place}/{digest}.statement.json"), &payload)?;
    folder.write(&format!("{place}/{digest}.pae"), &pre_authentication_encoding(&wire.payload_type, &payload))?;
    folder.write(&format!("{place}/{digest}.sig"), &signature)?;
    if let Signed::Registry = signed {
        folder.write(&format!("{place}/{digest}.keyid"), first.keyid.as_bytes())?;
    }
    if let Some(key) = registered {
        folder.write(&format!("{place}/{digest}.{}.pem", key.algorithm), pem(&key.spki).as_bytes())?;
    }
    Ok(signed)
}

/// A public key as PEM (RFC 7468): lines of 64 letters.
fn pem(spki: &str) -> String {
    let letters: Vec<char> = spki.chars().collect();
    let lines: Vec<String> = letters.chunks(64).map(|line| line.iter().collect()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// The newest checkpoint by itself, and all by their size.
async fn write_checkpoints(folder: &Folder, snapshot: &Snapshot) -> Result<u64, Fault> {
    if let Some(newest) = newest_checkpoint(snapshot).await? {
        folder.write("checkpoint", newest.note.as_bytes())?;
    }
    let mut after = None;
    let mut count = 0;
    loop {
        let page = snapshot.scan(CheckpointRow::TABLE, after, PAGE).await?;
        if page.is_empty() {
            return Ok(count);
        }
        after = page.last().and_then(|values| values.first()).map(|size| vec![size.clone()]);
        for values in page {
            let row = CheckpointRow::from_values(values)?;
            folder.write(&format!("checkpoints/{:09}", row.size), row.note.as_bytes())?;
            count += 1;
        }
    }
}

fn no_key() -> Fault {
    Fault::Config("the registry has no public key".to_owned())
}

fn key_id(key: &PublicKey) -> Result<String, Fault> {
    key.key_id().map_err(|error| Fault::Config(format!("name a public key: {error}")))
}

fn spki_pem(key: &PublicKey) -> Result<String, Fault> {
    key.to_spki_pem().map_err(|error| Fault::Config(format!("write a public key: {error}")))
}

fn readme(keys: &PublicKeys) -> String {
    format!("Evidence from the log {}\n\n{README}", keys.logs().first().map_or("", Verifier::name))
}

const README: &str = "\
What is here
  entries/N.json            an entry of the log, the exact bytes that were committed
  entries/N.tlog-proof      proof that it is in the log (c2sp.org/tlog-proof@v1)
  payloads/DIGEST           documents that the entries name, by their SHA-256
  envelopes/DIGEST.*        signed decisions and approvals (DSSE v1): the envelope, the statement in it,
                            the bytes that were signed (.pae), the signature (.sig, ASN.1 DER) and the id
                            of the key that signed, as the envelope says it (.keyid)
  signed-evidence/DIGEST.*  evidence that others signed, such as a pipeline, in the same parts, and the public key
                            that is registered for the signer (.ALGORITHM.pem)
  checkpoint, checkpoints/  the newest signed checkpoint of the log, and all by their size (c2sp.org/tlog-checkpoint)
  log.vkey                  the key of the log (c2sp.org/signed-note)
  log.former-N.vkey         keys of the log that were in force before, when there were any
  decision.pem              the public key that signs decisions now (ECDSA P-256)
  decision.KEYID.pem        every public key that signed decisions, the one in force and those before it. KEYID is
                            the SHA-256 of the key: openssl pkey -pubin -in KEY -outform DER | openssl dgst -sha256

Take the keys from a place that you trust: here they only say what they ought to be.

1. Every signed record, with openssl and the key that the record names:

   for f in envelopes/*.pae; do
     test -e \"$f\" || continue
     key=decision.$(cat \"${f%.pae}.keyid\").pem
     if test -e \"$key\"; then
       openssl dgst -sha256 -verify \"$key\" -signature \"${f%.pae}.sig\" \"$f\" || echo \"does not hold: $f\"
     else
       echo \"not checked: $f names a key that is not here: $key\"
     fi
   done
   for f in signed-evidence/*.pae; do
     test -e \"$f\" || continue
     key=${f%.pae}.ecdsa-p256-sha256.pem
     if test -e \"$key\"; then
       openssl dgst -sha256 -verify \"$key\" -signature \"${f%.pae}.sig\" \"$f\" || echo \"does not hold: $f\"
     else
       echo \"not checked: no ECDSA key is registered for who signed $f\"
     fi
   done

2. Every document is the one that its entry names (the digests stand in the entries):

   for f in payloads/*; do
     test \"$(openssl dgst -sha256 -r \"$f\" | cut -d' ' -f1)\" = \"$(basename \"$f\")\" || echo \"altered: $f\"
   done

3. The leaf hash of an entry (RFC 6962), from which its .tlog-proof leads to the root in the checkpoint:

   { printf '\\000'; cat entries/000000000.json; } | openssl dgst -sha256

   Any program for c2sp.org/tlog-proof checks a whole .tlog-proof file with log.vkey.

4. Keep a checkpoint. Whoever holds an older one can show that the log was altered later.
";

#[cfg(test)]
mod tests;
