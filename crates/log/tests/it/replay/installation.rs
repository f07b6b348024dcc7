//! The log of the installation itself.

use byleave_core::actor::By;
use byleave_core::event::{Entry, Event, LogId};
use byleave_core::sample;
use byleave_core::time::Timestamp;
use byleave_log::replay::Replay;

use crate::story::MANAGER;

#[test]
fn the_installation_has_a_log_of_its_own() {
    let entries: Vec<Entry> = sample::entries().into_iter().filter(|entry| entry.log == LogId::Installation).collect();
    let by = |event: &Event| match event.name() {
        "installation.created" | "server.started" => By::System,
        _ => By::Administrator,
    };
    let mut replay = Replay::new(LogId::Installation);
    for entry in &entries {
        let entry = Entry { by: by(&entry.event), ..entry.clone() };
        assert_eq!(replay.apply(&entry), [], "{}", entry.event.name());
    }
    assert_eq!(replay.installation().unwrap().employees().len(), 1);
    let next =
        |by, event| Entry { log: LogId::Installation, index: entries.len() as u64, at: Timestamp::MAX, by, event };
    let employee = sample::EMPLOYEE;
    for (entry, words) in [
        (next(By::User(MANAGER), Event::EmployeeEnabled { employee }), "only an administrator of the vendor does"),
        (next(By::Administrator, Event::EmployeeAdded { employee }), "the employee is there already"),
        (next(By::Administrator, Event::OrganizationBlocked {}), "another log"),
    ] {
        let mut replay = Replay::new(LogId::Installation);
        for entry in &entries {
            replay.apply(&Entry { by: by(&entry.event), ..entry.clone() });
        }
        let problems = replay.apply(&entry);
        assert!(problems[0].to_string().contains(words), "{problems:?}");
    }
}
