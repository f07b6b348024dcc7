//! `byleave completions`: what a shell needs to complete our commands.

use clap::Args;
use clap_complete::Shell;

use super::fault::Outcome;
use super::output::write;

/// What `completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave completions bash > /etc/bash_completion.d/byleave\n  \
    byleave completions fish > ~/.config/fish/completions/byleave.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints them.
pub(super) fn run(args: &Completions, mut whole: clap::Command) -> Outcome<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut whole, "byleave", &mut text);
    Ok(write(&text)?)
}
