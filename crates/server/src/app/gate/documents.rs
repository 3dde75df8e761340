//! Evidence in the input of a gate: what the registry read in each document when it was added.

use std::collections::BTreeMap;

use chancery_core::names::Digest;
use chancery_core::policy;
use chancery_core::tables::{EvidenceRow, PayloadRow, VersionRow};

use crate::app::AppError;
use crate::app::view::binding_kind;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// The evidence of a version as rules see it. All summaries come with one read.
pub(super) async fn input(snapshot: &Snapshot, version: &VersionRow, rows: &[EvidenceRow]) -> Result<Vec<policy::Evidence>, AppError> {
    let tail = "WHERE digest IN (SELECT summary FROM evidence WHERE model_id = $1 AND number = $2)";
    let payloads = snapshot.rows::<PayloadRow>(tail, &values![version.model_id, version.number]).await?;
    let summaries: BTreeMap<Digest, Vec<u8>> = payloads.into_iter().map(|row| (row.digest, row.bytes)).collect();
    rows.iter().map(|row| piece(row, &summaries)).collect()
}

fn piece(row: &EvidenceRow, summaries: &BTreeMap<Digest, Vec<u8>>) -> Result<policy::Evidence, AppError> {
    let read = |bytes: &Vec<u8>| serde_json::from_slice(bytes).map_err(|error| Fault::database("read a summary", error));
    Ok(policy::Evidence {
        digest: row.digest,
        kind: row.evidence_type.to_string(),
        grade: row.grade,
        binds_to: policy::Binding { kind: binding_kind(row.binds_to), digest: row.binds_digest },
        actor: row.actor.clone(),
        at: row.at,
        format: row.format.clone(),
        summary: row.summary.and_then(|digest| summaries.get(&digest)).map(read).transpose()?,
        signed_by: serde_json::from_value(row.signed_by.clone()).map_err(|error| Fault::database("read the signers of a document", error))?,
        role: row.role.as_ref().map(ToString::to_string),
    })
}
