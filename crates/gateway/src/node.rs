//! The leg to a node: who is there, who we are, and nothing that the node opens.
//!
//! The node must show exactly the host key of the inventory; certificates, other types and other keys end the
//! connection. We authenticate with a key made for this one connection and a certificate for it. Every channel that
//! the node opens is refused and reported: dropping the handle that comes with it refuses it. Connecting, the
//! handshake, authentication and opening a channel each have a time limit, and the gate can cut all of them.
//!
//! Global requests of a node (`tcpip-forward` and its like) are refused, but not reported: the library's client answers
//! each with a failure by itself and calls nobody, except for `hostkeys-00@openssh.com`, which we ignore. They ask
//! *us* to listen somewhere, and nothing here can.

use std::sync::Arc;
use std::time::Duration;

use byleave_core::event::{Forwarding, Side};
use byleave_core::inventory::Node;
use byleave_core::session::SessionEnd;
use russh::client::{self, AuthResult, ChannelOpenHandle, Msg};
use russh::keys::ssh_key::{self, Algorithm, HashAlg};
use russh::keys::{Certificate, PublicKeyOrCertificate};
use russh::{Channel, ChannelId, Preferred, SshId};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::control::{Account, CertificateRequest};
use crate::gate::LegId;
use crate::live::Live;
use crate::server::{Shared, algorithms, limits};
use crate::socket::Socket;
use crate::{key, server};

/// Why a leg could not be made. The text is for the employee; it names no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the node does not accept the gateway's certificate")]
    Certificate,
    #[error("the gateway cannot make a certificate for this session now")]
    Control,
    #[error("the node shows another host key than the inventory has")]
    HostKey,
    #[error("the node does not answer in time")]
    Late,
    #[error("the node cannot be reached")]
    Unreachable(#[source] russh::Error),
}

/// An authenticated connection to a node. Dropping it ends the connection.
pub(crate) struct Leg {
    handle: client::Handle<Stranger>,
    live: Arc<Live>,
    id: LegId,
    patience: Duration,
}

impl Leg {
    /// Opens the channel that the leg is for.
    ///
    /// # Errors
    /// [`DialError`] if the node refuses it or does not answer in time.
    pub(crate) async fn open(&self) -> Result<Channel<Msg>, DialError> {
        let opened = timeout(self.patience, self.handle.channel_open_session()).await;
        opened.map_err(|_| DialError::Late)?.map_err(DialError::Unreachable)
    }

    /// Says goodbye to the node, within a short time, and ends the connection.
    pub(crate) async fn close(self) {
        let goodbye = self.handle.disconnect(russh::Disconnect::ByApplication, "", "");
        drop(timeout(Duration::from_secs(1), goodbye).await);
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.live.gate.reset(self.id);
    }
}

/// Makes a leg to a node for a session.
///
/// # Errors
/// [`DialError`] says what failed.
pub(crate) async fn dial(
    shared: &Shared,
    live: &Arc<Live>,
    node: &Node,
    account: Account,
    pty: bool,
) -> Result<Leg, DialError> {
    let limit = shared.config.node_patience;
    let late = |_| DialError::Late;
    let stream = timeout(limit, TcpStream::connect(node.address.as_str())).await.map_err(late)?;
    let unreachable = |error: std::io::Error| DialError::Unreachable(error.into());
    let socket = Socket::new(stream.map_err(unreachable)?, Side::Node, live.clone()).map_err(unreachable)?;
    let id = socket.leg();
    let pinned = ssh_key::PublicKey::from_openssh(node.host_key.as_str()).map_err(|_| DialError::HostKey)?;
    let config = Arc::new(client_config(&pinned));
    let stranger = Stranger { pinned, live: live.clone() };
    let connected = timeout(limit, client::connect_stream(config, socket, stranger)).await.map_err(late)?;
    let handle = connected.map_err(|error| {
        if matches!(error, russh::Error::UnknownKey) { DialError::HostKey } else { DialError::Unreachable(error) }
    })?;
    let mut leg = Leg { handle, live: live.clone(), id, patience: limit };
    timeout(limit, authenticate(shared, &mut leg, node, account, pty)).await.map_err(late)??;
    Ok(leg)
}

async fn authenticate(
    shared: &Shared,
    leg: &mut Leg,
    node: &Node,
    account: Account,
    pty: bool,
) -> Result<(), DialError> {
    let own = key::fresh(shared.entropy.as_ref()).map_err(|_| DialError::Control)?;
    let public_key = key::public(own.public_key()).ok_or(DialError::Control)?;
    let request = CertificateRequest { session: leg.live.id, node: node.id, account, public_key, pty };
    let line = shared.control.certify(request).await.map_err(|_| DialError::Control)?;
    let certificate = Certificate::from_openssh(&line).map_err(|_| DialError::Control)?;
    let user = match account {
        Account::Infrastructure => &shared.config.accounts.infrastructure,
        Account::Logs => &shared.config.accounts.logs,
    };
    match leg.handle.authenticate_openssh_cert(user, Arc::new(own), certificate).await {
        Ok(AuthResult::Success) => Ok(()),
        Ok(AuthResult::Failure { .. }) => Err(DialError::Certificate),
        Err(error) => Err(DialError::Unreachable(error)),
    }
}

fn client_config(pinned: &ssh_key::PublicKey) -> client::Config {
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    let key = match pinned.algorithm() {
        Algorithm::Rsa { .. } => vec![rsa(HashAlg::Sha512), rsa(HashAlg::Sha256)],
        other @ (Algorithm::Ed25519 | Algorithm::Ecdsa { .. }) => vec![other],
        // No server signs with these, or we do not take them.
        Algorithm::Dsa | Algorithm::SkEcdsaSha2NistP256 | Algorithm::SkEd25519 | Algorithm::Other(_) | _ => Vec::new(),
    };
    client::Config {
        client_id: SshId::Standard(server::BANNER.into()),
        limits: limits(),
        window_size: server::WINDOW,
        maximum_packet_size: server::PACKET,
        channel_buffer_size: server::CHANNEL_BUFFER,
        preferred: Preferred { key: key.into(), ..algorithms() },
        inactivity_timeout: None,
        keepalive_interval: None,
        nodelay: true,
        ..client::Config::default()
    }
}

/// The node, whom we trust with nothing but what it was asked for.
pub(crate) struct Stranger {
    pinned: ssh_key::PublicKey,
    live: Arc<Live>,
}

impl Stranger {
    fn refuse(&self, forwarding: Forwarding) {
        self.live.refuse(forwarding, Side::Node);
    }
}

impl client::Handler for Stranger {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => Ok(key.key_data() == self.pinned.key_data()),
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::RemoteTcp);
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::RemoteSocket);
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::Agent);
        Ok(())
    }

    /// Lets [`client::Handler::server_channel_open_unknown`] refuse: answering `false` here would refuse it twice.
    async fn should_accept_unknown_server_channel(&mut self, _: ChannelId, kind: &str) -> bool {
        self.refuse(if kind == "tun@openssh.com" { Forwarding::Tunnel } else { Forwarding::Other });
        true
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::Other);
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::Tcp);
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::Socket);
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.refuse(Forwarding::X11);
        Ok(())
    }
}

impl From<&DialError> for SessionEnd {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::Certificate
            | DialError::Control
            | DialError::HostKey
            | DialError::Late
            | DialError::Unreachable(_) => Self::NodeUnreachable,
        }
    }
}
