//! The words `sync` and `sync-ca`: how a session for sync data is opened, and what keeps it open.
//!
//! It lives as long as the channel on which the word was said: whoever closes that, or loses it, closes the session. The
//! secret is shown once, on that channel, and masked in the recording.

use std::sync::Arc;

use byleave_core::access::Wanted;
use byleave_core::name::SyncDatabase;
use byleave_core::session::SessionEnd;
use byleave_wire::scope::{Limits, Scope};
use byleave_wire::scram::{ITERATIONS, Verifier};
use russh::ChannelMsg;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::login::{Key, Login, Parts};
use super::server::{self, ServerError};
use crate::control::Opened;
use crate::live::{Hold, Voice};
use crate::logs::Answer;
use crate::recording::Kind;
use crate::relay::Intake;
use crate::session::{self, Session};
use crate::{recording, text};

/// What stands for the secret in the recording.
const MASK: &str = "********";
/// How many connections a client is told to have at most: two clients of a session fit, with room beside.
const POOL: usize = 24;
/// Notices that may wait.
const NOTICES: usize = 4;

/// Shows the certificate by which clients know the gateway.
pub(crate) async fn show_ca(answer: &Answer<'_>) -> u32 {
    match &answer.near.session.shared.sync {
        Some(door) => {
            answer.say(door.config.ca.clone(), false).await;
            0
        }
        None => refuse(answer, text::NO_SYNC_DOOR).await,
    }
}

async fn refuse(answer: &Answer<'_>, told: &str) -> u32 {
    answer.say(text::line(told), true).await;
    text::REFUSED
}

/// Opens a session for sync data and holds it until the channel closes or the session ends.
pub(crate) async fn run(answer: &Answer<'_>, intake: &mut Intake, opened: &Opened) -> u32 {
    let near = answer.near;
    let Some(door) = &near.session.shared.sync else { return refuse(answer, text::NO_SYNC_DOOR).await };
    let host = opened.facts.cluster.host.clone();
    let session = match intake.during(session::open_sync(&near.session, host)).await {
        Ok(session) => session,
        Err(told) => {
            answer.say(told.to_string(), true).await;
            return text::REFUSED;
        }
    };
    let (leave, left) = oneshot::channel();
    let secret = secret(&near.session);
    let login = match intake.during(login(&session, &secret)).await {
        Ok(login) => login,
        Err(NotBegun { end, told }) => {
            session.live.node_ended(end);
            near.session.shared.connections.spawn(keep(session, None, left));
            drop(leave);
            return refuse(answer, &told).await;
        }
    };
    let user = session.live.id.to_string();
    door.logins.add(user.clone(), login.clone());
    near.session.shared.connections.spawn(keep(session.clone(), Some(login), left));
    let uri = |secret: &str| {
        let query = "authSource=admin&authMechanism=SCRAM-SHA-256&directConnection=true&tls=true";
        let ca = text::SYNC_CA_FILE;
        format!("mongodb://{user}:{secret}@{}/?{query}&maxPoolSize={POOL}&tlsCAFile={ca}", door.address)
    };
    // The address by itself is for programs, the commands around it are for people.
    let alone = |secret: &str| format!("{}\n", uri(secret));
    answer.say_masked(alone(&secret), alone(MASK), false).await;
    let commands = |secret: &str| text::sync_opened(opened.facts.cluster.host.as_str(), &door.ssh, &uri(secret));
    answer.say_masked(commands(&secret), commands(MASK), true).await;
    drop(secret);
    let status = wait(answer, intake, &session).await;
    drop(leave);
    status
}

/// Waits until the channel closes, its user interrupts it, or the session ends; shows what is to be said meanwhile.
async fn wait(answer: &Answer<'_>, intake: &mut Intake, session: &Arc<Session>) -> u32 {
    /// What a terminal in raw mode sends for an interrupt and for the end of input.
    const ENDS: [u8; 2] = [3, 4];
    let near = answer.near;
    let (notices, mut noticed) = mpsc::channel(NOTICES);
    let voice = Voice { library: near.library.clone(), notices: Some(notices), screen: None };
    near.session.live.voices().insert(near.id, voice);
    loop {
        tokio::select! {
            biased;
            () = session.live.ended() => {
                answer.say(text::farewell(session.live.end(), false), true).await;
                return text::REFUSED;
            }
            Some(notice) = noticed.recv() => answer.say(notice, true).await,
            message = intake.next() => match message {
                None | Some(ChannelMsg::Close) => return 0,
                Some(ChannelMsg::Data { data }) if data.iter().any(|byte| ENDS.contains(byte)) => return 0,
                Some(_) => {}
            },
        }
    }
}

/// Ends a session when its word is over or its basis is, whichever comes first, and reports it. Runs by itself, so that
/// a connection that is torn down leaves nothing open.
async fn keep(session: Arc<Session>, login: Option<Arc<Login>>, left: oneshot::Receiver<()>) {
    let follow = async {
        match &login {
            Some(login) => login.follow().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = session.live.ended() => {}
        _ = left => {}
        () = follow => {}
    }
    let shared = session.shared.clone();
    if let Some(door) = &shared.sync {
        door.logins.remove(&session.live.id.to_string());
    }
    session::close(&session, None).await;
    shared.table.remove(session.live.id);
    if let Some(login) = login {
        server::clean_up(&shared, &login).await;
    }
}

/// A secret of 256 bits, in characters that a URI takes as they are.
fn secret(session: &Session) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    session.shared.entropy.fill(bytes.as_mut_slice());
    Zeroizing::new(hex::encode(bytes.as_slice()))
}

/// A session for sync data that ends before it began: why, and what the employee is told.
struct NotBegun {
    end: SessionEnd,
    told: String,
}

impl NotBegun {
    fn new(told: impl Into<String>) -> Self {
        Self { end: SessionEnd::NodeUnreachable, told: told.into() }
    }
}

impl From<ServerError> for NotBegun {
    fn from(error: ServerError) -> Self {
        Self { end: error.ends(), told: error.to_string() }
    }
}

/// Makes what the connections of the session will share, and tries whether the cluster takes the gateway.
async fn login(session: &Arc<Session>, secret: &str) -> Result<Arc<Login>, NotBegun> {
    let (live, shared) = (&session.live, &session.shared);
    let facts = live.facts().ok_or_else(|| NotBegun::new(text::NOT_OPEN))?;
    let source = facts.cluster.sync_source.clone().ok_or_else(|| NotBegun::new(text::NO_SYNC_SERVERS))?;
    let (open, holds) = open(session);
    if open.is_empty() {
        return Err(NotBegun::new(text::NOT_OPEN));
    }
    let key = Key::ask(session, &source).await.map_err(|error| {
        let none = matches!(error, ServerError::NoCredential | ServerError::Late);
        NotBegun { end: error.ends(), told: if none { text::NO_SYNC_CREDENTIAL.to_owned() } else { error.to_string() } }
    })?;
    let (mut salt, mut lsid) = ([0; 16], [0; 16]);
    shared.entropy.fill(&mut salt);
    shared.entropy.fill(&mut lsid);
    let verifier = Verifier::new(secret, salt, ITERATIONS).map_err(|error| NotBegun::new(error.to_string()))?;
    let recording = session.recording().ok_or_else(|| NotBegun::new(text::UNAVAILABLE))?;
    let Ok(recorder) = recording::Recorder::start(recording, &shared.watch.clock, Kind::Commands) else {
        live.cut(SessionEnd::RecordingFailed);
        return Err(NotBegun::new(text::UNAVAILABLE));
    };
    let recorder = Arc::new(recorder);
    session.recorders().push(recorder.clone());
    let scope = Scope::new(open, lsid, Limits::default());
    let session = session.clone();
    let login = Arc::new(Login::new(Parts { session, verifier, scope, recorder, source, key, holds }));
    let tried = server::dial(shared, &login).await;
    tried.map(|_| login).map_err(|error| {
        tracing::warn!(session = %live.id, ?error, "the cluster does not take the gateway for sync data");
        error.into()
    })
}

/// The databases that are open, each with its permit.
fn open(session: &Arc<Session>) -> (Vec<SyncDatabase>, Vec<Hold>) {
    let (live, table) = (&session.live, &session.shared.table);
    let (mut open, mut holds) = (Vec::new(), Vec::new());
    for (database, _) in live.facts().iter().flat_map(|facts| facts.cluster.sync_databases.clone()) {
        let stem = database.as_str().trim_end_matches('*').to_owned();
        // What was added after the grant is not open; nobody asked for it, so no try is told of.
        if let Ok(hold) = live.permit(Wanted::SyncData(stem), table) {
            open.push(database);
            holds.push(hold);
        }
    }
    (open, holds)
}
