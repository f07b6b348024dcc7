//! An engineer with little consent who tries for more.

use serde_json::Value;

use crate::fault::scene::{NODE, Scene};

/// The refused tries in the feed: what for, why not, how often.
fn denied(scene: &Scene) -> Vec<(String, String, i64)> {
    let out = scene.owner.run(&["events", "--limit", "500", "--output", "json"]).ok();
    let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let denied = events.filter(|event| event["event"] == "session.denied").map(|event| {
        assert!(event["by"].as_str().unwrap().contains("acme-employee-"), "{event}");
        let word = |name: &str| event["data"][name].as_str().unwrap().to_owned();
        (word("wanted"), word("denial"), event["data"]["tries"].as_i64().unwrap())
    });
    denied.collect()
}

/// Fault: with a grant for database logs only, an engineer asks in a loop for a shell, and once for a log that is not
/// there and whose name names somebody.
///
/// Expected: each kind of try is in the feed at once, under the pseudonym and without what was typed; the loop adds no
/// entry for each try; nothing came of any; the evidence verifies.
#[test]
fn a_loop_of_refused_tries_is_in_the_feed_and_does_not_flood_it() {
    let scene = Scene::begin();
    scene.owner.run(&["grant", "Shop", "--for", "1h", "--type", "logs"]).ok();
    for command in ["cat /etc/shadow", "bash -i", "logs Robin-Hale", "id", "id", "id"] {
        let ended = scene.ssh(command).ends();
        assert!(ended.code == 1 && ended.heard.is_empty(), "{ended:?}");
    }
    scene.newest_end();
    let of = |wanted: &str, denial: &str| (wanted.to_owned(), denial.to_owned(), 1);
    assert_eq!(denied(&scene), [of("node", "not covered"), of("log", "unknown")]);
    let feed = scene.owner.run(&["events", "--limit", "500", "--output", "json"]).ok();
    assert!(!feed.contains("Robin") && !feed.contains("shadow"), "{feed}");
    assert_eq!(scene.sessions().len(), 6, "each log-in is a session, opened and closed on {NODE}");
    scene.assert_evidence();
}
