//! SIGHUP, and the certificate while the server runs: a new one is taken when its files have changed, or at once on
//! SIGHUP. A server without a certificate says that it has none, and goes on: SIGHUP never ends it.

use std::time::Duration;

use byleave_web::tls::{Tls, TlsError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::control::Chain;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Listens to SIGHUP, which from now on ends nothing.
///
/// # Errors
/// If the system does not let us.
pub(crate) fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Answers SIGHUP and looks at the files, if there are some, until it is told to end. What cannot be used is said once
/// and left: the old pair stays.
pub(crate) async fn keep(tls: Option<Tls>, mut hangups: Signal, ends: CancellationToken) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut trouble = None;
    loop {
        tokio::select! {
            () = ends.cancelled() => return,
            heard = hangups.recv() => match heard {
                Some(()) if tls.is_none() => info!("SIGHUP: there is no certificate to read again; the server goes on"),
                Some(()) => trouble = None,
                None => return,
            },
            _ = look.tick() => {}
        }
        let Some(again) = tls.clone() else { continue };
        let Ok(loaded) = tokio::task::spawn_blocking(move || again.reload()).await else { return };
        match &loaded {
            Ok(true) => info!("a new certificate is shown from now on"),
            Ok(false) => {}
            Err(error) => say(error, &mut trouble),
        }
        if loaded.is_ok() {
            trouble = None;
        }
    }
}

fn say(error: &TlsError, trouble: &mut Option<String>) {
    let text = Chain(error).to_string();
    if trouble.as_ref() != Some(&text) {
        error!(error = text, "the certificate's files cannot be used; the old pair is shown on");
        *trouble = Some(text);
    }
}
