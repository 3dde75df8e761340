//! Tiles and entry bundles as they are served (C2SP tlog-tiles). Only what a published checkpoint contains is served.

use chancery_core::ledger::tile::{TileLevel, TilePath, encode_entries, encode_hashes};
use chancery_core::rows::Value;

use super::{damaged, hashes, newest_checkpoint};
use crate::fault::Fault;
use crate::store::{Snapshot, Store};

/// The bytes of a hash tile; `path` is `tile/<L>/<N>[.p/<W>]` in the one canonical spelling.
///
/// `None` for any other path and for a tile that no published checkpoint contains.
///
/// # Errors
/// [`Fault::Config`] when the database lacks hashes; [`Fault::Database`].
pub async fn hash_tile(store: &Store, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let Some((snapshot, path)) = published(store, path).await? else { return Ok(None) };
    let TileLevel::Level(level) = path.level() else { return Ok(None) };
    match hashes::tile(&snapshot, level, path.index(), path.width()).await? {
        Some(hashes) => Ok(Some(encode_hashes(&hashes))),
        None => Err(damaged(format!("`{path}` is not complete"))),
    }
}

/// The bytes of an entry bundle; `path` is `tile/entries/<N>[.p/<W>]` in the one canonical spelling. Entries are not public by
/// default: the caller has made sure that the reader may see them.
///
/// `None` for any other path and for a bundle that no published checkpoint contains.
///
/// # Errors
/// As [`hash_tile`].
pub async fn entry_bundle(store: &Store, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let Some((snapshot, path)) = published(store, path).await? else { return Ok(None) };
    if path.level() != TileLevel::Entries {
        return Ok(None);
    }
    let first = path.index() * 256;
    let sql = "SELECT bytes FROM entries WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index";
    let rows = snapshot.query(sql, &crate::values![first, first + u64::from(path.width())]).await?;
    let entries: Vec<&[u8]> = rows.iter().flatten().filter_map(|value| if let Value::Bytes(bytes) = value { Some(bytes.as_slice()) } else { None }).collect();
    if entries.len() != usize::from(path.width()) {
        return Err(damaged(format!("`{path}` is not complete")));
    }
    encode_entries(entries).map(Some).map_err(damaged)
}

async fn published(store: &Store, path: &str) -> Result<Option<(Snapshot, TilePath)>, Fault> {
    // Paths that no log has cost no database access.
    let Ok(path) = path.parse::<TilePath>() else { return Ok(None) };
    let snapshot = store.read().await?;
    let size = newest_checkpoint(&snapshot).await?.map_or(0, |checkpoint| checkpoint.size);
    Ok(path.exists_in(size).then_some((snapshot, path)))
}
