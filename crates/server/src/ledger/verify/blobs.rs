//! Files: each that a version or its evidence uses is hashed again.

use chancery_core::names::Digest;
use chancery_core::rows::{Field as _, Value};

use super::{Area, Problem, Report};
use crate::blobs::{Blobs, Fixity};
use crate::fault::Fault;
use crate::store::Store;

/// Digests that are read at once.
const PAGE: &str = "SELECT DISTINCT digest FROM blob_uses WHERE digest > $1 ORDER BY digest LIMIT 256";
/// Who uses a blob.
const USES: &str = "SELECT DISTINCT models.name, blob_uses.number FROM blob_uses JOIN models ON models.model_id = blob_uses.model_id
WHERE blob_uses.digest = $1 ORDER BY models.name, blob_uses.number LIMIT 20";

/// Hashes all files; names the versions behind a bad one. No snapshot is held meanwhile: hashing takes long.
pub(super) async fn verify(store: &Store, blobs: &Blobs, report: &mut Report) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let page = store.query_one_shot(PAGE, &crate::values![after]).await?;
        let Some(Value::Text(last)) = page.last().and_then(|row| row.first()) else { return Ok(()) };
        after = last.clone();
        for value in page.into_iter().flatten() {
            let digest = match Digest::from_value(value) {
                Ok(digest) => digest,
                Err(bad) => {
                    report.problem(Problem::new(Area::Derived, "table blob_uses", bad.to_string()));
                    continue;
                }
            };
            report.blobs += 1;
            let fixity = blobs.verify(&digest).await.map_err(|fault| Fault::database(format!("hash the file `{digest}`"), fault))?;
            let message = match fixity {
                Fixity::Intact { .. } => continue,
                Fixity::Missing => "it is missing".to_owned(),
                Fixity::Corrupt { actual } => format!("its bytes have the digest {actual}"),
            };
            let users = users(store, &digest).await?;
            report.problem(Problem::new(Area::Blob, format!("file {digest}"), format!("{message}; used by {users}")));
        }
    }
}

async fn users(store: &Store, digest: &Digest) -> Result<String, Fault> {
    let rows = store.query_one_shot(USES, &crate::values![*digest]).await?;
    let names = rows.into_iter().filter_map(|row| match row.as_slice() {
        [Value::Text(name), Value::Integer(number)] => Some(format!("{name}/{number}")),
        _ => None,
    });
    Ok(names.collect::<Vec<_>>().join(", "))
}
