//! The SSH user CA of an organization: makes the certificate with which the gateway enters one node for one session.
//!
//! A certificate names a session and its grant and never an employee; it is good for one principal of one node, from
//! one gateway, for a minute, and runs nothing but Byleave's forced command. It must never outlive that: the gateway
//! cuts sessions, a certificate does not. Format: OpenSSH PROTOCOL.certkeys.

use byleave_core::id::{GrantId, NodeId, SessionId};
use byleave_core::name::PublicKey;
use byleave_core::time::{SECOND, Timestamp};
use byleave_gateway::control::Account;
use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, ssh_key};

/// How long before now a certificate is valid already, for nodes whose clocks differ, in milliseconds.
const EARLY: i64 = 30 * SECOND;
/// How long it is valid from now, in milliseconds.
const VALID_FOR: i64 = 60 * SECOND;

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// One connection of a session to a node.
    Session {
        /// The session.
        session: SessionId,
        /// Its grant, unless it stands on standing access.
        grant: Option<GrantId>,
        /// The account on the node.
        account: Account,
        /// Whether a terminal is wanted.
        pty: bool,
    },
    /// The check of a node: runs the probe and nothing else.
    Check,
}

/// What a certificate shall say.
pub(crate) struct Order<'a> {
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// The node.
    pub(crate) node: NodeId,
    /// The key made for this one connection.
    pub(crate) subject: &'a PublicKey,
    /// The addresses of the gateway as the node sees them, comma separated.
    pub(crate) source: &'a str,
    /// Where the node has the `byleave` binary.
    pub(crate) helper: &'a str,
    /// What time it is.
    pub(crate) now: Timestamp,
    /// A random serial number.
    pub(crate) serial: u64,
    /// A random nonce.
    pub(crate) nonce: [u8; 32],
}

/// The principal that a node accepts for an account.
pub(crate) fn principal(node: NodeId, account: Account) -> String {
    match account {
        Account::Infrastructure => format!("byleave-node:{node}"),
        Account::Logs => format!("byleave-node:{node}-logs"),
    }
}

/// Signs a certificate with the CA of this seed; the answer is its line in OpenSSH form.
///
/// # Errors
/// If the subject is no key that can be certified.
pub(crate) fn sign(seed: &[u8; 32], order: &Order<'_>) -> Result<String, ssh_key::Error> {
    let ca = PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(seed)), "")?;
    let subject = ssh_key::PublicKey::from_openssh(order.subject.as_str())?;
    let seconds = |at: Timestamp| u64::try_from(at.millis() / SECOND).unwrap_or_default();
    let (after, before) = (seconds(order.now.plus(-EARLY)), seconds(order.now.plus(VALID_FOR)));
    let mut builder = Builder::new(order.nonce, subject.key_data().clone(), after, before)?;
    builder.serial(order.serial)?;
    builder.cert_type(CertType::User)?;
    builder.critical_option("force-command", forced_command(order))?;
    builder.critical_option("source-address", order.source)?;
    builder.extension("consent@byleave", "")?;
    match order.purpose {
        Purpose::Check => {
            builder.key_id("byleave node check")?;
            builder.valid_principal(principal(order.node, Account::Infrastructure))?;
        }
        Purpose::Session { session, grant, account, pty } => {
            builder.key_id(format!("byleave session {session}"))?;
            builder.valid_principal(principal(order.node, account))?;
            if let Some(grant) = grant {
                builder.extension("grant@byleave", grant.to_string())?;
            }
            if pty {
                builder.extension("permit-pty", "")?;
            }
            builder.extension("session@byleave", session.to_string())?;
        }
    }
    builder.sign(&ca)?.to_openssh()
}

fn forced_command(order: &Order<'_>) -> String {
    match order.purpose {
        Purpose::Check => format!("{} node-session check", order.helper),
        Purpose::Session { account: Account::Infrastructure, .. } => format!("{} node-session", order.helper),
        Purpose::Session { account: Account::Logs, .. } => "internal-sftp -R".to_owned(),
    }
}
