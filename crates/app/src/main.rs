//! Byleave: the customer decides when vendor support may enter production.
//!
//! This is the binary: it reads the command line and hands over. Rules are in `byleave-core`, never here. Read next:
//! `serve.rs` (where all parts meet), `cli.rs` (what people type), `node.rs` (what runs on a node), `demo.rs`.

mod ca;
mod certificate;
mod cli;
mod clock;
mod config;
mod control;
mod data;
mod demo;
mod door;
mod enders;
mod entropy;
mod node;
mod probe;
mod readiness;
mod recording_key;
mod serve;
mod supplied;
mod sync_certificate;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Memory is handed back soon after many sessions ended, and uploads do not pay for trimming.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// By your leave: the customer decides when vendor support may enter production.
#[derive(Debug, Parser)]
#[command(name = "byleave", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Start with `byleave demo`. `byleave <command> --help` shows examples for each command.\n\n\
    Exit codes: 0 done, 1 it did not work, 2 the command line is wrong, 3 you may not, 4 there is no such thing, \
    5 the server cannot be reached or cannot record (a revoke or block has cut all the same).")]
struct Arguments {
    #[command(flatten)]
    global: cli::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: pages, REST API and SSH gateway
    Serve(Box<config::ServeArgs>),
    /// Start a whole installation on this machine and tell the main story
    Demo(demo::DemoArgs),
    /// Prepare and check a node, the host of a cluster
    #[command(subcommand)]
    Node(node::Command),
    /// What sshd runs on a node for each session: not for people
    #[command(hide = true)]
    NodeSession(node::NodeSession),
    #[command(flatten)]
    Client(cli::Command),
}

fn main() -> ExitCode {
    let Arguments { global, command } = Arguments::parse();
    if let Command::NodeSession(args) = command {
        return node::run_session(args);
    }
    // The one provider of cryptography for TLS; a second call would answer with the first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    match command {
        Command::Serve(args) => finish(serve::run(*args, global.data)),
        Command::Demo(args) => finish(demo::run(args, &global)),
        Command::Node(command) => node::run(&global, command),
        Command::NodeSession(args) => node::run_session(args),
        Command::Client(command) => cli::run(&global, command, Arguments::command()),
    }
}

/// Tells why something failed, with the whole chain of causes.
fn finish(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        anstream::eprintln!("byleave: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
