//! Roots and proofs agree with ct-merkle and tlog_tiles for every size up to 300, and no altered proof passes.

use std::collections::BTreeMap;

use byleave_log::hash::Hash;
use byleave_log::proof::{
    Head, Proof, ProofError, Subtree, consistency_needs, frontier_needs, inclusion_needs, is_consistent, is_included,
    prove_consistency, prove_inclusion,
};
use byleave_log::tree::Frontier;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::tlog;

const SIZES: u64 = 300;

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

fn hashes(size: u64) -> Vec<Hash> {
    (0..size).map(|index| Hash::of_leaf(&leaf(index))).collect()
}

fn head(leaves: &[Hash]) -> Head {
    Head { size: leaves.len() as u64, root: leaves.iter().copied().collect::<Frontier>().root() }
}

struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn tiles(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for index in 0..size {
        let more = tlog::stored_hashes(index, &leaf(index), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

fn theirs(proof: &Proof) -> Vec<tlog::Hash> {
    proof.0.iter().map(|hash| tlog::Hash(*hash.as_bytes())).collect()
}

fn bytes(proof: &Proof) -> Vec<u8> {
    proof.0.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

#[test]
fn roots_are_those_of_both_strangers() {
    let stored = tiles(SIZES);
    let mut ct = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut ours = Frontier::new();
    for size in 0..=SIZES {
        assert_eq!(ours.size(), size);
        assert_eq!(ours.root().as_bytes(), &tlog::tree_hash(size, &stored).unwrap().0, "size {size}");
        if size > 0 {
            assert_eq!(ours.root().as_bytes()[..], ct.root().as_bytes()[..], "size {size}");
        }
        assert_eq!(Frontier::from_bytes(&ours.to_bytes()).as_ref(), Ok(&ours));
        ours.append(Hash::of_leaf(&leaf(size)));
        ct.push(leaf(size));
    }
}

#[test]
fn inclusion_proofs_are_those_of_both_strangers() {
    let all = hashes(SIZES);
    let stored = tiles(SIZES);
    let mut ct = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=SIZES {
        ct.push(leaf(size - 1));
        let leaves = &all[..size as usize];
        let Head { root, .. } = head(leaves);
        // Every leaf of the smaller trees, and the edges of the larger ones.
        for index in (0..size).filter(|index| size <= 70 || *index < 3 || *index + 3 >= size || index % 61 == 0) {
            let proof = prove_inclusion(index, size, leaves).unwrap();
            assert_eq!(theirs(&proof), tlog::prove_record(size, index, &stored).unwrap(), "{index} of {size}");
            assert_eq!(bytes(&proof), ct.prove_inclusion(index as usize).as_bytes(), "{index} of {size}");
            assert!(is_included(all[index as usize], index, size, root, &proof), "{index} of {size}");
            assert!(!is_included(all[index as usize], index + 1, size, root, &proof), "{index} of {size}");
            assert!(!is_included(root, index, size, root, &proof) || size == 1, "{index} of {size}");
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_both_strangers() {
    let all = hashes(SIZES);
    let stored = tiles(SIZES);
    let mut ct = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for new in 1..=SIZES {
        ct.push(leaf(new - 1));
        let newer = head(&all[..new as usize]);
        for old in (1..=new).filter(|old| new <= 70 || *old < 3 || old + 3 >= new || old % 61 == 0) {
            let older = head(&all[..old as usize]);
            let proof = prove_consistency(old, new, &all[..new as usize]).unwrap();
            assert_eq!(theirs(&proof), tlog::prove_tree(new, old, &stored).unwrap(), "{old} of {new}");
            if old < new {
                assert_eq!(bytes(&proof), ct.prove_consistency((new - old) as usize).as_bytes(), "{old} of {new}");
            }
            assert!(is_consistent(older, newer, &proof), "{old} of {new}");
            let forged = Head { root: Hash::of_leaf(b"forged"), ..older };
            assert!(!is_consistent(forged, newer, &proof), "{old} of {new}");
        }
    }
    assert!(is_consistent(head(&[]), head(&all), &Proof::default()));
    assert!(!is_consistent(head(&all), head(&all[..7]), &Proof::default()));
    assert_eq!(prove_consistency(3, 2, &all[..2]), Err(ProofError::OutOfRange { asked: 3, size: 2 }));
    assert_eq!(prove_inclusion(2, 2, &all[..2]), Err(ProofError::OutOfRange { asked: 2, size: 2 }));
}

#[test]
fn a_proof_of_one_size_is_none_of_another() {
    let all = hashes(20);
    for size in 2..20 {
        let (leaves, Head { root, .. }) = (&all[..size as usize], head(&all[..size as usize]));
        let proof = prove_inclusion(0, size, leaves).unwrap();
        let levels = |size: u64| (size - 1).ilog2();
        for other in (2..40).filter(|other| levels(*other) != levels(size)) {
            assert!(!is_included(all[0], 0, other, root, &proof), "{size} as {other}");
        }
    }
}

#[test]
fn proofs_are_made_from_the_few_nodes_they_name() {
    let all = hashes(SIZES);
    let mut kept = BTreeMap::new();
    let mut frontier = Frontier::new();
    for leaf in &all {
        kept.extend(frontier.append(*leaf));
    }
    for (index, old) in [(0, 1), (17, 64), (254, 255), (255, 256), (299, 300)] {
        let only = |needs: Vec<Subtree>| needs.into_iter().map(|need| (need, kept[&need])).collect::<BTreeMap<_, _>>();
        let few = only(inclusion_needs(index, SIZES).unwrap());
        assert_eq!(prove_inclusion(index, SIZES, &few), prove_inclusion(index, SIZES, &all[..]));
        let few = only(consistency_needs(old, SIZES).unwrap());
        assert_eq!(prove_consistency(old, SIZES, &few), prove_consistency(old, SIZES, &all[..]));
    }
    assert_eq!(frontier_needs(SIZES).len() as u32, SIZES.count_ones());
    let missing = prove_inclusion(0, 2, &BTreeMap::new());
    assert_eq!(missing, Err(ProofError::Missing(Subtree { level: 0, index: 1 })));
}

#[test]
fn a_proof_in_a_log_of_ten_million_entries_needs_few_nodes() {
    for (index, size) in [(0, 10_000_000), (9_999_999, 10_000_000), (5_000_001, u64::MAX)] {
        assert!(inclusion_needs(index, size).unwrap().len() < 130);
        assert!(consistency_needs(index + 1, size).unwrap().len() < 130);
    }
}

#[test]
fn a_kept_frontier_that_does_not_fit_its_size_is_refused() {
    let bytes = hashes(7).into_iter().collect::<Frontier>().to_bytes();
    for wrong in [&bytes[..7], &bytes[..8], &bytes[..bytes.len() - 1], &[bytes.as_slice(), &[0; 32]].concat()[..]] {
        assert!(Frontier::from_bytes(wrong).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_altered_proof_passes(new in 2_u64..400, old in 1_u64..400, at in 0_usize..64, flip in 0_usize..32, more: bool) {
        let all = hashes(new);
        let old = 1 + old % new;
        let newer = head(&all);
        let older = head(&all[..old as usize]);
        let index = old - 1;
        for (proof, passes) in [
            (
                prove_inclusion(index, new, &all[..]).unwrap(),
                &(|proof: &Proof| is_included(all[index as usize], index, new, newer.root, proof)) as &dyn Fn(&Proof) -> bool,
            ),
            (prove_consistency(old, new, &all[..]).unwrap(), &|proof: &Proof| is_consistent(older, newer, proof)),
        ] {
            prop_assert!(passes(&proof));
            prop_assert_eq!(Proof::from_texts(&proof.to_texts()).unwrap(), proof.clone());
            let mut altered = proof.clone();
            if more || altered.0.is_empty() {
                altered.0.push(Hash::of_leaf(b"more"));
            } else {
                let step = at % altered.0.len();
                let mut bytes = *altered.0[step].as_bytes();
                bytes[flip] ^= 1;
                altered.0[step] = Hash::from_bytes(bytes);
            }
            prop_assert!(!passes(&altered));
            if !proof.0.is_empty() {
                let mut shorter = proof.clone();
                shorter.0.pop();
                prop_assert!(!passes(&shorter));
            }
        }
    }
}
