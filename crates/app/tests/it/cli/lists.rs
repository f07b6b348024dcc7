//! What lists look like to programs.

use super::story::{INVENTORY, Story, begin_with};
use crate::server::Person;

/// The commands below some words, as the help tells them.
fn commands(person: &Person, words: &[&str]) -> Vec<String> {
    let help = person.run(&[words, &["--help"]].concat()).ok();
    let (_, told) = help.split_once("Commands:\n").unwrap_or_default();
    let lines = told.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| {
            line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()).map(str::to_owned)
        })
        .collect()
}

#[test]
fn every_list_is_an_object_with_results() {
    let Story { server: _server, administrator, owner } = begin_with(INVENTORY);
    owner.run(&["grant", "Shop"]).ok();
    let mut lists = vec![vec!["grants".to_owned()], vec!["doctor".to_owned()]];
    for noun in commands(&owner, &[]) {
        let verbs = if noun == "help" { Vec::new() } else { commands(&owner, &[&noun]) };
        lists.extend(verbs.into_iter().filter(|verb| verb == "list").map(|verb| vec![noun.clone(), verb]));
    }
    assert!(lists.len() > 9, "{lists:?}");
    for list in lists {
        let words: Vec<&str> = list.iter().map(String::as_str).chain(["--output", "json"]).collect();
        // Some are the administrator's.
        let asked = [&owner, &administrator].map(|person| person.run(&words));
        let answer = asked.into_iter().find(|ran| ran.code == 0).unwrap_or_else(|| panic!("{list:?}")).json();
        assert!(answer["results"].is_array(), "{list:?}: {answer}");
    }
    let revoked = owner.run(&["revoke", "Shop", "--output", "json"]).json();
    assert_eq!(revoked["revoked"]["status"], "ended", "{revoked}");
    let again = owner.run(&["revoke", "Shop", "--output", "json"]).json();
    assert!(again.as_object().unwrap().contains_key("revoked") && again["revoked"].is_null(), "{again}");
}
