//! Events: the published list, and that each can be written and read.

use std::collections::BTreeMap;
use std::fmt::Write;

use byleave_core::event::{Event, EventError, Scope};
use byleave_core::field::{Field, Value};
use byleave_core::{actor::By, id::OrgId, role::Roles, sample};

#[test]
fn the_published_events_change_on_purpose_only() {
    let mut text = String::from(
        "Every event: its name, the log it belongs to, and its fields with their types.\n\
         Names and fields are published: add, never rename.\n",
    );
    for shape in Event::SHAPES {
        let log = match shape.scope {
            Scope::Installation => "installation",
            Scope::Organization => "organization",
        };
        write!(text, "\n{}  ({log})\n", shape.name).unwrap();
        for (field, kind) in shape.fields {
            writeln!(text, "    {field}: {kind}").unwrap();
        }
    }
    crate::golden::check("events.txt", &text);
}

/// The fields as the log and the store read them back.
fn read_back(event: &Event) -> BTreeMap<String, Value> {
    event.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn there_is_a_sample_of_every_event() {
    let names: Vec<&str> = sample::events().iter().map(Event::name).collect();
    assert_eq!(names, Event::NAMES);
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'_'))));
}

#[test]
fn every_event_is_read_back_as_it_was_written() {
    for event in sample::events() {
        let fields = read_back(&event);
        assert_eq!(Event::from_fields(event.name(), fields.clone()).as_ref(), Ok(&event));
        for name in fields.keys() {
            let mut fewer = fields.clone();
            let value = fewer.remove(name).unwrap();
            let missing = Event::from_fields(event.name(), fewer.clone());
            assert!(matches!(missing, Err(EventError::MissingField { field }) if field == name), "{missing:?}");
            for wrong in [
                Value::Absent,
                Value::Bool(true),
                Value::Int(-1),
                Value::Text("\u{202e}".into()),
                Value::Texts(vec!["ORG_ADMIN".into()]),
            ] {
                let same_kind = std::mem::discriminant(&wrong) == std::mem::discriminant(&value);
                fewer.insert(name.clone(), wrong.clone());
                match Event::from_fields(event.name(), fewer.clone()) {
                    Err(EventError::Field(error)) => assert_eq!(error.field, name),
                    // A free text or number takes any, an optional field takes nothing.
                    Ok(_) => assert!(same_kind || wrong == Value::Absent, "{}.{name} takes {wrong:?}", event.name()),
                    other => panic!("{other:?}"),
                }
            }
        }
        let mut more = fields;
        more.insert("surprise".into(), Value::Bool(true));
        let unknown = EventError::UnknownField { field: "surprise".into() };
        assert_eq!(Event::from_fields(event.name(), more), Err(unknown));
    }
    let unknown = EventError::UnknownName { name: "grant.forged".into() };
    assert_eq!(Event::from_fields("grant.forged", BTreeMap::new()), Err(unknown));
}

#[test]
fn optional_fields_can_be_absent() {
    let mut seen = 0;
    for event in sample::events() {
        let mut fields = read_back(&event);
        let shape = Event::SHAPES.iter().find(|shape| shape.name == event.name()).unwrap();
        for (field, kind) in shape.fields {
            if kind.starts_with("Option") {
                assert_ne!(fields.insert((*field).to_owned(), Value::Absent), Some(Value::Absent));
                seen += 1;
            }
        }
        let bare = Event::from_fields(event.name(), fields.clone()).unwrap();
        assert_eq!(read_back(&bare), fields);
    }
    assert_eq!(seen, 13, "optional fields in all");
}

#[test]
fn an_event_knows_its_project_cluster_and_session() {
    for event in sample::events() {
        let has = |field| event.fields().contains_key(field);
        assert_eq!(event.project(), has("project").then_some(sample::PROJECT), "{}", event.name());
        assert_eq!(event.cluster(), has("cluster").then_some(sample::CLUSTER), "{}", event.name());
        assert_eq!(event.session(), has("session").then_some(sample::SESSION), "{}", event.name());
    }
}

#[test]
fn events_of_an_organization_name_no_employee() {
    for shape in Event::SHAPES.iter().filter(|shape| shape.scope == Scope::Organization) {
        for (field, kind) in shape.fields {
            assert!(!matches!(*kind, "EmployeeId" | "EmployeeKeyId" | "EmployeeName"), "{}.{field}", shape.name);
        }
    }
}

#[test]
fn whoever_causes_an_event_is_read_back() {
    for by in sample::entries().into_iter().map(|entry| entry.by) {
        assert_eq!(By::from_value(by.to_value()), Ok(by));
    }
    for bad in [
        "",
        "root",
        "user:",
        "user:mia",
        "employee:mia",
        "administrator:1",
        "api-key",
        "service-account:mdb_sa_id_00",
        "system:",
    ] {
        assert!(By::from_value(Value::Text(bad.into())).is_err(), "{bad}");
    }
    assert!(OrgId::from_value(Value::Text("A".repeat(24))).is_err());
    assert!(Roles::from_value(Value::Texts(vec!["GROUP_OWNER".into()])).is_err(), "a project role needs its project");
}
