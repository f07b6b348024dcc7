//! Towards the cluster: TLS by the inventory's certificates, our own hello, signing in, and one question at a time.
//!
//! The servers of the inventory are asked in turn which of them is the primary, unless the inventory chooses one: then it
//! is that one or none. Clients never learn of them. Nothing here names an employee: the application name is the
//! session's id.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use byleave_core::event::Side;
use byleave_core::inventory::SyncSource;
use byleave_core::name::Address;
use byleave_core::session::SessionEnd;
use byleave_wire::answer::Server;
use byleave_wire::frame::{LONGEST_REPLY, message};
use byleave_wire::reply::ReplyError;
use byleave_wire::scope::Namespace;
use byleave_wire::scram::{ScramError, client};
use byleave_wire::upstream::{self, Greeting, Place};
use rustls::AlertDescription;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::frame::{Frames, ReadError};
use super::login::{Key, Login};
use crate::control::SyncCredential;
use crate::live::Live;
use crate::server::Shared;
use crate::socket::Socket;

/// How long the cluster may take to kill what a session left there.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long a cluster without a primary is asked again, and how often: an election takes seconds, and a client has nobody
/// else to ask meanwhile.
const ELECTION: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(250);

/// What a server says in TLS to a certificate, or the lack of one, that it does not take.
const OF_CERTIFICATES: &[AlertDescription] = &[
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::NoCertificate,
    AlertDescription::UnknownCA,
    AlertDescription::UnsupportedCertificate,
];

/// Why the cluster cannot be used. The text is for the employee; it names no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    #[error("the certificates that the inventory has for the databases cannot be used")]
    Certificates,
    #[error("the gateway's credential for the databases cannot be used")]
    Credential,
    #[error("the client is gone")]
    Gone,
    #[error("the databases do not answer in time")]
    Late,
    #[error("there is no credential for the databases on the basis that this session has now; open a new one")]
    NoCredential,
    #[error("no server of the databases takes the gateway now")]
    NoPrimary,
    #[error(
        "the server of the databases that the inventory chooses cannot be read now: it starts, recovers or only votes"
    )]
    NotReadable,
    #[error("the databases refuse the gateway's credential")]
    Refused,
    #[error("the databases answered what the gateway does not understand")]
    Reply(#[from] ReplyError),
    #[error("the databases cannot be reached")]
    Unreachable(#[source] ReadError),
    #[error("a server of the databases is not trusted: the inventory's authority does not vouch for its certificate")]
    Untrusted,
}

impl ServerError {
    /// Why a session ends that cannot begin for this: what an administrator must mend is told apart.
    pub(super) const fn ends(&self) -> SessionEnd {
        match self {
            Self::Credential | Self::NoCredential | Self::Refused => SessionEnd::CredentialRefused,
            Self::Certificates | Self::Untrusted => SessionEnd::DatabasesUntrusted,
            Self::Gone | Self::Late | Self::NoPrimary | Self::NotReadable | Self::Reply(_) | Self::Unreachable(_) => {
                SessionEnd::NodeUnreachable
            }
        }
    }
}

impl From<ReadError> for ServerError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error.into(),
            ReadError::Frame(_) => Self::Unreachable(error),
        }
    }
}

impl From<std::io::Error> for ServerError {
    fn from(error: std::io::Error) -> Self {
        let told = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = told
            && OF_CERTIFICATES.contains(alert)
        {
            return refused(&format!("{alert:?}"));
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = told {
            return Self::Untrusted;
        }
        Self::Unreachable(ReadError::Io(error))
    }
}

impl From<ScramError> for ServerError {
    fn from(error: ScramError) -> Self {
        match error {
            ScramError::NotAscii => Self::Credential,
            ScramError::Binding
            | ScramError::Iterations
            | ScramError::Message
            | ScramError::Nonce
            | ScramError::Proof
            | ScramError::Signature => Self::Refused,
        }
    }
}

/// A connection to a server of the cluster on which the gateway is signed in.
pub(super) struct Far {
    stream: TlsStream<Socket>,
    frames: Frames,
    asked: i32,
    /// What it was signed in with.
    key: Arc<Key>,
}

impl Far {
    /// Whether what it was signed in with may still be used.
    pub(super) fn may_go_on(&self, login: &Login) -> bool {
        login.is_last(&self.key)
    }

    /// Asks a question; answers its number and the frame of the answer.
    ///
    /// # Errors
    /// [`ServerError`]: the connection cannot go on.
    pub(super) async fn ask(&mut self, body: &[u8]) -> Result<(i32, Vec<u8>), ServerError> {
        self.asked = self.asked.wrapping_add(1);
        self.stream.write_all(&message(self.asked, 0, body)).await?;
        self.stream.flush().await?;
        let frame = self.frames.next(&mut self.stream, LONGEST_REPLY).await?;
        let frame = frame.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?;
        Ok((self.asked, frame))
    }

    /// Whether it holds room for the next answer.
    pub(super) fn holds_room(&self) -> bool {
        self.frames.holds_room()
    }

    /// Takes back the room of an answer that was delivered, for the next one.
    pub(super) fn reuse(&mut self, frame: Vec<u8>) {
        self.frames.reuse(frame);
    }

    /// Gives up the room of answers, until there is a next one.
    pub(super) fn rest(&mut self) {
        self.frames.reuse(Vec::new());
    }
}

/// Connects to the primary or the chosen server, as a leg of a session.
///
/// # Errors
/// [`ServerError`] of the last server that was tried.
pub(super) async fn dial(shared: &Shared, login: &Login) -> Result<Far, ServerError> {
    dial_for(shared, login, &login.session.live).await
}

/// Asks again while there is no primary, for as long as an election takes.
async fn dial_for(shared: &Shared, login: &Login, live: &Arc<Live>) -> Result<Far, ServerError> {
    let until = Instant::now() + ELECTION;
    loop {
        match dial_once(shared, login, live).await {
            Err(ServerError::NoPrimary) if Instant::now() < until => tokio::time::sleep(AGAIN).await,
            dialled => return dialled,
        }
    }
}

/// Asks each server once whether it is the primary, or the chosen one whether it can be read. Where one answers and none
/// is, that is the error, whatever became of the others: the one that is gone was the primary.
async fn dial_once(shared: &Shared, login: &Login, live: &Arc<Live>) -> Result<Far, ServerError> {
    let patience = shared.config.node_patience;
    let chosen = login.source.member.as_ref();
    let key = login.key().await?;
    let (mut error, mut answered) = (ServerError::NoPrimary, false);
    for address in in_turn(login) {
        let greeted = timeout(patience, greet(login, &key, &address, live)).await.unwrap_or(Err(ServerError::Late));
        let (mut far, greeting) = match greeted {
            Ok(Some(greeted)) => greeted,
            Ok(None) => {
                answered = true;
                continue;
            }
            Err(failed) => {
                error = failed;
                continue;
            }
        };
        match (greeting.place, chosen) {
            (Place::Primary, _) | (Place::Secondary, Some(_)) => {}
            (Place::Neither, Some(_)) => return Err(ServerError::NotReadable),
            (Place::Secondary | Place::Neither, None) => {
                answered = true;
                continue;
            }
        }
        timeout(patience, sign_in(shared, &mut far)).await.map_err(|_| ServerError::Late)??;
        // It could not be reset before it was there.
        if !login.is_last(&key) {
            return Err(ServerError::NoPrimary);
        }
        let version = match login.found() {
            Some((known, server)) if known == address => server.version,
            Some(_) | None => version(&mut far, patience).await?,
        };
        login.note_found(address, Server { max_wire_version: greeting.max_wire_version, version });
        return Ok(far);
    }
    match (answered, chosen) {
        (true, Some(_)) => Err(ServerError::NotReadable),
        (true, None) => Err(ServerError::NoPrimary),
        (false, _) => Err(error),
    }
}

/// The servers to ask: the chosen one and no other, else all, the one that was the primary last before the others.
fn in_turn(login: &Login) -> Vec<Address> {
    if let Some(chosen) = &login.source.member {
        return vec![chosen.clone()];
    }
    let last = login.found().map(|(address, _)| address);
    let others = login.source.servers.addresses().filter(|address| Some(address) != last.as_ref());
    last.iter().cloned().chain(others).collect()
}

/// The release of the server, which clients are told.
async fn version(far: &mut Far, patience: Duration) -> Result<String, ServerError> {
    let question = upstream::build_info();
    let (asked, frame) = timeout(patience, far.ask(&question)).await.map_err(|_| ServerError::Late)??;
    Ok(upstream::version(&frame, asked)?.unwrap_or_else(|_| "0.0.0".to_owned()))
}

/// Says hello to one server; `None` if it refuses that.
async fn greet(
    login: &Login,
    key: &Arc<Key>,
    address: &Address,
    live: &Arc<Live>,
) -> Result<Option<(Far, Greeting)>, ServerError> {
    let stream = TcpStream::connect(address.as_str()).await?;
    let socket = Socket::of_questions(stream, Side::Node, live.clone())?;
    let host = address.as_str().rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| ServerError::Certificates)?;
    let stream = TlsConnector::from(key.tls.clone()).connect(name, socket).await?;
    let mut far = Far { stream, frames: Frames::default(), asked: 0, key: key.clone() };
    let (asked, frame) = far.ask(&upstream::hello(&login.session.live.id.to_string())).await?;
    match upstream::greeting(&frame, asked)? {
        Ok(greeting) => Ok(Some((far, greeting))),
        Err(text) => {
            tracing::warn!(%address, text, "a server of sync data refuses a hello");
            Ok(None)
        }
    }
}

async fn sign_in(shared: &Shared, far: &mut Far) -> Result<(), ServerError> {
    let key = far.key.clone();
    match &key.credential {
        SyncCredential::Scram { user, password } => scram(shared, far, user, password).await,
        SyncCredential::X509 { .. } => {
            let (asked, frame) = far.ask(&upstream::x509()).await?;
            upstream::done(&frame, asked)?.map_err(|text| refused(&text))
        }
    }
}

async fn scram(shared: &Shared, far: &mut Far, user: &str, password: &str) -> Result<(), ServerError> {
    let (begun, first) = client::begin(user, password, &super::client::nonce(shared))?;
    let (asked, frame) = far.ask(&upstream::sasl_start("admin", &first)).await?;
    let step = upstream::sasl_step(&frame, asked)?.map_err(|text| refused(&text))?;
    let (proving, proof) = begun.prove(&step.payload)?;
    let (asked, frame) = far.ask(&upstream::sasl_continue("admin", step.conversation, &proof)).await?;
    let mut step = upstream::sasl_step(&frame, asked)?.map_err(|text| refused(&text))?;
    proving.verify(&step.payload)?;
    if !step.done {
        let (asked, frame) = far.ask(&upstream::sasl_continue("admin", step.conversation, &[])).await?;
        step = upstream::sasl_step(&frame, asked)?.map_err(|text| refused(&text))?;
    }
    if step.done { Ok(()) } else { Err(ServerError::Refused) }
}

fn refused(text: &str) -> ServerError {
    tracing::warn!(text, "a cluster refuses the gateway's credential for sync data");
    ServerError::Refused
}

/// TLS as the inventory and the credential have it.
///
/// # Errors
/// [`ServerError`] if the one or the other cannot be used.
pub(super) fn tls(source: &SyncSource, credential: &SyncCredential) -> Result<Arc<rustls::ClientConfig>, ServerError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(source.ca.as_str().as_bytes()) {
        let certificate = certificate.map_err(|_| ServerError::Certificates)?;
        roots.add(certificate).map_err(|_| ServerError::Certificates)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ServerError::Certificates)?
        .with_root_certificates(roots);
    let config = match credential {
        SyncCredential::Scram { .. } => Ok(builder.with_no_client_auth()),
        SyncCredential::X509 { pem } => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| ServerError::Credential)?;
            let chain = chain.map_err(|_| ServerError::Credential)?;
            builder.with_client_auth_cert(chain, key).map_err(|_| ServerError::Credential)
        }
    };
    config.map(Arc::new)
}

/// After a session has ended: kills the cursors that it left at the server and what is still under way there, and ends
/// the server's own session, on a connection of its own under the session's name, within a short time. What cannot be reached is left to the server's own time limits.
pub(super) async fn clean_up(shared: &Shared, login: &Login) {
    let mut left: Vec<(Namespace, Vec<i64>)> = Vec::new();
    let [kill, last] = {
        let scope = login.scope();
        for (id, namespace) in scope.cursors() {
            match left.iter_mut().find(|(known, _)| known == namespace) {
                Some((_, ids)) => ids.push(id),
                None => left.push((namespace.clone(), vec![id])),
            }
        }
        [upstream::kill_session(&scope), upstream::end_session(&scope)]
    };
    // Whoever was cut while the cluster was at work knows of no cursor yet.
    let unanswered = login.unanswered.load(Ordering::Acquire) > 0;
    if left.is_empty() && !unanswered {
        return;
    }
    // Nothing of the session's own passes any more: this one connection says only what the gateway says by itself.
    let live = Live::new(shared.fresh_id(), login.session.live.from, shared.watch.clone());
    let cleaning = async {
        let mut far = dial_for(shared, login, &live).await?;
        for (namespace, ids) in &left {
            far.ask(&upstream::kill_cursors(namespace, ids)).await?;
        }
        if unanswered {
            far.ask(&kill).await?;
        }
        far.ask(&last).await?;
        Ok::<(), ServerError>(())
    };
    match timeout(LAST_WORDS, cleaning).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the cursors of an ended session could not be killed"),
        Err(_) => tracing::warn!("the cursors of an ended session could not be killed in time"),
    }
}
