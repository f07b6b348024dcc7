//! `byleave events`: the activity feed, with the names of what it is about. Programs get the ids, and the names beside them.

use std::time::Duration;

use byleave_api::byleave::Event;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Caller;
use super::fault::{Exit, Outcome};
use super::output::instant;

/// What `events` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  byleave events\n  byleave events --limit 500 --output json\n  byleave events --follow"
)]
pub(crate) struct Events {
    /// How many of the latest
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500), value_name = "COUNT")]
    limit: u32,
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
}

/// How often a feed that is followed is asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A part of the feed.
#[derive(Serialize, Deserialize)]
struct Entries {
    results: Vec<Event>,
}

/// Prints the feed, oldest first, so that what follows comes below.
pub(super) async fn run(caller: &Caller, args: Events) -> Outcome<()> {
    let organization = caller.organization().await?;
    let base = format!("/organizations/{organization}/events");
    let mut entries: Entries = caller.client.get(&format!("{base}?itemsPerPage={}&pageNum=1", args.limit)).await?;
    entries.results.sort_by_key(|event| event.index);
    let mut after = entries.results.last().map(|event| event.index);
    print(caller, &entries)?;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    if !args.follow {
        return Ok(());
    }
    loop {
        ticks.tick().await;
        let from = after.map_or_else(String::new, |after| format!("&after={after}"));
        let next: Outcome<Entries> = caller.client.get(&format!("{base}?itemsPerPage=500{from}")).await;
        match next {
            Ok(mut next) => {
                next.results.retain(|event| after.is_none_or(|after| event.index > after));
                next.results.sort_by_key(|event| event.index);
                after = next.results.last().map(|event| event.index).or(after);
                print(caller, &next)?;
            }
            // A server that restarts is waited for.
            Err(fault) if fault.exit == Exit::Unavailable => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Prints events.
fn print(caller: &Caller, entries: &Entries) -> Outcome<()> {
    entries.results.iter().try_for_each(|event| caller.output.entry(event, line))
}

/// The fields of events that hold the id of something with a name.
const NAMED: &[&str] = &["apiKey", "cluster", "node", "owner", "project", "serviceAccount", "user"];

/// The name of an id in an event, or the id.
fn name<'a>(event: &'a Event, id: &'a str) -> &'a str {
    event.names.get(id).map_or(id, String::as_str)
}

/// A value of a field, with names for ids.
fn value(event: &Event, field: &str, value: &Value) -> String {
    match value {
        Value::String(id) if NAMED.contains(&field) => short(&Value::from(name(event, id))),
        Value::Array(roles) if field == "roles" => {
            let named = |role: &Value| match role.as_str().and_then(|role| role.split_once(':')) {
                Some((role, project)) => Value::from(format!("{role}:{}", name(event, project))),
                None => role.clone(),
            };
            Value::from(roles.iter().map(named).collect::<Vec<_>>()).to_string()
        }
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            short(value)
        }
    }
}

/// An event in one line.
fn line(event: &Event) -> String {
    let by = event.by.split_once(':').and_then(|(_, id)| event.names.get(id)).unwrap_or(&event.by);
    let fields = event.data.iter().filter(|(_, value)| !value.is_null());
    let fields: Vec<String> = fields.map(|(field, of)| format!("{field}={}", value(event, field, of))).collect();
    let text = format!("{:>6}  {}  {:<26}  {by}  {}", event.index, instant(&event.at), event.event, fields.join(" "));
    text.trim_end().to_owned()
}

/// A value. What people typed cannot look like more fields: a text that is more than one word is quoted, as in JSON.
fn short(value: &Value) -> String {
    let is_word =
        |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    match value {
        Value::String(text) if is_word(text) => text.clone(),
        Value::String(_) | Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let typed = "disk\nfull\" approved=true by=\"mia";
        let data = serde_json::json!({ "cluster": "00", "reason": typed, "case": null });
        let event = Event {
            index: 7,
            id: "00".into(),
            at: "2026-11-23T18:00:05.123Z".into(),
            by: "system".into(),
            user_name: None,
            event: "grant.given".into(),
            data: data.as_object().unwrap().clone(),
            names: [("00".into(), "Shop one".into())].into(),
        };
        let line = line(&event);
        assert!(line.contains(r#"cluster="Shop one""#), "{line}");
        assert!(!line.contains('\n') && line.contains("grant.given") && !line.contains("case"), "{line}");
        assert!(line.ends_with(r#"reason="disk\nfull\" approved=true by=\"mia""#), "{line}");
    }
}
