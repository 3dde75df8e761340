use proptest::prelude::*;

use super::*;
use crate::ledger::merkle::{leaf_hash, node_hash};

fn path(level: TileLevel, index: u64, width: u16) -> TilePath {
    TilePath::new(level, index, width).unwrap()
}

#[test]
fn paths_are_written_as_the_standard_says() {
    use TileLevel::{Entries, Level};
    for (tile, expected) in [
        (path(Level(0), 0, 256), "tile/0/000"),
        (path(Level(0), 1_234_067, 256), "tile/0/x001/x234/067"),
        (path(Level(63), 999, 1), "tile/63/999.p/1"),
        (path(Level(1), 1_000, 255), "tile/1/x001/000.p/255"),
        (path(Entries, 42, 256), "tile/entries/042"),
        (path(Entries, 123_456, 112), "tile/entries/x123/456.p/112"),
    ] {
        assert_eq!(tile.to_string(), expected);
        assert_eq!(expected.parse(), Ok(tile));
    }
}

#[test]
fn other_spellings_are_refused() {
    for text in [
        "",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/2",
        "tile/0/1234",
        "tile/0/x1234/567",
        "tile/00/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1.p/1",
        "tile/0/000/",
        "/tile/0/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert!(text.parse::<TilePath>().is_err(), "{text:?}");
    }
}

#[test]
fn impossible_tiles_cannot_be_named() {
    for (level, width) in [(64, 1), (0, 0), (0, 257)] {
        assert!(TilePath::new(TileLevel::Level(level), 0, width).is_err());
    }
}

#[test]
fn a_tile_exists_when_all_its_hashes_do() {
    use TileLevel::{Entries, Level};
    for (tile, size, expected) in [
        (path(Level(0), 0, 1), 0, false),
        (path(Level(0), 0, 1), 1, true),
        (path(Level(0), 0, 255), 255, true),
        (path(Level(0), 0, 256), 255, false),
        // A partial tile stays served after it is full.
        (path(Level(0), 0, 255), 1_000, true),
        (path(Entries, 3, 232), 1_000, true),
        (path(Entries, 3, 233), 1_000, false),
        (path(Level(1), 0, 3), 1_000, true),
        (path(Level(1), 0, 4), 1_000, false),
        (path(Level(8), 0, 1), u64::MAX, false),
        (path(Level(0), u64::MAX, 256), u64::MAX, false),
    ] {
        assert_eq!(tile.exists_in(size), expected, "{tile} in {size}");
    }
}

#[test]
fn the_tiles_of_a_tree_are_those_of_the_standard() {
    let tiles: Vec<String> = hash_tiles(70_000).map(|tile| tile.to_string()).collect();
    // 70,000 leaves: 273 full tiles and 112 hashes; 273 = 256 + 17 hashes at level 1; 1 at level 2.
    assert_eq!(tiles.len(), 273 + 1 + 3);
    let last = &tiles[tiles.len() - 4..];
    let expected = ["tile/1/000", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"];
    assert_eq!(last, expected);
    assert_eq!(hash_tiles(0).count(), 0);
    for (level, width) in [(0, 112), (1, 17), (2, 1), (3, 0), (63, 0)] {
        assert_eq!(partial_width(level, 70_000), width);
    }
    let grown: Vec<String> = completed_tiles(65_535, 65_792).map(|tile| tile.to_string()).collect();
    assert_eq!(grown, ["tile/0/255", "tile/0/256", "tile/1/000"]);
    assert_eq!(completed_tiles(256, 256).count(), 0);
}

/// The tile's hashes computed in the plainest way: fold pairs of the leaves up to the tile's level.
fn tile_hashes(leaves: &[Hash], tile: TilePath) -> Vec<Hash> {
    let TileLevel::Level(level) = tile.level() else { panic!("not a hash tile") };
    let mut hashes = leaves.to_vec();
    for _ in 0..u32::from(level) * 8 {
        let pairs = hashes.chunks_exact(2);
        hashes = pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    let first = usize::try_from(tile.index()).unwrap() * HASHES_PER_TILE;
    hashes[first..first + usize::from(tile.width())].to_vec()
}

#[test]
fn every_complete_subtree_is_found_in_its_tile() {
    let leaves: Vec<Hash> = (0..1_000_u64).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
    let tiles: Vec<(TilePath, Vec<Hash>)> = hash_tiles(1_000).map(|tile| (tile, tile_hashes(&leaves, tile))).collect();
    let mut hashes = leaves.clone();
    for level in 0..10_u8 {
        for (index, expected) in (0..).zip(&hashes) {
            let place = SubtreePlace::of(level, index);
            let (_, tile) = tiles.iter().find(|(tile, _)| tile.level() == TileLevel::Level(place.tile_level) && tile.index() == place.tile_index).unwrap();
            assert_eq!(place.hash(tile), Some(*expected), "{level} {index}");
        }
        let pairs = hashes.chunks_exact(2);
        hashes = pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    assert_eq!(SubtreePlace::of(3, 1).hash(&leaves[..15]), None);
    assert_eq!(tile_root(&leaves[..256]), tiles[4].1[0]);
}

#[test]
fn hash_tiles_are_whole_hashes() {
    let hashes = [leaf_hash(b"a"), leaf_hash(b"b")];
    assert_eq!(decode_hashes(&encode_hashes(&hashes)), Ok(hashes.to_vec()));
    for length in [0, 1, 31, 33, 257 * 32] {
        assert_eq!(decode_hashes(&vec![0; length]), Err(TileError::HashTile(length)));
    }
}

#[test]
fn entry_bundles_are_read_to_the_last_byte() {
    let longest = vec![7; MAX_ENTRY_BYTES];
    let entries: [&[u8]; 3] = [b"abc", b"", &longest];
    let bundle = encode_entries(entries).unwrap();
    assert_eq!(bundle[..7], [0, 3, b'a', b'b', b'c', 0, 0]);
    assert_eq!(decode_entries(&bundle, 3).unwrap(), entries);
    for (bytes, width) in [(&bundle[..], 2), (&bundle[..], 4), (&bundle[..bundle.len() - 1], 3), (&bundle[..6], 2), (&bundle[1..], 3), (&[][..], 1)] {
        assert!(decode_entries(bytes, width).is_err(), "{width}");
    }
    assert!(encode_entries(vec![&b"e"[..]; 256]).is_ok());
    assert!(encode_entries(vec![&b"e"[..]; 257]).is_err());
    let too_long = vec![0; MAX_ENTRY_BYTES + 1];
    assert_eq!(encode_entries([&too_long[..]]), Err(TileError::EntryTooLong(65_536)));
}

proptest! {
    #[test]
    fn paths_agree_with_the_reference(level in 0..=63_u8, index in 0..i64::MAX as u64, width in 1..=256_u16) {
        let ours = path(TileLevel::Level(level), index, width);
        let reference = tlog_tiles::Tile::new(8, level, index, u32::from(width), false);
        // The Go style path of the reference also names the tile height, which C2SP fixes at 8.
        prop_assert_eq!(ours.to_string().replacen("tile/", "tile/8/", 1), reference.path());
        prop_assert_eq!(ours.to_string().parse(), Ok(ours));
    }

    #[test]
    fn new_tiles_agree_with_the_reference(old in 0..2_000_000_u64, growth in 0..100_000_u64) {
        let ours: Vec<String> = completed_tiles(old, old + growth)
            .map(|tile| tile.to_string().replacen("tile/", "tile/8/", 1))
            .collect();
        let reference: Vec<String> = tlog_tiles::Tile::new_tiles(8, old, old + growth)
            .iter()
            .filter(|tile| tile.width() == 256)
            .map(tlog_tiles::Tile::path)
            .collect();
        prop_assert_eq!(ours, reference);
    }

    #[test]
    fn any_text_parses_to_its_own_spelling_or_not_at_all(text in "tile/([0-9]{1,2}|entries)/(x?[0-9]{1,3}/?){1,3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = text.parse::<TilePath>() {
            prop_assert_eq!(tile.to_string(), text);
        }
    }
}
