//! How the demo speaks: short lines on standard output for people, nothing for programs.

use std::sync::atomic::{AtomicBool, Ordering};

use owo_colors::OwoColorize;

use crate::cli::tell;

/// Tells the story, or keeps silent.
#[derive(Debug)]
pub(super) struct Say {
    aloud: bool,
    /// Whether nobody reads it any more; the story goes on to its end, which stops what it started.
    unheard: AtomicBool,
}

impl Say {
    /// Speaks only if `aloud`.
    pub(super) fn new(aloud: bool) -> Self {
        Self { aloud, unheard: AtomicBool::new(false) }
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_unheard(&self) -> bool {
        self.unheard.load(Ordering::Relaxed)
    }

    /// A line for programs, which is told also when nothing else is.
    pub(super) fn program(&self, line: &str) {
        if tell(&format!("{line}\n")).is_err() {
            self.unheard.store(true, Ordering::Relaxed);
        }
    }

    fn tell(&self, line: &str) {
        if self.aloud && tell(&format!("{line}\n")).is_err() {
            self.unheard.store(true, Ordering::Relaxed);
        }
    }

    /// A headline.
    pub(super) fn title(&self, text: &str) {
        self.tell(&format!("\n{}\n", text.bold()));
    }

    /// The start of a chapter: who does what.
    pub(super) fn chapter(&self, who: &str, text: &str) {
        self.tell(&format!("\n{} {}", format!("{who}:").cyan().bold(), text.bold()));
    }

    /// A command as it was typed.
    pub(super) fn typed(&self, command: &str) {
        self.tell(&format!("  {} {command}", "$".dimmed()));
    }

    /// Lines that a program answered.
    pub(super) fn heard(&self, output: &str) {
        for line in output.trim_end().lines() {
            self.tell(&format!("  {}", line.trim_end().dimmed()));
        }
    }

    /// Something that holds, as it should.
    pub(super) fn holds(&self, text: &str) {
        self.tell(&format!("  {} {text}", "✔".green()));
    }

    /// A plain line.
    pub(super) fn line(&self, text: &str) {
        self.tell(&format!("  {text}"));
    }
}
