//! Leaves: their bytes are fixed by a golden file, and only those bytes are read back.

use std::path::Path;

use byleave_core::event::{Entry, Event};
use byleave_core::field::Erasable;
use byleave_core::sample;
use byleave_log::leaf::{
    Disclosure, DisclosureError, LeafError, decode, digest, disclose, disclosures, encode, leaf_hash,
};
use proptest::prelude::*;

/// The entry as a leaf tells it: texts that may be erased are hashes.
fn erased(entry: &Entry) -> Entry {
    decode(&encode(entry)).unwrap()
}

#[test]
fn leaves_are_those_of_the_golden_file() {
    let text: String = sample::entries()
        .iter()
        .map(|entry| {
            let leaf = encode(entry);
            format!("{} {}\n", leaf_hash(&leaf).event_id(), String::from_utf8(leaf).unwrap())
        })
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/leaves.txt");
    if std::env::var_os("BYLEAVE_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (old, new) in golden.lines().zip(text.lines()) {
        assert_eq!(old, new, "changed leaf bytes break every log that exists; set BYLEAVE_BLESS=1 if that is meant");
    }
    assert_eq!(golden.lines().count(), text.lines().count(), "set BYLEAVE_BLESS=1 if that is meant");
    assert_eq!(golden.lines().count(), Event::NAMES.len(), "one leaf for each event");
}

#[test]
fn every_event_survives_its_leaf() {
    for entry in sample::entries() {
        let leaf = encode(&entry);
        let read = decode(&leaf).unwrap();
        assert_eq!(encode(&read), leaf);
        assert_eq!((read.log, read.index, read.at, &read.by), (entry.log, entry.index, entry.at, &entry.by));
        let told = disclose(&read.event, &disclosures(&entry.event)).unwrap();
        assert_eq!(told, entry.event);
    }
}

#[test]
fn no_other_spelling_is_a_leaf() {
    let entry = &sample::entries()[0];
    let leaf = String::from_utf8(encode(entry)).unwrap();
    for (other, error) in [
        (leaf.replace("{\"at\"", "{ \"at\""), LeafError::NotCanonical),
        (leaf.replace("\"v\":1", "\"v\":1,\"v\":1"), LeafError::NotCanonical),
        (leaf.replace("ö", "\\u00f6"), LeafError::NotCanonical),
        (leaf.replacen("000Z\"", "0Z\"", 1), LeafError::NotCanonical),
        (leaf.replace("\"index\":0", "\"index\":00"), LeafError::Malformed),
        (leaf.replace("\"index\":0", "\"index\":0.0"), LeafError::Malformed),
        (leaf.replace("\"index\":0", "\"index\":-1"), LeafError::Malformed),
        (leaf.replace("\"v\":1", "\"v\":2"), LeafError::Version(2)),
        (leaf.replace("\"v\":1", "\"v\":1,\"w\":1"), LeafError::Malformed),
        (leaf.replace(",\"v\":1", ""), LeafError::Malformed),
        (format!("{leaf}\n"), LeafError::NotCanonical),
        (format!("{leaf}{leaf}"), LeafError::Malformed),
        (String::new(), LeafError::Malformed),
        ("[".repeat(100_000), LeafError::Malformed),
    ] {
        let read = decode(other.as_bytes());
        let index_rule = matches!(&read, Err(LeafError::Key { key: "index", .. })) && other.contains("0.0");
        assert!(read == Err(error.clone()) || index_rule, "{other}: {read:?}, not {error:?}");
    }
    assert!(decode(&[leaf.as_bytes(), &[0xff]].concat()).is_err());
}

#[test]
fn a_text_is_told_only_where_its_hash_stands() {
    let event = &sample::entries()[0].event;
    let kept = disclosures(event);
    let [Disclosure { field, salt, text }] = kept.as_slice() else { panic!("one erasable text") };
    assert_eq!(digest(&Erasable::Kept { salt: *salt, text: text.clone() }).len(), 32);
    let leafed = &erased(&sample::entries()[0]).event;
    let forged = Disclosure { text: "eve@shop.example".into(), field: field.clone(), salt: *salt };
    assert_eq!(disclose(leafed, &[forged]), Err(DisclosureError::Differs { field: field.clone() }));
    let elsewhere = Disclosure { field: "owner".into(), salt: *salt, text: text.clone() };
    assert_eq!(disclose(leafed, &[elsewhere]), Err(DisclosureError::NoSuchField { field: "owner".into() }));
    assert_eq!(disclose(leafed, &[]), Ok(leafed.clone()));
}

#[test]
fn only_control_characters_and_two_more_are_escaped() {
    let text: String = (0..0x100).filter_map(char::from_u32).chain("\u{2028}😀".chars()).collect();
    let event = Event::ServerStarted { start: sample::text("0e0e0e0e0e0e0e0e0e0e0e0e"), version: text.clone() };
    let entry = Entry { event, ..sample::entries().last().unwrap().clone() };
    let leaf = String::from_utf8(encode(&entry)).unwrap();
    assert!(leaf.contains(&serde_json::to_string(&text).unwrap()), "as a stranger writes JSON");
    assert_eq!(decode(leaf.as_bytes()), Ok(entry));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_read_is_what_was_written(which in 0_usize..48, position in 0_usize..2_000, byte: u8) {
        let entries = sample::entries();
        let mut leaf = encode(&entries[which % entries.len()]);
        let position = position % leaf.len();
        leaf[position] = byte;
        if let Ok(entry) = decode(&leaf) {
            prop_assert_eq!(encode(&entry), leaf);
        }
    }
}
