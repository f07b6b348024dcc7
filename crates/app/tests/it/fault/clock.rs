//! The clocks of the machine disagree.

use crate::fault::scene::Scene;

/// Fault: while the server was stopped, the wall clock was set back an hour, or forward; to the server both look as if the
/// boot clock had been moved, which a time namespace does.
///
/// Expected: nobody gets in and nothing is granted, also under the grant that is in force; what closes the door works; the
/// server says that it is not ready. An administrator leaves doubt, which ends every grant; then all works again.
#[test]
fn a_clock_that_was_turned_while_the_server_was_stopped_opens_nothing_until_every_grant_has_ended() {
    for (boot, closes) in [("3600", "revoke"), ("-3600", "nothing")] {
        let mut scene = Scene::begin();
        scene.grant();
        scene.server.kill();
        scene.server.start_again(&["unshare", "--time", "--boottime", boot]);
        let refused = scene.ssh("echo in").ends();
        assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
        let told = scene.owner.run(&["grant", "Shop"]);
        assert!(told.code != 0 && told.err.contains("clock"), "{told:?}");
        assert!(!scene.server.is_ready());
        assert_eq!(scene.in_force().len(), 1);
        if closes == "revoke" {
            scene.owner.run(&["revoke", "Shop"]).ok();
        }
        scene.owner.run(&["block"]).ok();
        scene.administrator.run(&["clock", "leave-doubt"]).ok();
        assert_eq!(scene.in_force().len(), 0);
        scene.is_ready_but(&[]);
        scene.grant();
        assert!(scene.enter().answers("the clock is believed again"));
        scene.assert_evidence();
    }
}
