//! Entries, tiles and checkpoints against each other.

use std::collections::VecDeque;

use chancery_core::ledger::merkle::{Frontier, leaf_hash};
use chancery_core::ledger::note::Verifier;
use chancery_core::ledger::tile::{completed_tiles, decode_hashes};
use chancery_core::ledger::{Hash, SignedCheckpoint};
use chancery_core::rows::{Key, Row as _, Value};
use chancery_core::tables::{CheckpointRow, EntryRow, TileRow};

use super::{Area, Problem, Report};
use crate::fault::Fault;
use crate::ledger::sequence::Edge;
use crate::store::Snapshot;

/// Published checkpoints that are read at once.
const CHECKPOINTS: u32 = 256;

/// The tree as it grows entry by entry.
pub(super) struct Tree<'a> {
    snapshot: &'a Snapshot,
    logs: &'a [Verifier],
    remembered: Option<SignedCheckpoint>,
    edge: Edge,
    frontier: Frontier,
    /// An entry is missing: from there on no hash of the tree can be computed.
    gap: bool,
    /// A root was wrong: all later ones are, too, and need not be listed.
    wrong_root: bool,
    checkpoints: VecDeque<CheckpointRow>,
    read_to: Option<u64>,
    all_read: bool,
}

impl<'a> Tree<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, logs: &'a [Verifier], remembered: Option<SignedCheckpoint>) -> Self {
        Self {
            snapshot,
            logs,
            remembered,
            edge: Edge::default(),
            frontier: Frontier::new(),
            gap: false,
            wrong_root: false,
            checkpoints: VecDeque::new(),
            read_to: None,
            all_read: false,
        }
    }

    /// Takes the next entries, in order of their index.
    pub(super) async fn entries(&mut self, rows: &[EntryRow], report: &mut Report) -> Result<(), Fault> {
        let size = self.snapshot.head().size;
        for row in rows {
            let index = row.entry_index;
            let place = || format!("entry {index}");
            if index >= size {
                report.problem(Problem::new(Area::Log, place(), format!("the ledger has {size} entries; this one was added behind its back")));
                continue;
            }
            if !self.gap && index != self.frontier.size() {
                self.missing(index, report);
            }
            let leaf = leaf_hash(&row.bytes);
            report.entries += 1;
            if leaf.as_bytes().as_slice() != row.leaf_hash.as_slice() {
                let message = "its bytes and its leaf hash do not belong together";
                report.problem(Problem::new(Area::Log, place(), message).values(leaf.to_hex(), hex::encode(&row.leaf_hash)));
            }
            if self.gap {
                continue;
            }
            self.edge.append(leaf);
            self.frontier.push(leaf);
            self.roots(report).await?;
        }
        self.tiles(report).await
    }

    /// What can be said when all entries were seen.
    pub(super) async fn finish(mut self, report: &mut Report) -> Result<(), Fault> {
        let size = self.snapshot.head().size;
        if !self.gap && self.frontier.size() != size {
            self.missing(size, report);
        }
        if !self.gap {
            report.root = Some(self.frontier.root().to_hex());
        }
        if let Some(ahead) = self.remembered.as_ref().filter(|signed| signed.checkpoint().size > size) {
            let message = format!("the key has signed a checkpoint of {} entries, the database has {size}", ahead.checkpoint().size);
            report.problem(Problem::new(Area::Behind, "memory of the key", message));
        }
        while let Some(row) = self.take_checkpoint(u64::MAX, report).await? {
            let place = format!("checkpoint {}", row.size);
            if row.size > size {
                report.problem(Problem::new(Area::Log, place, format!("it covers {} entries, the database has {size}: entries were removed", row.size)));
            } else if row.size == 0 {
                self.open(&row, report);
            }
        }
        self.count_tiles(size, report).await
    }

    fn missing(&mut self, next: u64, report: &mut Report) {
        self.gap = true;
        let first = self.frontier.size();
        let what = if next == first + 1 { "it is missing".to_owned() } else { format!("it and the following up to entry {} are missing", next - 1) };
        report.problem(Problem::new(Area::Log, format!("entry {first}"), what));
    }

    /// Compares the root with what the memory and the published checkpoint of this size say.
    async fn roots(&mut self, report: &mut Report) -> Result<(), Fault> {
        let size = self.frontier.size();
        if let Some(signed) = self.remembered.as_ref().filter(|signed| signed.checkpoint().size == size) {
            let root = self.frontier.root();
            if signed.checkpoint().root != root {
                let message = "the key has signed another root for this many entries";
                report.problem(Problem::new(Area::Log, "memory of the key", message).values(signed.checkpoint().root.to_hex(), root.to_hex()));
            }
        }
        while let Some(row) = self.take_checkpoint(size, report).await? {
            if let Some(signed) = self.open(&row, report)
                && row.size == size
            {
                self.root(&signed, report);
            }
        }
        Ok(())
    }

    fn root(&mut self, signed: &SignedCheckpoint, report: &mut Report) {
        let root = self.frontier.root();
        if signed.checkpoint().root == root || self.wrong_root {
            return;
        }
        self.wrong_root = true;
        let message = "the entries have another root than the one that was signed; so have all later checkpoints";
        let place = format!("checkpoint {}", signed.checkpoint().size);
        report.problem(Problem::new(Area::Log, place, message).values(signed.checkpoint().root.to_hex(), root.to_hex()));
    }

    fn open(&self, row: &CheckpointRow, report: &mut Report) -> Option<SignedCheckpoint> {
        report.checkpoints += 1;
        let place = format!("checkpoint {}", row.size);
        let said = match SignedCheckpoint::open_any(&row.note, self.logs) {
            Ok(signed) if signed.checkpoint().size == row.size => return Some(signed),
            Ok(signed) => format!("the signed note is of size {}", signed.checkpoint().size),
            Err(error) => error.to_string(),
        };
        report.problem(Problem::new(Area::Log, place, said));
        None
    }

    /// The next published checkpoint, if it covers at most `limit` entries.
    async fn take_checkpoint(&mut self, limit: u64, report: &mut Report) -> Result<Option<CheckpointRow>, Fault> {
        while self.checkpoints.is_empty() && !self.all_read {
            let page = self.snapshot.scan(CheckpointRow::TABLE, self.read_to.map(|size| crate::values![size]), CHECKPOINTS).await?;
            self.all_read = page.is_empty();
            for values in page {
                match CheckpointRow::from_values(values) {
                    Ok(row) => {
                        self.read_to = Some(row.size);
                        self.checkpoints.push_back(row);
                    }
                    Err(bad) => {
                        self.all_read = true;
                        report.problem(Problem::new(Area::Log, "checkpoints", bad.to_string()));
                    }
                }
            }
        }
        Ok(self.checkpoints.pop_front_if(|row| row.size <= limit))
    }

    /// Compares the tiles that became full.
    async fn tiles(&mut self, report: &mut Report) -> Result<(), Fault> {
        let full = self.edge.take_full();
        if full.is_empty() {
            return Ok(());
        }
        let keys = full.iter().map(|row| Key { table: TileRow::TABLE, values: crate::values![row.level, row.tile_index] });
        let stored = self.snapshot.load(keys.collect()).await?;
        for (expected, (_, found)) in full.iter().zip(stored) {
            report.tiles += 1;
            let place = format!("tile {}/{}", expected.level, expected.tile_index);
            let message = match found {
                None => "it is missing".to_owned(),
                Some(values) if values == expected.to_values() => continue,
                Some(values) => difference(expected, values),
            };
            report.problem(Problem::new(Area::Log, place, message));
        }
        Ok(())
    }

    async fn count_tiles(&self, size: u64, report: &mut Report) -> Result<(), Fault> {
        let rows = self.snapshot.query("SELECT count(*) FROM tiles", &[]).await?;
        let Some(Value::Integer(found)) = rows.into_iter().flatten().next() else { return Ok(()) };
        let expected = completed_tiles(0, size).count();
        if usize::try_from(found).is_ok_and(|found| found > expected) {
            let message = format!("there are {found} tiles; {size} entries make {expected}");
            report.problem(Problem::new(Area::Log, "tiles", message));
        }
        Ok(())
    }
}

/// Says which hash of a tile is not what the entries say.
fn difference(expected: &TileRow, found: Vec<Value>) -> String {
    let hashes = |row: &TileRow| decode_hashes(&row.hashes).ok();
    let (Ok(found), Some(wanted)) = (TileRow::from_values(found), hashes(expected)) else { return "it does not fit its type".to_owned() };
    let Some(stored) = hashes(&found).filter(|stored| stored.len() == wanted.len()) else { return "it has not 256 hashes".to_owned() };
    let different = |(_, (wanted, stored)): &(u64, (&Hash, &Hash))| wanted != stored;
    match (0_u64..).zip(wanted.iter().zip(&stored)).find(different) {
        Some((position, _)) if expected.level == 0 => format!("its hash of entry {} is not that of the entry", expected.tile_index * 256 + position),
        Some((position, _)) => format!("its hash {position} is not the root of tile {}/{}", expected.level - 1, expected.tile_index * 256 + position),
        None => "its root is not that of its hashes".to_owned(),
    }
}
