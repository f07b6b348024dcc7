//! A line that is typed at the terminal and not shown.
//!
//! Nothing of it may be shown, also if it is typed as soon as the prompt stands; and whatever ends the process meanwhile,
//! the terminal must show again what is typed after it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_util::future::select_all;
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// The terminal of this process.
const TERMINAL: &str = "/dev/tty";

/// Asks for a line; answers it without its end. At the end of input it is empty.
///
/// # Errors
/// If there is no terminal, or signals cannot be watched.
pub(super) fn line(prompt: &str) -> io::Result<String> {
    let unseen = Unseen::begin()?;
    let mut terminal = File::options().write(true).open(TERMINAL)?;
    write!(terminal, "{prompt}")?;
    let mut line = String::new();
    let read = BufReader::new(File::open(TERMINAL)?).read_line(&mut line);
    drop(unseen);
    if !line.ends_with('\n') {
        writeln!(terminal)?;
    }
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal shows nothing but ends of lines, until this is dropped or a signal ends the process.
struct Unseen(Arc<Shown>);

/// What the terminal was like, until it is so again.
struct Shown {
    terminal: File,
    before: Mutex<Option<Termios>>,
}

impl Unseen {
    fn begin() -> io::Result<Self> {
        let terminal = File::open(TERMINAL)?;
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL);
        // Whoever stops the process here would type on unseen in their shell.
        if let Some(stop) = hidden.control_chars.get_mut(SpecialCharacterIndices::VSUSP as usize) {
            *stop = 0;
        }
        let shown = Arc::new(Shown { terminal, before: Mutex::new(Some(before)) });
        let ended = shown.clone();
        end_with_signals(move || ended.show())?;
        {
            // A signal that came first has shown it for good.
            let before = shown.before();
            if before.is_some() {
                tcsetattr(&shown.terminal, SetArg::TCSANOW, &hidden)?;
            }
        }
        Ok(Self(shown))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        self.0.show();
    }
}

impl Shown {
    fn before(&self) -> MutexGuard<'_, Option<Termios>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self) {
        let mut before = self.before();
        if let Some(before) = before.take() {
            let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &before);
        }
    }
}

/// From now on a signal that ends the process does something first. It is watched on a thread of its own, as the one that
/// asks waits for the terminal.
fn end_with_signals(first: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()]
            .map(|kind| signal(kind).map(|signal| (kind, signal)))
    };
    let signals = signals.into_iter().collect::<io::Result<Vec<_>>>()?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let waiting = signals.into_iter().map(|(kind, mut signal)| {
            Box::pin(async move {
                signal.recv().await;
                kind.as_raw_value()
            })
        });
        let (number, _, _) = runtime.block_on(select_all(waiting));
        first();
        std::process::exit(128 + number);
    })?;
    Ok(())
}
