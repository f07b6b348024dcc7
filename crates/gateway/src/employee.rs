//! The employee's leg: public keys only, authenticated fully before the target is looked at, and no forwarding.
//!
//! The user name is the target's host name. An unknown key fails; nothing about the target can be learned before a
//! known key has signed. Certificates of employees are refused in this version. Requests on channels go to
//! [`crate::channel`]; whatever would make a way past it is refused here and reported.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use byleave_core::event::{Forwarding, Side};
use russh::keys::ssh_key::{self, Algorithm};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};

use crate::control::KnownEmployee;
use crate::relay::BACKLOG;
use crate::session::{Session, Stage};
use crate::{channel, key, server, session};

/// Channels that one connection may have at once.
const CHANNELS: usize = 64;
/// The pace of an employee's bytes while a node does not take those that are waiting already.
const TRICKLE: Duration = Duration::from_millis(10);

/// One employee's connection, as the SSH library calls it.
pub(crate) struct Employee {
    session: Arc<Session>,
    /// The key that was looked up last, and who holds it.
    looked_up: Option<(ssh_key::PublicKey, KnownEmployee)>,
    user: String,
    /// Told once that the connection is authenticated; carries the task that opens the session.
    authenticated: Option<tokio::sync::oneshot::Sender<tokio::task::JoinHandle<()>>>,
    last_channel: u32,
}

impl Employee {
    pub(crate) fn new(
        session: Arc<Session>,
        authenticated: tokio::sync::oneshot::Sender<tokio::task::JoinHandle<()>>,
    ) -> Self {
        Self { session, looked_up: None, user: String::new(), authenticated: Some(authenticated), last_channel: 1 }
    }

    fn refuse(&self, forwarding: Forwarding) {
        self.session.tried();
        self.refuse_beside(forwarding);
    }

    /// Refuses what a client asks for beside what its channel is for, often by its settings alone.
    fn refuse_beside(&self, forwarding: Forwarding) {
        self.session.live.refuse(forwarding, Side::Employee);
    }

    /// A channel starts one thing, and [`channel::run`] answers for it. The library keeps one answer for a channel, so a
    /// second request that comes before the first is answered gets none.
    fn start(&self, channel: ChannelId, library: &mut server::Library) -> Result<(), russh::Error> {
        let stage = self.session.stages().get_mut(&channel).map(|stage| match *stage {
            Stage::Fresh => std::mem::replace(stage, Stage::Started),
            late @ (Stage::Started | Stage::Answered) => late,
        });
        match stage {
            Some(Stage::Fresh | Stage::Started) => Ok(()),
            Some(Stage::Answered) | None => library.channel_failure(channel),
        }
    }

    /// Answers a request that only means something before the start.
    fn set_up(&self, channel: ChannelId, library: &mut server::Library) -> Result<(), russh::Error> {
        let stage = self.session.stages().get(&channel).copied();
        match stage {
            Some(Stage::Fresh) => library.channel_success(channel),
            Some(Stage::Started) => Ok(()),
            Some(Stage::Answered) | None => library.channel_failure(channel),
        }
    }

    async fn look_up(&mut self, offered: &ssh_key::PublicKey) -> Option<KnownEmployee> {
        if let Some((key, known)) = &self.looked_up
            && key.key_data() == offered.key_data()
        {
            return Some(*known);
        }
        let name = key::public(offered)?;
        match self.session.shared.control.employee(&name).await {
            Ok(Some(known)) => {
                self.looked_up = Some((offered.clone(), known));
                Some(known)
            }
            Ok(None) => {
                self.session.shared.unknown_keys.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(_) => None,
        }
    }

    /// The library's server refuses channels of kinds it does not know by itself and calls nobody: it says that the
    /// kind is unknown, and then says no once more when it drops the handle that it made for them. It numbers channels
    /// in order, though, those included: a gap is one of those. The only such kind that `ssh` opens is a tunnel; it
    /// opens it before the channel of its command, so the gap is there to be seen, and it ends the connection at the
    /// second answer. Only a tunnel with no other channel after it (`ssh -N -w`) is refused without being reported.
    fn notice_gap(&mut self, id: ChannelId) {
        let id = u32::from(id);
        if id > self.last_channel.saturating_add(1) {
            self.refuse(Forwarding::Tunnel);
        }
        self.last_channel = id;
    }
}

/// Whether a signature of this kind is taken. SHA-1 is not.
fn is_sound(algorithm: &Algorithm) -> bool {
    !matches!(algorithm, Algorithm::Rsa { hash: None } | Algorithm::Dsa)
}

impl Handler for Employee {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        let known = is_sound(offer.algorithm) && self.look_up(offer.public_key).await.is_some();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        match self.look_up(key.public_key).await {
            Some(known) if is_sound(key.algorithm) => {
                user.clone_into(&mut self.user);
                self.session.live.identify(known);
                Ok(Auth::Accept)
            }
            Some(_) | None => Ok(Auth::reject()),
        }
    }

    async fn auth_succeeded(&mut self, _: &mut server::Library) -> Result<(), russh::Error> {
        let opening = tokio::spawn(session::open(self.session.clone(), std::mem::take(&mut self.user)));
        if let Some(authenticated) = self.authenticated.take() {
            drop(authenticated.send(opening));
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        library: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.notice_gap(channel.id());
        if self.session.tasks.len() >= CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.session.stages().insert(channel.id(), Stage::Fresh);
        self.session.tasks.spawn(channel::run(self.session.clone(), channel, library.handle()));
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.notice_gap(channel.id());
        self.refuse(Forwarding::X11);
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.notice_gap(channel.id());
        self.refuse(Forwarding::Tcp);
        Ok(())
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.notice_gap(channel.id());
        self.refuse(Forwarding::Other);
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.notice_gap(channel.id());
        self.refuse(Forwarding::Socket);
        Ok(())
    }

    async fn tcpip_forward(&mut self, _: &str, _: &mut u32, _: &mut server::Library) -> Result<bool, russh::Error> {
        self.refuse(Forwarding::RemoteTcp);
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, _: &str, _: &mut server::Library) -> Result<bool, russh::Error> {
        self.refuse(Forwarding::RemoteSocket);
        Ok(false)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut server::Library) -> Result<bool, russh::Error> {
        self.refuse_beside(Forwarding::Agent);
        Ok(false)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        library: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.refuse_beside(Forwarding::X11);
        library.channel_failure(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        library: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.set_up(channel, library)
    }

    async fn shell_request(&mut self, channel: ChannelId, library: &mut server::Library) -> Result<(), russh::Error> {
        self.start(channel, library)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        library: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.start(channel, library)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        library: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.start(channel, library)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        library: &mut server::Library,
    ) -> Result<(), russh::Error> {
        self.set_up(channel, library)
    }

    /// The library grants the employee's side new room when bytes arrive, not when they are taken. While a node takes
    /// none, it may grant next to nothing; closing the window would be for ever, and not reading at all would also
    /// stop the word that the employee has room for what comes from the node.
    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        if self.session.backlog() > BACKLOG { 2 } else { server::WINDOW }
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut server::Library) -> Result<(), russh::Error> {
        if data.len() <= 2 && self.session.backlog() > BACKLOG {
            tokio::time::sleep(TRICKLE).await;
        }
        Ok(())
    }
}
