//! The tree of a log over REST, read by a stranger: the crate tlog_tiles computes the signed root and proves entries from
//! our tiles, and checks our proofs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tlog_tiles::tlog::{self, Hash};
use tlog_tiles::{Checkpoint, HashReader as _, Tile, TileHashReader, TileReader};
use tokio::runtime::Handle;

use crate::house::{Customer, House};

fn log(shop: &Customer) -> String {
    format!("/api/byleave/v1/organizations/{}", shop.organization)
}

async fn checkpoint(shop: &Customer) -> Checkpoint {
    let answer = shop.owner.get(&format!("{}/log/checkpoint", log(shop))).await;
    assert_eq!(answer.header("content-type"), "text/plain;charset=utf-8");
    // The signature is checked where notes are tested.
    let (text, _) = answer.text.split_once("\n\n").unwrap();
    Checkpoint::from_bytes(format!("{text}\n").as_bytes()).unwrap()
}

fn hash(text: &serde_json::Value) -> Hash {
    Hash(STANDARD.decode(text.as_str().unwrap()).unwrap().try_into().unwrap())
}

/// Reads tiles over HTTP.
struct Tiles<'a>(&'a Customer);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let read = |tile: &Tile| {
            let name = tile.path();
            // The height stands in the name there; C2SP has only one.
            let path = format!("{}/log/tile/{}", log(self.0), name.strip_prefix("tile/8/").unwrap());
            let answer = tokio::task::block_in_place(|| Handle::current().block_on(self.0.owner.get(&path)));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/octet-stream");
            assert!(answer.header("cache-control").contains("immutable"));
            answer.bytes
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_proves_every_entry_from_the_tiles_and_checks_our_proofs() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    for block in [true, false].into_iter().cycle().take(260) {
        shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": block })).await.ok();
    }
    let signed = checkpoint(&shop).await;
    let (size, root) = (signed.size(), *signed.hash());
    assert!((257..512).contains(&size), "both full and partial tiles, and two levels: {size}");
    let tiles = Tiles(&shop);
    let reader = TileHashReader::new(size, root, &tiles);
    for index in (0..size).filter(|index| index % 50 == 0 || index + 3 > size || (254..258).contains(index)) {
        let theirs = tlog::prove_record(size, index, &reader).unwrap();
        let leaf = reader.read_hashes(&[tlog::stored_hash_index(0, index)]).unwrap()[0];
        let ours = shop.owner.get(&format!("{}/inclusion?index={index}", log(&shop))).await.ok();
        assert_eq!(hash(&ours["leafHash"]), leaf);
        assert_eq!(ours["inclusion"].as_array().unwrap().iter().map(hash).collect::<Vec<_>>(), theirs);
        tlog::check_record(&theirs, size, root, index, leaf).unwrap();
    }
    let rest = size - 256;
    for name in ["0/002", "0/001", &format!("0/001.p/{}", rest + 1), "1/000.p/2", "0/0", "entries/000", "0/000.p/256"] {
        let answer = shop.owner.get(&format!("{}/log/tile/{name}", log(&shop))).await;
        answer.refused(404, "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_there_is_not_proved() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (path, size) = (format!("{}/inclusion", log(&shop)), checkpoint(&shop).await.size());
    shop.owner.get(&format!("{path}?index={}", size - 1)).await.ok();
    shop.owner.get(&format!("{path}?index={size}")).await.refused(404, "RESOURCE_NOT_FOUND");
    for query in ["", "?index=", "?index=-1", "?index=one", "?index=1&index=2"] {
        let told = shop.owner.get(&format!("{path}{query}")).await.refused(400, "INVALID_QUERY_PARAMETER");
        assert!(told.contains("index"), "{told}");
    }
}
