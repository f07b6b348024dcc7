//! The command line: what people and scripts type, turned into REST calls on a running server.
//!
//! Daily acts are single verbs (`grant`, `revoke`, `watch`), the rest is `<noun> <verb>`; one file each. Nothing here
//! opens the store, and nothing decides: the server does. Only `evidence verify` works without one. Read next:
//! [`client`] (requests and exit codes), [`anchors`] (what is kept to prove history later).

mod anchors;
mod api;
mod api_keys;
mod block;
mod client;
mod clock;
mod clusters;
mod completions;
mod credentials;
mod digest;
mod doctor;
mod employees;
mod events;
mod evidence;
mod fault;
mod find;
mod grants;
mod inventory;
mod nodes;
mod oauth;
mod organizations;
mod output;
mod recording;
mod recovery;
mod requests;
mod retry;
mod service_accounts;
mod sessions;
mod sign_in;
mod sync;
mod trust;
mod unseen;
mod users;
mod watch;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use byleave_api::byleave::Anchor;
use clap::{Args, Subcommand};

pub(crate) use self::output::{Output, ReaderGone, note, tell};

use self::client::Client;
use self::credentials::Credentials;
pub(crate) use self::fault::Exit;
use self::fault::{Fault, Outcome};

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server and credentials")]
pub(crate) struct Global {
    /// The server: https, or http on this machine
    #[arg(long, global = true, env = "BYLEAVE_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,
    /// Certificates (PEM) of authorities to trust besides the system's
    #[arg(long, global = true, env = "BYLEAVE_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The public part of an API key
    #[arg(long, global = true, env = "BYLEAVE_PUBLIC_KEY", value_name = "KEY")]
    pub(crate) public_key: Option<String>,
    /// The private part of an API key; better given in the environment
    #[arg(long, global = true, env = "BYLEAVE_PRIVATE_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) private_key: Option<String>,
    /// The client id of a service account
    #[arg(long, global = true, env = "BYLEAVE_CLIENT_ID", value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// The secret of a service account; better given in the environment
    #[arg(long, global = true, env = "BYLEAVE_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub(crate) client_secret: Option<String>,
    /// A bearer token; better given in the environment
    #[arg(long, global = true, env = "BYLEAVE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// The server's data directory: act as the administrator of a server on this machine
    #[arg(long, global = true, env = "BYLEAVE_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The organization, by name or id; not needed if there is only one
    #[arg(long = "org", visible_alias = "organization", global = true, env = "BYLEAVE_ORG", value_name = "NAME")]
    pub(crate) organization: Option<String>,
    /// Text for people or JSON for programs
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) output: Output,
}

/// The commands that speak to a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in with e-mail address and password
    SignIn(sign_in::SignIn),
    /// End the session of `sign-in`
    #[command(after_help = "Example:\n  byleave sign-out")]
    SignOut,
    /// Take up an invitation
    Claim(sign_in::Claim),
    /// Change your password
    ChangePassword(sign_in::ChangePassword),
    /// Block the vendor's support from the organization's production servers (owner)
    #[command(
        after_help = "Example:\n  byleave block\n\nLive sessions without a grant end. It always works, whatever time it is."
    )]
    Block,
    /// Let the vendor's support in again without a grant (owner)
    #[command(after_help = "Example:\n  byleave unblock")]
    Unblock,
    /// Grant support access to a cluster for at most 24 hours
    Grant(grants::Grant),
    /// Revoke the grant of a cluster and end the sessions based on it
    Revoke(grants::Revoke),
    /// List the grants of the past and those in force
    Grants(grants::Grants),
    /// Watch the time that is left of a cluster's grant
    Watch(watch::Watch),
    /// What support engineers ask for: list, approve, decline
    #[command(subcommand)]
    Requests(requests::Command),
    /// Clusters and what is open on them
    #[command(subcommand)]
    Clusters(clusters::Command),
    /// Hosts of clusters and the verdicts on them
    #[command(subcommand)]
    Nodes(nodes::Command),
    /// Sessions of support engineers
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// The activity feed: who did what
    Events(events::Events),
    /// Export and verify what happened
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// People of the organization and their roles
    #[command(subcommand)]
    Users(users::Command),
    /// API keys of the organization
    #[command(subcommand)]
    ApiKeys(api_keys::Command),
    /// Service accounts of the organization, for programs with OAuth 2.0
    #[command(subcommand)]
    ServiceAccounts(service_accounts::Command),
    /// Organizations; inviting the first owner is the administrator's
    #[command(subcommand)]
    Organizations(organizations::Command),
    /// Support engineers and their keys (administrator)
    #[command(subcommand)]
    Employees(employees::Command),
    /// Clusters and nodes from a file (administrator)
    #[command(subcommand)]
    Inventory(inventory::Command),
    /// The server's clock (administrator)
    #[command(subcommand)]
    Clock(clock::Command),
    /// Say what is wrong with an installation
    Doctor(doctor::Doctor),
    /// Open a cluster's sync data to a MongoDB client, through the gateway (support engineers)
    Sync(sync::Sync),
    /// Call any path of the API
    Api(api::Api),
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// Somebody who asks a server.
pub(crate) struct Caller {
    client: Client,
    output: Output,
    /// The organization that the command line names.
    named: Option<String>,
    /// The organization that was asked about, whose history is checked at the end.
    asked: RefCell<Option<String>>,
    /// What the server vouched for in its answers.
    anchors: RefCell<Vec<Anchor>>,
    /// Whether that can be compared with what it vouched for before: only who is signed in can ask for it.
    compares: Cell<bool>,
}

impl Caller {
    async fn new(global: &Global) -> Outcome<Self> {
        let client = Client::new(global, Credentials::choose(global)?)?.with_token().await?;
        let (named, asked) = (global.organization.clone(), RefCell::new(None));
        Ok(Self { client, output: global.output, named, asked, anchors: RefCell::default(), compares: Cell::new(true) })
    }

    /// Takes anchors from an answer; they are checked and kept once the command is done.
    fn take(&self, anchors: &[Anchor]) {
        self.anchors.borrow_mut().extend_from_slice(anchors);
    }

    /// Takes anchors that can only be kept now, and are compared by a later command.
    fn keep(&self, anchors: &[Anchor]) {
        self.take(anchors);
        self.compares.set(false);
    }
}

/// Runs a command. `whole` is the whole command line, for completions.
pub(crate) fn run(global: &Global, command: Command, whole: clap::Command) -> ExitCode {
    let done = runtime().and_then(|runtime| runtime.block_on(work(global, command, whole)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if fault.exit != Exit::ReaderGone {
                global.output.fault(&fault);
            }
            ExitCode::from(fault.exit as u8)
        }
    }
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start").map_err(Fault::from)
}

async fn work(global: &Global, command: Command, whole: clap::Command) -> Outcome<()> {
    // These need no server.
    if let Command::Completions(args) = &command {
        return completions::run(args, whole);
    }
    if let Command::Doctor(args) = &command {
        return doctor::run(global, args).await;
    }
    if let Command::Sync(args) = &command {
        return sync::run(args).await;
    }
    if let Command::Evidence(evidence::Command::Verify(args)) = &command {
        return evidence::verify(global.output, args);
    }
    let caller = Caller::new(global).await?;
    let done = ask(&caller, command).await;
    // What was done is checked also if the command failed half-way; the first fault counts.
    let checked = caller.check_history().await;
    done.and(checked)
}

/// Runs a command that asks a server.
async fn ask(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::Api(args) => api::run(caller, args).await,
        Command::ApiKeys(command) => api_keys::run(caller, command).await,
        Command::Block => block::run(caller, true).await,
        Command::ChangePassword(args) => sign_in::change_password(caller, args).await,
        Command::Claim(args) => sign_in::claim(caller, args).await,
        Command::Clock(command) => clock::run(caller, command).await,
        Command::Clusters(command) => clusters::run(caller, command).await,
        Command::Completions(_) | Command::Doctor(_) | Command::Sync(_) => Ok(()),
        Command::Employees(command) => employees::run(caller, command).await,
        Command::Events(args) => events::run(caller, args).await,
        Command::Evidence(command) => evidence::run(caller, command).await,
        Command::Grant(args) => grants::give(caller, args).await,
        Command::Grants(args) => grants::list(caller, args).await,
        Command::Inventory(command) => inventory::run(caller, command).await,
        Command::Nodes(command) => nodes::run(caller, command).await,
        Command::Organizations(command) => organizations::run(caller, command).await,
        Command::Requests(command) => requests::run(caller, command).await,
        Command::Revoke(args) => grants::revoke(caller, args).await,
        Command::ServiceAccounts(command) => service_accounts::run(caller, command).await,
        Command::Sessions(command) => sessions::run(caller, command).await,
        Command::SignIn(args) => sign_in::sign_in(caller, args).await,
        Command::SignOut => sign_in::sign_out(caller).await,
        Command::Unblock => block::run(caller, false).await,
        Command::Users(command) => users::run(caller, command).await,
        Command::Watch(args) => watch::run(caller, args).await,
    }
}
