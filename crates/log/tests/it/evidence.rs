//! Exported evidence: an honest story verifies; whatever is changed, dropped, reordered, cut off or signed by another
//! key is found and named.

use byleave_core::id::InstallationId;
use byleave_core::sample::PROJECT;
use byleave_log::anchor::Anchor;
use byleave_log::bundle::{Bundle, BundleEntry, BundleError, Rights};
use byleave_log::checkpoint::Checkpoint;
use byleave_log::hash::Hash;
use byleave_log::key::SigningKey;
use byleave_log::verify::{Kind, Report, Verdict, verify};
use proptest::prelude::*;

use crate::story::{OTHER_PROJECT, Story, key, story};

fn verified(bundle: &Bundle) -> Report {
    verify(bundle, Some(key().verifying_key()), &[])
}

#[track_caller]
fn assert_found(report: &Report, index: u64, kind: Kind) {
    assert_eq!(report.verdict, Verdict::Failed, "{report}");
    let found = report.findings.iter().any(|finding| finding.index == Some(index) && finding.kind == kind);
    assert!(found, "no {kind:?} at {index}:\n{report}");
}

#[test]
fn an_honest_story_verifies() {
    let story = story();
    let anchors: Vec<Anchor> = (1..=story.entries.len()).map(|size| story.anchor(size)).collect();
    let bundle = Bundle::from_json(&story.bundle().to_string()).unwrap();
    assert_eq!(bundle, story.bundle(), "survives its file");
    let report = verify(&bundle, Some(key().verifying_key()), &anchors);
    assert_eq!((report.verdict, &report.findings), (Verdict::Verified, &Vec::new()), "{report}");
    assert_eq!(report.anchors, anchors.len() as u64);
    assert_eq!((report.entries, report.replayed, report.hidden), (anchors.len() as u64, anchors.len() as u64, 0));
    assert_eq!(report.last_at, Some(story.at.to_string()));
}

#[test]
fn without_a_key_it_is_only_consistent() {
    let report = verify(&story().bundle(), None, &[]);
    assert_eq!(report.verdict, Verdict::NotAuthenticated, "{report}");
    assert_eq!(report.verdict.to_string(), "consistent, not authenticated");
}

#[test]
fn a_session_left_open_is_a_notice_not_a_finding() {
    let report = verified(&story().bundle());
    let [notice] = report.notices.as_slice() else { panic!("{report}") };
    assert!(notice.text.contains("not closed"), "{report}");
    assert_eq!(notice.index, Some(story().index("other cluster") + 2));
}

#[test]
fn every_changed_entry_is_named() {
    let bundle = story().bundle();
    for index in 0..bundle.entries.len() {
        let mut changed = bundle.clone();
        let leaf = changed.entries[index].leaf.as_mut().unwrap();
        *leaf = leaf.replacen("2026-11-1", "2026-11-0", 1).replacen("{\"at\":\"202", "{\"at\":\"203", 1);
        assert_found(&verified(&changed), index as u64, Kind::Changed);
        let mut hash = *changed.entries[index].hash.as_bytes();
        hash[0] ^= 1;
        let mut changed = bundle.clone();
        changed.entries[index].hash = Hash::from_bytes(hash);
        assert_found(&verified(&changed), index as u64, Kind::Changed);
    }
}

#[test]
fn every_dropped_entry_is_named() {
    let bundle = story().bundle();
    for index in 0..bundle.entries.len() {
        let mut dropped = bundle.clone();
        dropped.entries.remove(index);
        let kind = if index + 1 == bundle.entries.len() { Kind::Truncated } else { Kind::Dropped };
        assert_found(&verified(&dropped), index as u64, kind);
        let others = verified(&dropped).findings.iter().filter(|finding| finding.kind == Kind::Dropped).count();
        assert!(others <= 1, "only that one is missing");
    }
}

#[test]
fn every_change_of_places_is_named() {
    let bundle = story().bundle();
    let last = bundle.entries.len() - 1;
    for (from, to) in (0..last).map(|index| (index, index + 1)).chain([(3, 17), (0, last)]) {
        let mut swapped = bundle.clone();
        swapped.entries.swap(from, to);
        assert_found(&verified(&swapped), from as u64, Kind::Reordered);
        assert_found(&verified(&swapped), to as u64, Kind::Reordered);
        let mut doubled = bundle.clone();
        doubled.entries.insert(to, doubled.entries[from].clone());
        assert_found(&verified(&doubled), from as u64, Kind::Reordered);
    }
}

#[test]
fn entries_cut_off_at_the_end_are_missed() {
    let mut cut = story().bundle();
    cut.entries.truncate(20);
    assert_found(&verified(&cut), 20, Kind::Truncated);
}

#[test]
fn an_older_state_passes_for_the_present_one_only_without_an_anchor() {
    let whole = story();
    let older = whole.until("revoke").bundle();
    assert_eq!(verified(&older).verdict, Verdict::Verified, "it was true once");
    let kept = whole.anchor(whole.index("revoke") as usize + 1);
    let report = verify(&older, Some(key().verifying_key()), &[kept]);
    assert_found(&report, whole.index("revoke"), Kind::Truncated);
}

#[test]
fn rewritten_history_does_not_fit_an_anchor() {
    let whole = story();
    let mut rewritten = Story::new();
    // The vendor has the key and leaves out that somebody came on standing access.
    let standing = whole.index("standing session");
    let gone = [standing, standing + 2];
    for entry in whole.entries.iter().filter(|entry| !gone.contains(&entry.index)) {
        rewritten.at = entry.at;
        rewritten.add(0, entry.by.clone(), entry.event.clone());
    }
    assert_eq!(verified(&rewritten.bundle()).verdict, Verdict::Verified, "only an anchor can tell");
    let anchors = [whole.anchor(standing as usize), whole.anchor(standing as usize + 1), whole.anchor(30)];
    let report = verify(&rewritten.bundle(), Some(key().verifying_key()), &anchors);
    assert_found(&report, standing, Kind::Anchor);
    assert!(report.findings[0].text.contains(&format!("between entry {standing} and entry {standing}")), "{report}");
}

#[test]
fn an_entry_behind_the_checkpoint_is_not_covered() {
    let whole = story();
    let mut appended = whole.until("last").bundle();
    appended.entries.push(BundleEntry::visible(whole.entries.last().unwrap()));
    assert_found(&verified(&appended), whole.index("last"), Kind::Appended);
}

#[test]
fn entries_changed_with_their_hashes_do_not_make_the_signed_tree() {
    let whole = story();
    let mut bundle = whole.bundle();
    let mut entry = whole.entries[whole.index("node check") as usize].clone();
    entry.at = entry.at.plus(1);
    bundle.entries[entry.index as usize] = BundleEntry::visible(&entry);
    let report = verified(&bundle);
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.findings.iter().any(|finding| finding.kind == Kind::Root), "{report}");
    let anchors = [whole.anchor(entry.index as usize), whole.anchor(entry.index as usize + 1)];
    assert_found(&verify(&bundle, Some(key().verifying_key()), &anchors), entry.index, Kind::Anchor);
}

#[test]
fn another_key_is_told() {
    let bundle = story().bundle();
    for other in [
        SigningKey::from_bytes(&[8; 32], InstallationId::from_bytes([0xb1; 12])),
        SigningKey::from_bytes(&[7; 32], InstallationId::from_bytes([0xb2; 12])),
    ] {
        let report = verify(&bundle, Some(other.verifying_key()), &[]);
        assert_eq!(report.verdict, Verdict::Failed);
        let kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [Kind::Key, Kind::Checkpoint], "{report}");
        // Somebody makes evidence of their own, with a key of their own.
        let forged =
            Bundle::new(Rights::Whole, other.vkey(), story().checkpoint().sign(&other), bundle.entries.clone());
        assert_eq!(verified(&forged).verdict, Verdict::Failed);
    }
}

#[test]
fn a_forged_checkpoint_is_told() {
    let whole = story();
    let honest = whole.checkpoint();
    for forged in
        [Checkpoint { size: honest.size - 1, ..honest }, Checkpoint { root: Hash::of_leaf(b"forged"), ..honest }]
    {
        // The vendor's key signs what is not true of the entries.
        let bundle = Bundle { checkpoint: forged.sign(&key()), ..whole.bundle() };
        assert_eq!(verified(&bundle).verdict, Verdict::Failed);
        // Somebody else takes the signature of the true one.
        let signature = honest.sign(&key()).rsplit_once("\n\n").unwrap().1.to_owned();
        let bundle = Bundle { checkpoint: format!("{}\n{signature}", forged.to_text()), ..whole.bundle() };
        let report = verified(&bundle);
        assert!(report.findings.iter().any(|finding| finding.kind == Kind::Checkpoint), "{report}");
    }
    let nothing = Bundle { checkpoint: String::new(), ..whole.bundle() };
    assert_eq!(verified(&nothing).verdict, Verdict::Failed);
}

#[test]
fn an_anchor_that_another_key_signed_is_told() {
    let whole = story();
    let other = SigningKey::from_bytes(&[8; 32], InstallationId::from_bytes([0xb1; 12]));
    let anchor = Anchor { checkpoint: whole.checkpoint().sign(&other), ..whole.anchor(5) };
    assert_found(&verify(&whole.bundle(), Some(key().verifying_key()), &[anchor]), 4, Kind::Anchor);
}

#[test]
fn a_text_that_was_not_logged_is_told() {
    let mut bundle = story().bundle();
    let first = story().index("first grant");
    bundle.entries[first as usize].disclosures[1].text = "because we like it".into();
    assert_found(&verified(&bundle), first, Kind::Text);
    let mut bundle = story().bundle();
    bundle.entries[first as usize].disclosures.clear();
    assert_eq!(verified(&bundle).verdict, Verdict::Verified, "erased texts are missed by nobody");
}

#[test]
fn an_entry_withheld_from_who_may_see_the_whole_is_named() {
    let story = story();
    let anchors: Vec<Anchor> = (1..=story.entries.len()).map(|size| story.anchor(size)).collect();
    for index in 0..story.entries.len() {
        let mut bundle = Bundle { rights: Some(Rights::Whole), ..story.bundle() };
        let hash = bundle.entries[index].hash;
        bundle.entries[index] = BundleEntry::hidden(hash);
        let report = verify(&Bundle::from_json(&bundle.to_string()).unwrap(), Some(key().verifying_key()), &anchors);
        assert_found(&report, index as u64, Kind::Hidden);
    }
    let whole = Bundle { rights: Some(Rights::Whole), ..story.bundle() };
    assert_eq!(verified(&whole).verdict, Verdict::Verified);
}

#[test]
fn texts_that_are_not_in_the_evidence_are_counted() {
    let whole = story().bundle();
    let told: usize = whole.entries.iter().map(|entry| entry.disclosures.len()).sum();
    assert!(told > 0 && verified(&whole).withheld_texts == 0, "{}", verified(&whole));
    let mut bare = whole;
    for entry in &mut bare.entries {
        entry.disclosures.clear();
    }
    let report = verified(&Bundle::from_json(&bare.to_string()).unwrap());
    // Erasing a text is nothing wrong, but nobody should take this for the whole.
    assert_eq!((report.verdict, report.withheld_texts), (Verdict::Verified, told as u64), "{report}");
    assert!(report.to_string().contains("only the hash is told"), "{report}");
}

#[test]
fn what_was_not_checked_is_said() {
    let story = story();
    assert!(verified(&story.bundle()).to_string().contains("not checked"));
    let report = verify(&story.bundle(), Some(key().verifying_key()), &[story.anchor(3)]);
    assert!(!report.to_string().contains("not checked"), "{report}");
}

#[test]
fn entries_of_other_projects_may_be_hidden() {
    let mut bundle = story().bundle();
    for (entry, told) in story().entries.iter().zip(&mut bundle.entries) {
        if entry.event.project() == Some(OTHER_PROJECT) {
            *told = BundleEntry::hidden(told.hash);
        }
    }
    let report = verified(&Bundle::from_json(&bundle.to_string()).unwrap());
    assert_eq!((report.verdict, report.hidden), (Verdict::Verified, 4), "{report}");
    assert!(report.to_string().contains("4 entries are known by hash only"));
    // Hiding what a session rests on excuses nothing.
    for (entry, told) in story().entries.iter().zip(&mut bundle.entries) {
        if entry.event.project() == Some(PROJECT) && entry.event.name() == "grant.given" {
            *told = BundleEntry::hidden(told.hash);
        }
    }
    assert_found(&verified(&bundle), story().index("logs session"), Kind::NotAllowed);
}

#[test]
fn a_file_of_another_form_is_refused() {
    let text = story().bundle().to_string();
    assert!(matches!(Bundle::from_json(""), Err(BundleError::Malformed(_))));
    assert!(matches!(Bundle::from_json(&text.replacen("evidence-1", "evidence-2", 1)), Err(BundleError::Format(_))));
    assert!(matches!(Bundle::from_json(&text.replacen("{", "{\"x\":1,", 1)), Err(BundleError::Malformed(_))));
}

#[test]
fn a_report_is_readable_by_programs() {
    let mut dropped = story().bundle();
    dropped.entries.remove(4);
    let json = serde_json::to_value(verified(&dropped)).unwrap();
    assert_eq!(json["verdict"], "failed");
    assert_eq!(json["findings"][0]["index"], 4);
    assert_eq!(json["findings"][0]["kind"], "dropped");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_byte_of_the_file_can_change_unseen(position in 0_usize..1_000_000, bit in 0_u8..8) {
        let text = story().bundle().to_string();
        let mut bytes = text.clone().into_bytes();
        let position = position % bytes.len();
        bytes[position] ^= 1 << bit;
        if let Ok(Ok(bundle)) = String::from_utf8(bytes).map(|text| Bundle::from_json(&text))
            && bundle != story().bundle()
        {
            let report = verified(&bundle);
            prop_assert_eq!(report.verdict, Verdict::Failed, "byte {}: {}", position, report);
        }
    }
}
