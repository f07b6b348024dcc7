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

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Memory is handed back soon after many sessions ended, and uploads do not pay for trimming.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// By your leave: the customer decides when vendor support may enter production.
#[derive(Debug, Parser)]
#[command(name = "byleave", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Start with `byleave demo`. `byleave <command> --help` shows examples for each command.\n\n\
    Exit codes: 0 done, 1 it did not work, 2 the command line is wrong, 3 you may not, 4 there is no such thing, \
    5 the server cannot be reached or cannot record (a revoke or block has cut all the same), 141 nobody reads the output.\n\
    With --output json each list is an object with `results`; `events` and `watch` print one object in each line.")]
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

/// The commands that ask no server, and which options of a client they take all the same, with what they mean there.
const ALONE: [(&str, &[(&str, &str)]); 4] = [
    ("serve", &[("data", "The data directory: everything that the installation keeps lies there")]),
    ("demo", &[("data", "Keep everything in this directory"), OUTPUT]),
    ("node", &[OUTPUT]),
    ("completions", &[]),
];
const OUTPUT: (&str, &str) = ("output", "Text for people or JSON for programs");

/// The whole command line, with no option shown where it does nothing.
fn whole() -> clap::Command {
    let command = Arguments::command();
    let of_clients: Vec<clap::Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    ALONE.into_iter().fold(command, |command, (name, taken)| {
        let shown = of_clients.iter().map(|arg| match taken.iter().find(|(taken, _)| arg.get_id() == taken) {
            Some((_, help)) => arg.clone().help(*help).help_heading(None),
            None => arg.clone().hide(true),
        });
        command.mut_subcommand(name, |command| command.args(shown.collect::<Vec<_>>()))
    })
}

/// The same command line, in which a variable of the environment that is empty counts as one that is not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let with_value = |arg: clap::Arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg };
    command.mut_args(with_value).mut_subcommands(without_empty_variables)
}

/// Reads the command line; what is wrong with it, or the help that it asks for, is told.
fn read() -> Result<Arguments, ExitCode> {
    let mut command = without_empty_variables(whole());
    let read = command.try_get_matches_from_mut(std::env::args_os());
    read.and_then(|matches| Arguments::from_arg_matches(&matches)).map_err(|mut error| {
        if error.get(ContextKind::Usage).is_some() {
            // What came from the environment nobody typed: the usage is that of the command, whatever was given.
            let words: Vec<String> = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok()).collect();
            let usage = usage(&mut command, &words);
            error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
        }
        let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        match error.use_stderr() {
            true => cli::note(error.render().ansi().to_string().trim_end()),
            false => return finish(cli::tell(&error.render().ansi().to_string()).map(|()| code)),
        }
        code
    })
}

/// How the command that these words name is used.
fn usage(command: &mut clap::Command, words: &[String]) -> clap::builder::StyledStr {
    let named = words.iter().enumerate().find(|(_, word)| command.find_subcommand(word).is_some());
    let Some((at, word)) = named else { return command.render_usage() };
    match (command.find_subcommand_mut(word), words.get(at + 1..)) {
        (Some(named), Some(rest)) => usage(named, rest),
        (None, _) | (_, None) => clap::builder::StyledStr::new(),
    }
}

fn main() -> ExitCode {
    let Arguments { global, command } = match read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if let Command::NodeSession(args) = command {
        return node::run_session(args);
    }
    // The one provider of cryptography for TLS; a second call would answer with the first.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match command {
        Command::Serve(args) => finish(serve::run(*args, global.data)),
        Command::Demo(args) => finish(demo::run(args, &global)),
        Command::Node(command) => node::run(&global, command),
        Command::NodeSession(args) => node::run_session(args),
        Command::Client(command) => cli::run(&global, command, whole()),
    }
}

/// Tells why something failed, with the whole chain of causes.
fn finish(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        if error.is::<cli::ReaderGone>() {
            return ExitCode::from(cli::Exit::ReaderGone as u8);
        }
        cli::note(&format!("byleave: {error:#}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        whole().debug_assert();
    }
}
