//! A node that keeps to no rule: an SSH server of its own that sends whatever a test says, whenever it says so.
//!
//! Handshake and encryption are real (curve25519-sha256, ssh-ed25519, aes128-gcm@openssh.com), everything after them is
//! up to the test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use byleave_core::time::Entropy;

use crate::memory::{PATIENCE, node};
use crate::world::{Random, World};

const GREETING: &str = "SSH-2.0-Hostile";
pub(crate) const OPEN: u8 = 90;
pub(crate) const OPEN_FAILURE: u8 = 92;
pub(crate) const REQUEST_FAILURE: u8 = 82;
pub(crate) const CHANNEL_REQUEST: u8 = 98;

/// A field of a message.
pub(crate) enum Field<'a> {
    Bytes(&'a [u8]),
    Flag(u8),
    Number(u32),
    Text(&'a str),
}

/// A message: its number and fields.
pub(crate) fn message(number: u8, fields: &[Field<'_>]) -> Vec<u8> {
    let mut message = vec![number];
    for field in fields {
        match field {
            Field::Bytes(bytes) => string(&mut message, bytes),
            Field::Flag(flag) => message.push(*flag),
            Field::Number(number) => message.extend(number.to_be_bytes()),
            Field::Text(text) => string(&mut message, text.as_bytes()),
        }
    }
    message
}

fn string(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    to.extend(bytes);
}

/// Takes a string from the front of a message.
pub(crate) fn take<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let length = u32::from_be_bytes(from[..4].try_into().unwrap()) as usize;
    let (string, rest) = from[4..].split_at(length);
    *from = rest;
    string
}

struct Cipher {
    key: LessSafeKey,
    nonce: [u8; 12],
}

impl Cipher {
    fn next(&mut self) -> Nonce {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let counter = u64::from_be_bytes(self.nonce[4..].try_into().unwrap()).wrapping_add(1);
        self.nonce[4..].copy_from_slice(&counter.to_be_bytes());
        nonce
    }
}

/// What the gateway sends.
pub(crate) struct Incoming {
    stream: TcpStream,
    cipher: Option<Cipher>,
}

impl Incoming {
    /// The next message; `None` when the connection is gone.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let tag = if self.cipher.is_some() { 16 } else { 0 };
        let mut packet = vec![0; u32::from_be_bytes(length) as usize + tag];
        self.stream.read_exact(&mut packet).ok()?;
        if let Some(cipher) = &mut self.cipher {
            let nonce = cipher.next();
            cipher.key.open_in_place(nonce, Aad::from(length), &mut packet).unwrap();
        }
        let end = u32::from_be_bytes(length) as usize - packet[0] as usize;
        Some(packet[1..end].to_vec())
    }

    /// The next message of this number, past all others.
    pub(crate) fn wait(&mut self, number: u8) -> Option<Vec<u8>> {
        loop {
            let message = self.next()?;
            if message[0] == number {
                return Some(message);
            }
        }
    }

    /// Reads until the gateway's connection is gone.
    pub(crate) fn drain(mut self) {
        while self.next().is_some() {}
    }
}

/// What the node sends.
pub(crate) struct Outgoing {
    stream: TcpStream,
    cipher: Option<Cipher>,
}

impl Outgoing {
    /// Sends a message; false when the connection is gone.
    pub(crate) fn send(&mut self, message: &[u8]) -> bool {
        let block = if self.cipher.is_some() { 16 } else { 8 };
        let before = if self.cipher.is_some() { 1 } else { 5 };
        let padding = 4 + (block - (before + message.len() + 4) % block) % block;
        let length = u32::try_from(1 + message.len() + padding).unwrap().to_be_bytes();
        let mut packet = vec![u8::try_from(padding).unwrap()];
        packet.extend(message);
        packet.resize(1 + message.len() + padding, 0);
        if let Some(cipher) = &mut self.cipher {
            let nonce = cipher.next();
            cipher.key.seal_in_place_append_tag(nonce, Aad::from(length), &mut packet).unwrap();
        }
        self.stream.write_all(&[&length[..], &packet].concat()).is_ok()
    }
}

/// How a node shows who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// With its key.
    Key,
    /// With a certificate where a key was agreed on.
    Certificate,
    /// With the signature of another key.
    OtherSignature,
}

/// One connection of the gateway's to a node.
pub(crate) struct Wire {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    seed: [u8; 32],
    transcript: Vec<u8>,
}

impl Wire {
    /// Exchanges greetings and key offers.
    pub(crate) fn greet(&mut self, host_key_types: &str) -> Option<()> {
        self.outgoing.stream.write_all(format!("{GREETING}\r\n").as_bytes()).ok()?;
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"\n") {
            let mut byte = [0];
            self.incoming.stream.read_exact(&mut byte).ok()?;
            greeting.extend(byte);
        }
        string(&mut self.transcript, greeting.trim_ascii_end());
        string(&mut self.transcript, GREETING.as_bytes());
        let (cipher, mac) = (Field::Text("aes128-gcm@openssh.com"), Field::Text("hmac-sha2-256"));
        let mut offer = message(20, &[]);
        offer.extend([7; 16]);
        let rest = message(0, &[Field::Text("curve25519-sha256"), Field::Text(host_key_types)]);
        offer.extend(&rest[1..]);
        let twice = [&cipher, &cipher, &mac, &mac].map(|field| match field {
            Field::Text(text) => message(0, &[Field::Text(text)])[1..].to_vec(),
            Field::Bytes(_) | Field::Flag(_) | Field::Number(_) => Vec::new(),
        });
        offer.extend(twice.concat());
        let none = [Field::Text("none"), Field::Text("none"), Field::Text(""), Field::Text("")];
        offer.extend(&message(0, &none)[1..]);
        offer.extend([0; 5]);
        self.outgoing.send(&offer);
        let theirs = self.incoming.wait(20)?;
        string(&mut self.transcript, &theirs);
        string(&mut self.transcript, &offer);
        Some(())
    }

    /// Agrees on keys.
    pub(crate) fn agree(&mut self, shows: Shows) -> Option<()> {
        let init = self.incoming.wait(30)?;
        let theirs = take(&mut &init[1..]).to_vec();
        let random = SystemRandom::new();
        let own = EphemeralPrivateKey::generate(&X25519, &random).unwrap();
        let public = own.compute_public_key().unwrap();
        let shared =
            agree_ephemeral(own, UnparsedPublicKey::new(&X25519, &theirs), (), |shared| Ok(shared.to_vec())).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.seed).unwrap();
        let kind = if shows == Shows::Certificate { "ssh-ed25519-cert-v01@openssh.com" } else { "ssh-ed25519" };
        let blob = message(0, &[Field::Text(kind), Field::Bytes(pair.public_key().as_ref())])[1..].to_vec();
        for part in [&blob[..], &theirs, public.as_ref()] {
            string(&mut self.transcript, part);
        }
        let secret = number(&shared);
        self.transcript.extend(&secret);
        let hash = digest(&SHA256, &self.transcript);
        let signer = match shows {
            Shows::Key | Shows::Certificate => pair,
            Shows::OtherSignature => Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap(),
        };
        let signature =
            message(0, &[Field::Text("ssh-ed25519"), Field::Bytes(signer.sign(hash.as_ref()).as_ref())])[1..].to_vec();
        let fields = [Field::Bytes(&blob), Field::Bytes(public.as_ref()), Field::Bytes(&signature)];
        self.outgoing.send(&message(31, &fields));
        self.outgoing.send(&[21]);
        self.incoming.wait(21)?;
        let derive = |letter: u8| digest(&SHA256, &[&secret, hash.as_ref(), &[letter], hash.as_ref()].concat());
        let cipher = |key: u8, nonce: u8| Cipher {
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &derive(key).as_ref()[..16]).unwrap()),
            nonce: derive(nonce).as_ref()[..12].try_into().unwrap(),
        };
        self.incoming.cipher = Some(cipher(b'C', b'A'));
        self.outgoing.cipher = Some(cipher(b'D', b'B'));
        Some(())
    }

    /// Lets the gateway in, whatever it shows.
    pub(crate) fn authenticate(&mut self) -> Option<()> {
        self.incoming.wait(5)?;
        self.outgoing.send(&message(6, &[Field::Text("ssh-userauth")]));
        self.incoming.wait(50)?;
        self.outgoing.send(&[52]);
        Some(())
    }

    /// Takes the gateway's channel; answers its number there. Here it is 0.
    pub(crate) fn open_channel(&mut self) -> Option<u32> {
        let open = self.incoming.wait(OPEN)?;
        let mut rest = &open[1..];
        assert_eq!(take(&mut rest), b"session");
        let channel = u32::from_be_bytes(rest[..4].try_into().unwrap());
        self.outgoing.send(&confirmation(channel));
        Some(channel)
    }

    /// Waits for the command and says yes to it.
    pub(crate) fn start(&mut self, channel: u32) -> Option<()> {
        loop {
            let request = self.incoming.wait(CHANNEL_REQUEST)?;
            let mut rest = &request[5..];
            let kind = take(&mut rest).to_vec();
            if rest[0] == 1 {
                self.outgoing.send(&message(99, &[Field::Number(channel)]));
            }
            if kind == b"exec" {
                return Some(());
            }
        }
    }

    /// All of that, as a node does that keeps to the rules.
    pub(crate) fn serve(&mut self) -> Option<u32> {
        self.greet("ssh-ed25519")?;
        self.agree(Shows::Key)?;
        self.authenticate()?;
        let channel = self.open_channel()?;
        self.start(channel)?;
        Some(channel)
    }
}

/// A yes to a channel, with room for much.
pub(crate) fn confirmation(channel: u32) -> Vec<u8> {
    let numbers = [channel, 0, 1 << 30, 32 * 1024].map(Field::Number);
    message(91, &numbers)
}

/// Bytes on a channel.
pub(crate) fn data(channel: u32, bytes: &[u8]) -> Vec<u8> {
    message(94, &[Field::Number(channel), Field::Bytes(bytes)])
}

/// Bytes on a channel, of a type.
pub(crate) fn extended(channel: u32, kind: u32, bytes: &[u8]) -> Vec<u8> {
    message(95, &[Field::Number(channel), Field::Number(kind), Field::Bytes(bytes)])
}

/// How the command ended.
pub(crate) fn exit_status(channel: u32, status: u32) -> Vec<u8> {
    let fields = [Field::Number(channel), Field::Text("exit-status"), Field::Flag(0), Field::Number(status)];
    message(CHANNEL_REQUEST, &fields)
}

pub(crate) fn eof(channel: u32) -> Vec<u8> {
    message(96, &[Field::Number(channel)])
}

pub(crate) fn close(channel: u32) -> Vec<u8> {
    message(97, &[Field::Number(channel)])
}

/// A positive number in the form of the protocol.
fn number(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut digits = bytes[start..].to_vec();
    if digits.first().is_some_and(|first| first & 0x80 != 0) {
        digits.insert(0, 0);
    }
    let mut number = Vec::new();
    string(&mut number, &digits);
    number
}

/// Puts such a node in the place of the world's own: `play` is what it does with each connection.
pub(crate) fn stand_in(world: &World, play: impl Fn(Wire) + Send + Sync + 'static) -> SocketAddr {
    let mut seed = [0; 32];
    Random.fill(&mut seed);
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let blob = message(0, &[Field::Text("ssh-ed25519"), Field::Bytes(pair.public_key().as_ref())])[1..].to_vec();
    let key = russh::keys::ssh_key::PublicKey::from_bytes(&blob).unwrap().to_openssh().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let standing_in = node(&address.to_string(), &key);
    world.memory.change(|facts| facts.cluster.nodes = vec![standing_in]);
    let play = Arc::new(play);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_read_timeout(Some(PATIENCE * 3)).unwrap();
            let incoming = Incoming { stream: stream.try_clone().unwrap(), cipher: None };
            let outgoing = Outgoing { stream, cipher: None };
            let play = play.clone();
            std::thread::spawn(move || play(Wire { incoming, outgoing, seed, transcript: Vec::new() }));
        }
    });
    address
}
