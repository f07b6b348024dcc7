//! An engineer who asks, is let in, and hands back.

use crate::cli::story::event_names;
use crate::fault::scene::{NODE, Scene};

/// The cluster's host name.
const CLUSTER: &str = "shop.harbour-books.example";

/// Not a fault, but the whole way: with nothing open, an engineer asks over plain `ssh`; the customer approves less than
/// was asked; the engineer comes in, and hands back from another connection.
///
/// Expected: for a host that is not there the answer is the same; the engineer's own session ends, the grant stays; every
/// step is in the feed under the pseudonym; the evidence verifies.
#[test]
fn an_engineer_asks_comes_in_and_hands_back() {
    let scene = Scene::begin();
    let ask = "request --for 4h --case 00042 --reason the disk is full";
    let asked = scene.ssh_to(CLUSTER, ask).ends();
    let nowhere = scene.ssh_to("shop.nobody.example", ask).ends();
    assert_eq!((asked.code, &asked.heard), (0, &nowhere.heard), "{asked:?} {nowhere:?}");
    let shown = scene.ssh_to("anything.example", "requests").ends();
    let shown = String::from_utf8(shown.heard).unwrap();
    assert_eq!(shown.matches("waits until").count(), 2, "{shown}");

    let waiting = scene.owner.run(&["requests", "list", "--output", "json"]).json();
    let request = &waiting["results"][0];
    let id = request["id"].as_str().unwrap();
    assert_eq!(waiting["results"].as_array().unwrap().len(), 1, "{waiting}");
    assert_eq!((&request["reason"], &request["case"]), (&"the disk is full".into(), &"00042".into()));
    for verb in ["approve", "decline"] {
        let refused = scene.administrator.run(&["requests", verb, id]);
        assert!(matches!(refused.code, 3 | 4), "{refused:?}");
    }
    scene.owner.run(&["requests", "approve", id, "--for", "5h"]).fails(1);
    scene.owner.run(&["requests", "approve", id, "--for", "2h"]).ok();
    assert!(scene.owner.run(&["requests", "list"]).ok().contains("nobody waits"));
    assert!(scene.owner.run(&["requests", "show", id]).ok().contains("approved"));
    assert!(scene.owner.run(&["requests", "list", "--all"]).ok().contains("the disk is full"));

    let mut inside = scene.enter();
    let handed = scene.ssh_to(CLUSTER, "hand-back").ends();
    assert_eq!(handed.code, 0, "{handed:?}");
    assert!(!inside.answers("still in") || !inside.is_running());
    assert_eq!(inside.ends().code, 255, "their own session has ended");
    assert_eq!(scene.in_force().len(), 1, "and the grant has not");
    assert_eq!(scene.newest_end(), "closed by employee");

    let more = scene.ssh_to(CLUSTER, "request --for 8h --reason one more hour").ends();
    assert_eq!(more.code, 0, "{more:?}");
    let waiting = scene.owner.run(&["requests", "list", "--output", "json"]).json();
    let id = waiting["results"][0]["id"].as_str().unwrap();
    scene.owner.run(&["requests", "decline", id, "--reason", "not today"]).ok();
    let shown = scene.ssh_to(NODE, "true").ends();
    assert_eq!(shown.code, 0, "a request that is declined closes nothing: {shown:?}");
    let shown = scene.ssh_to(CLUSTER, "requests").ends();
    assert!(String::from_utf8(shown.heard).unwrap().contains("not today"));
    let names = event_names(&scene.owner);
    for (name, times) in
        [("request.made", 2), ("request.approved", 1), ("request.declined", 1), ("access.handed_back", 1)]
    {
        assert_eq!(names.iter().filter(|known| *known == name).count(), times, "{name} in {names:?}");
    }
    let feed = scene.owner.run(&["events", "--limit", "500", "--output", "json"]).ok();
    assert!(!feed.contains("Robin"), "never a name");
    scene.assert_evidence();
}
