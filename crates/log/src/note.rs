//! Signed notes as C2SP defines them: a text, an empty line, and one line for each signature.
//!
//! Signatures of keys that are not asked for are kept and never judged, so that a customer's witness can add its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{SigningKey, VerifyingKey};

/// More signatures than a note may carry.
const MOST_SIGNATURES: usize = 100;

/// A text with signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

/// Why a note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The key's signature does not fit the text.
    #[error("the signature does not fit the text; one of them was changed")]
    BadSignature,
    /// Not of the form of a signed note.
    #[error("is not a signed note")]
    Malformed,
    /// The key did not sign it.
    #[error("is not signed by the key `{name}+{id:08x}`")]
    NotSigned {
        /// The key's name.
        name: String,
        /// The key's id.
        id: u32,
    },
}

impl Note {
    /// Signs a text of lines, each ended by a newline.
    pub fn sign(text: String, key: &SigningKey) -> Self {
        let public = key.verifying_key();
        let bytes = key.sign(text.as_bytes()).to_vec();
        let signature = Signature { name: public.name().to_owned(), id: public.id(), bytes };
        Self { text, signatures: vec![signature] }
    }

    /// Reads a note without believing it.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] unless it is the one spelling of a note.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        let signatures: Vec<Signature> =
            lines.split('\n').map(Signature::parse).collect::<Option<_>>().ok_or(NoteError::Malformed)?;
        let printable = note.chars().all(|character| character == '\n' || !character.is_control());
        if !printable || text.is_empty() || signatures.len() > MOST_SIGNATURES {
            return Err(NoteError::Malformed);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text, if this key signed it.
    ///
    /// # Errors
    /// [`NoteError`] if the key did not sign it, or if one of its signatures does not fit.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&str, NoteError> {
        let own = self.signatures.iter().filter(|signature| signature.name == key.name() && signature.id == key.id());
        let mut signed = false;
        for signature in own {
            let bytes = signature.bytes.as_slice().try_into().map_err(|_| NoteError::BadSignature)?;
            if !key.is_signed(self.text.as_bytes(), bytes) {
                return Err(NoteError::BadSignature);
            }
            signed = true;
        }
        if signed { Ok(&self.text) } else { Err(NoteError::NotSigned { name: key.name().to_owned(), id: key.id() }) }
    }

    /// The text, believed or not.
    pub fn unverified(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let mut bytes = signature.id.to_be_bytes().to_vec();
            bytes.extend_from_slice(&signature.bytes);
            writeln!(f, "— {} {}", signature.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(base64).ok()?;
        let (id, rest) = bytes.split_first_chunk::<4>()?;
        let sound = !name.is_empty() && !name.contains(char::is_whitespace) && !name.contains('+') && !rest.is_empty();
        sound.then(|| Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: rest.to_vec() })
    }
}
