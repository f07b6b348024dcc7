//! Tests of the sentences.

use super::*;

fn vendor() -> VendorName {
    "Acme".parse().unwrap()
}

fn nameless(entry: byleave_core::event::Entry) -> EventRow {
    let id = byleave_core::id::EventId::from_bytes([0; 12]);
    EventRow { id, entry, names: std::collections::BTreeMap::new(), identifier: None }
}

#[test]
fn what_nobody_counted_is_not_told_as_nothing() {
    let mut entries = byleave_core::sample::entries().into_iter();
    let mut entry = entries.find(|entry| matches!(entry.event, Event::SessionClosed { .. })).unwrap();
    for (end, is_counted) in [(SessionEnd::Revoked, true), (SessionEnd::Restart, false)] {
        if let Event::SessionClosed { reason, .. } = &mut entry.event {
            *reason = end;
        }
        let more = line(&vendor(), &nameless(entry.clone())).more.unwrap().into_string();
        assert_eq!((more.contains("shell"), more.contains("not counted")), (is_counted, !is_counted), "{more}");
    }
}

#[test]
fn every_event_of_an_organization_has_a_sentence() {
    for entry in byleave_core::sample::entries() {
        if entry.event.scope() != byleave_core::event::Scope::Organization {
            continue;
        }
        let name = entry.event.name();
        let text = line(&vendor(), &nameless(entry)).text.into_string();
        assert!(!text.contains(name), "{name} is told by its name: {text}");
        assert!(text.ends_with('.') || text.ends_with("</span>"), "{name}: {text}");
    }
}

#[test]
fn an_entry_about_a_session_says_whose_it_is_whoever_caused_it() {
    let mut told = 0;
    for entry in byleave_core::sample::entries() {
        if !matches!(entry.event.name(), "session.closed" | "session.continued" | "recording.read") {
            continue;
        }
        told += 1;
        let identifier = Some("acme-employee-40718236".parse().unwrap());
        let row = EventRow { identifier, ..nameless(byleave_core::event::Entry { by: By::System, ..entry }) };
        let text = line(&vendor(), &row).text.into_string();
        assert!(text.contains("of <code class=\"who\">acme-employee-40718236</code>"), "{text}");
    }
    assert!(told >= 3, "{told}");
}

#[test]
fn a_refused_try_says_what_was_refused() {
    let (vendor, row) = (vendor(), nameless(byleave_core::sample::entries().remove(0)));
    let names = Names { vendor: &vendor, row: &row };
    let (node, cluster) = (NodeId::from_bytes([1; 12]), ClusterId::from_bytes([2; 12]));
    for (tried, on_node, anywhere) in [
        (Tried::AuditLog, "a database audit log on ", "a database audit log of "),
        (Tried::Log, "a log that is not there on ", "a log that is not there of "),
        (Tried::Logs, "", "the logs of "),
        (Tried::Node, "", "a shell or command on "),
        (Tried::OtherLog, "a log on ", "a log of "),
        (Tried::SyncData, "App Services sync data on ", "App Services sync data of "),
    ] {
        let told = |node| names.refused((tried, Denial::NotCovered), node, &cluster).into_string();
        assert!(told(Some(&node)).starts_with(on_node) && told(None).starts_with(anywhere), "{tried:?}");
    }
    let beyond = names.refused((Tried::SyncData, Denial::DatabaseNever), None, &cluster).into_string();
    assert!(beyond.starts_with("a database command beyond reading the sync data of "), "{beyond}");
}
