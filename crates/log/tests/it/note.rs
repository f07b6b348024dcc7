//! Notes, keys and checkpoints are read by signed_note and tlog_tiles, theirs are read by us, and no altered one passes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_core::event::LogId;
use byleave_core::id::{InstallationId, OrgId};
use byleave_log::anchor::{Anchor, AnchorError};
use byleave_log::checkpoint::{Checkpoint, CheckpointError, Origin};
use byleave_log::hash::Hash;
use byleave_log::key::{KeyError, SigningKey, VerifyingKey};
use byleave_log::note::{Note, NoteError};
use signed_note::{Signer, StandardSigner, StandardVerifier, Verifier, VerifierList};

const INSTALLATION: InstallationId = InstallationId::from_bytes([0xb1; 12]);
const LOG: LogId = LogId::Organization(OrgId::from_bytes([0x0a; 12]));

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32], INSTALLATION)
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: Origin { installation: INSTALLATION, log: LOG }, size: 41, root: Hash::of_leaf(b"root") }
}

/// The same key in the form of Go's note package, as signed_note reads it.
fn their_signer() -> StandardSigner {
    let mut secret = vec![1];
    secret.extend_from_slice(&key().to_bytes());
    let (name, id) = (key().verifying_key().name().to_owned(), key().verifying_key().id());
    StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id:08x}+{}", STANDARD.encode(secret))).unwrap()
}

#[test]
fn strangers_read_our_key_note_and_checkpoint() {
    let verifier = StandardVerifier::new(&key().vkey()).unwrap();
    assert_eq!((verifier.name(), verifier.key_id()), (key().verifying_key().name(), key().verifying_key().id()));
    let text = checkpoint().sign(&key());
    let mut note = signed_note::Note::from_bytes(text.as_bytes()).unwrap();
    let (signatures, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(signatures.len(), 1);
    let theirs = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(theirs.origin(), checkpoint().origin.to_string());
    assert_eq!((theirs.size(), &theirs.hash().0, theirs.extension()), (41, checkpoint().root.as_bytes(), ""));
    note.add_sigs(&[&their_signer()]).unwrap();
    assert_eq!(note.to_bytes(), text.as_bytes(), "the same signature, byte for byte");
}

#[test]
fn we_read_what_strangers_sign() {
    let theirs = tlog_tiles::Checkpoint::new(
        &checkpoint().origin.to_string(),
        41,
        tlog_tiles::tlog::Hash(*checkpoint().root.as_bytes()),
        "",
    );
    let mut note = signed_note::Note::new(&theirs.unwrap().to_bytes(), &[]).unwrap();
    note.add_sigs(&[&their_signer() as &dyn Signer]).unwrap();
    let text = String::from_utf8(note.to_bytes()).unwrap();
    assert_eq!(Checkpoint::open(&text, key().verifying_key()), Ok(checkpoint()));
}

#[test]
fn a_witness_may_add_its_signature() {
    let witness = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let text = checkpoint().sign(&key()) + witness;
    assert_eq!(Checkpoint::open(&text, key().verifying_key()), Ok(checkpoint()));
    assert_eq!(Note::parse(&text).unwrap().to_string(), text);
}

#[test]
fn no_altered_checkpoint_passes() {
    let text = checkpoint().sign(&key());
    let public = key().verifying_key().clone();
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] ^= 1;
        let Ok(altered) = String::from_utf8(bytes) else { continue };
        assert!(Checkpoint::open(&altered, &public).is_err(), "byte {position} of {altered}");
    }
    for altered in [
        text.replace("\n41\n", "\n041\n"),
        text.replace("\n41\n", "\n42\n"),
        text.trim_end().to_owned(),
        format!("{text}\n"),
        text.replace("\n\n", "\nextension\n\n"),
        text.replace('\n', "\r\n"),
    ] {
        assert!(Checkpoint::open(&altered, &public).is_err(), "{altered}");
    }
}

#[test]
fn a_key_that_signs_another_spelling_is_not_believed() {
    for altered in ["41\n", "\n41\n"].iter().zip(["041\n", "\n+41\n"]).map(|(old, new)| {
        let text = checkpoint().to_text();
        text.replacen(old, new, 1)
    }) {
        let signed = Note::sign(altered, &key()).to_string();
        assert_eq!(Checkpoint::open(&signed, key().verifying_key()), Err(CheckpointError::Malformed), "{signed}");
    }
}

#[test]
fn another_key_does_not_open_a_checkpoint() {
    let text = checkpoint().sign(&key());
    let other = SigningKey::from_bytes(&[8; 32], INSTALLATION);
    assert!(matches!(
        Checkpoint::open(&text, other.verifying_key()),
        Err(CheckpointError::Note(NoteError::NotSigned { .. }))
    ));
    let elsewhere = SigningKey::from_bytes(&[7; 32], InstallationId::from_bytes([1; 12]));
    let text = checkpoint().sign(&elsewhere);
    assert_eq!(Checkpoint::open(&text, elsewhere.verifying_key()), Err(CheckpointError::OtherInstallation));
}

#[test]
fn a_key_has_one_spelling() {
    let vkey = key().vkey();
    assert_eq!(VerifyingKey::parse(&vkey).unwrap().to_string(), vkey);
    assert_eq!(VerifyingKey::parse(&vkey.replacen("b1", "b2", 1)), Err(KeyError::WrongId));
    for bad in ["", "byleave/b1", &vkey.to_uppercase(), &format!("{vkey} "), &vkey.replacen("byleave/", "other/", 1)] {
        assert_eq!(VerifyingKey::parse(bad), Err(KeyError::Malformed), "{bad}");
    }
    assert!(!format!("{:?}", key()).contains(&hex::encode([7; 32])), "the secret half is never printed");
}

#[test]
fn an_anchor_survives_its_text() {
    let anchor = Anchor { log: LOG, index: 40, checkpoint: checkpoint().sign(&key()) };
    assert_eq!(Anchor::from_json(&anchor.to_json()), Ok(anchor.clone()));
    assert_eq!(anchor.open(key().verifying_key()), Ok(checkpoint()));
    let beyond = Anchor { index: 41, ..anchor.clone() };
    assert_eq!(beyond.open(key().verifying_key()), Err(AnchorError::Mismatch));
    let other = Anchor { log: LogId::Installation, ..anchor };
    assert_eq!(other.open(key().verifying_key()), Err(AnchorError::Mismatch));
    for bad in
        ["", "{}", r#"{"log":"x","index":0,"checkpoint":""}"#, r#"{"log":"installation","index":-1,"checkpoint":""}"#]
    {
        assert!(matches!(Anchor::from_json(bad), Err(AnchorError::Malformed(_))), "{bad}");
    }
}
