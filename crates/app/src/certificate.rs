//! Takes a new certificate while the server runs: when its files have changed, or at once on SIGHUP.

use std::time::Duration;

use byleave_web::tls::{Tls, TlsError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::control::Chain;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Looks at the files until it is told to end. What cannot be used is said once and left: the old pair stays.
pub(crate) async fn keep(tls: Tls, ends: CancellationToken) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return error!("SIGHUP cannot be listened to") };
    let mut trouble = None;
    loop {
        tokio::select! {
            () = ends.cancelled() => return,
            _ = hangup.recv() => trouble = None,
            _ = look.tick() => {}
        }
        let again = tls.clone();
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
