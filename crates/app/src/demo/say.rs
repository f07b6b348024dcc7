//! How the demo speaks: short lines on standard output for people, nothing for programs.

use anstream::println;
use owo_colors::OwoColorize;

/// Tells the story, or keeps silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Say {
    aloud: bool,
}

impl Say {
    /// Speaks only if `aloud`.
    pub(super) fn new(aloud: bool) -> Self {
        Self { aloud }
    }

    /// A headline.
    pub(super) fn title(self, text: &str) {
        if self.aloud {
            println!("\n{}\n", text.bold());
        }
    }

    /// The start of a chapter: who does what.
    pub(super) fn chapter(self, who: &str, text: &str) {
        if self.aloud {
            println!("\n{} {}", format!("{who}:").cyan().bold(), text.bold());
        }
    }

    /// A command as it was typed.
    pub(super) fn typed(self, command: &str) {
        if self.aloud {
            println!("  {} {command}", "$".dimmed());
        }
    }

    /// Lines that a program answered.
    pub(super) fn heard(self, output: &str) {
        if self.aloud {
            for line in output.trim_end().lines() {
                println!("  {}", line.trim_end().dimmed());
            }
        }
    }

    /// Something that holds, as it should.
    pub(super) fn holds(self, text: &str) {
        if self.aloud {
            println!("  {} {text}", "✔".green());
        }
    }

    /// A plain line.
    pub(super) fn line(self, text: &str) {
        if self.aloud {
            println!("  {text}");
        }
    }
}
