//! Many things at the same moment, and grants that take the place of others under a live session.

use std::sync::Barrier;

use crate::cli::story::event_names;
use crate::fault::kill::assert_sound;
use crate::fault::scene::{Scene, Ssh};
use crate::server::Ran;

/// Fault: two revokes and a grant at the same moment, several times over.
///
/// Expected: all three succeed in some order; a grant is in force if and only if it came last; tables and logs agree.
#[test]
fn two_revokes_and_a_grant_at_once_come_in_some_order() {
    let mut scene = Scene::begin();
    for round in 0..5 {
        scene.grant();
        let barrier = Barrier::new(3);
        let at_once = |args: &[&str]| -> Ran {
            barrier.wait();
            scene.owner.run(args)
        };
        let ran = std::thread::scope(|scope| {
            let lines: [&[&str]; 3] = [&["revoke", "Shop"], &["grant", "Shop", "--for", "2h"], &["revoke", "Shop"]];
            let running = lines.map(|line| scope.spawn(|| at_once(line)));
            running.map(|thread| thread.join().unwrap())
        });
        for ran in ran {
            ran.ok();
        }
        let names = event_names(&scene.owner);
        let last = names.iter().rfind(|name| matches!(name.as_str(), "grant.given" | "grant.revoked")).unwrap();
        assert_eq!(scene.in_force().len(), usize::from(last == "grant.given"), "round {round}: {names:?}");
    }
    scene.assert_evidence();
    scene.server.kill();
    assert_sound(&scene.server.data());
}

/// Fault: the owner blocks while fifty engineers' `ssh` open sessions on standing access, half of them in already.
///
/// Expected: every one that was in is cut as `blocked`, the others are refused; the log has no opening after the block,
/// nothing is live.
#[test]
fn a_block_while_fifty_sessions_open_lets_none_remain() {
    let scene = Scene::begin();
    scene.owner.run(&["unblock"]).ok();
    let mut clients: Vec<Ssh> = (0..50).map(|_| scene.ssh("echo in; exec cat")).collect();
    for client in clients.iter_mut().take(25) {
        assert!(client.hears("in\n"), "{:?}", client.ends());
    }
    scene.owner.run(&["block"]).ok();
    for client in &mut clients {
        let ended = client.ends();
        assert_ne!(ended.code, 0, "{ended:?}");
    }
    scene.newest_end();
    let sessions = scene.sessions();
    let blocked = sessions.iter().filter(|session| session["endReason"] == "blocked").count();
    assert!(sessions.len() >= 25 && blocked == sessions.len(), "{blocked} of {}: {sessions:#?}", sessions.len());
    let names = event_names(&scene.owner);
    let after = names.iter().rposition(|name| name == "organization.blocked").unwrap();
    assert!(!names[after..].iter().any(|name| name == "session.opened"), "{names:?}");
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    scene.assert_evidence();
}

/// Fault: a new grant takes the place of the one that a live session is based on: longer, wider, then narrower.
///
/// Expected: longer and wider, the session goes on, each time with a `session.continued`; narrower, it is cut as
/// `replaced` and cannot come back as a shell.
#[test]
fn a_session_goes_on_under_a_longer_or_wider_grant_and_ends_under_a_narrower() {
    let scene = Scene::begin();
    scene.grant();
    let mut live = scene.enter();
    for (line, word) in [
        (["grant", "Shop", "--for", "2h", "--type", "infrastructure"], "longer"),
        (["grant", "Shop", "--for", "2h", "--type", "sync"], "wider"),
        (["grant", "Shop", "--for", "1h", "--type", "infrastructure"], "shorter"),
    ] {
        scene.owner.run(&line).ok();
        assert!(live.answers(word), "under the {word} grant it goes on");
    }
    scene.owner.run(&["grant", "Shop", "--for", "2h", "--type", "logs"]).ok();
    let ended = live.ends();
    // What the engineer is told is said only where it delays nothing: the gateway's own tests look at it.
    assert_ne!(ended.code, 0, "{ended:?}");
    assert_eq!(scene.newest_end(), "replaced");
    let continued = event_names(&scene.owner).iter().filter(|name| *name == "session.continued").count();
    assert_eq!(continued, 3);
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    scene.assert_evidence();
}
