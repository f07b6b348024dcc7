//! `byleave events`: the activity feed, with the names of what it is about. Programs get the ids, and the names beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use byleave_api::byleave::{ApiKey, Event, List, User};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Caller;
use super::fault::{Exit, Outcome};
use super::output::instant;
use super::service_accounts;

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
    let mut names = Names { organization, known: BTreeMap::new() };
    let mut entries: Entries = caller.client.get(&format!("{base}?itemsPerPage={}&pageNum=1", args.limit)).await?;
    entries.results.sort_by_key(|event| event.index);
    let mut after = entries.results.last().map(|event| event.index);
    print(caller, &mut names, &entries).await?;
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
                print(caller, &mut names, &next).await?;
            }
            // A server that restarts is waited for.
            Err(fault) if fault.exit == Exit::Unavailable => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Prints events; what they name that is not known yet is asked for once before.
async fn print(caller: &Caller, names: &mut Names, entries: &Entries) -> Outcome<()> {
    if entries.results.iter().flat_map(ids).any(|id| !names.known.contains_key(id)) {
        names.ask(caller).await;
    }
    entries.results.iter().try_for_each(|event| caller.output.entry(&Told::of(event, names), line))
}

/// The fields of events that hold the id of something with a name.
const NAMED: &[&str] = &["apiKey", "cluster", "node", "owner", "project", "serviceAccount", "user"];

/// The ids in an event for which there may be names.
fn ids(event: &Event) -> impl Iterator<Item = &str> {
    let fields = NAMED.iter().filter_map(|name| event.data.get(*name)?.as_str());
    let roles = event.data.get("roles").and_then(Value::as_array).into_iter().flatten();
    let projects = roles.filter_map(|role| Some(role.as_str()?.split_once(':')?.1));
    fields.chain(projects).chain(event.by.split_once(':').filter(|(kind, _)| *kind != "employee").map(|(_, id)| id))
}

/// What ids are called, as far as the caller may know.
struct Names {
    organization: String,
    known: BTreeMap<String, String>,
}

impl Names {
    /// Asks for all names. What the caller may not know of, or what is no more, stays an id.
    async fn ask(&mut self, caller: &Caller) {
        let of = |what: &str| format!("/organizations/{}/{what}", self.organization);
        let known = &mut self.known;
        for cluster in caller.clusters().await.unwrap_or_default() {
            known.extend(cluster.nodes.into_iter().map(|node| (node.id, node.host)));
            known.insert(cluster.group_id, cluster.group_name);
            known.insert(cluster.id, cluster.name);
        }
        if let Ok(users) = caller.client.get::<List<User>>(&of("users")).await {
            known.extend(users.results.into_iter().map(|user| (user.id, user.user_name)));
        }
        if let Ok(keys) = caller.client.get::<List<ApiKey>>(&of("apiKeys")).await {
            known.extend(keys.results.into_iter().map(|key| (key.id, key.public_key)));
        }
        let accounts = format!("/orgs/{}/serviceAccounts", self.organization);
        if let Ok(accounts) = service_accounts::all(caller, &accounts).await {
            known.extend(accounts.results.into_iter().map(|account| (account.client_id, account.name)));
        }
    }
}

/// An event, and the names of the ids in it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<&'a str, &'a str>,
}

impl<'a> Told<'a> {
    fn of(event: &'a Event, names: &'a Names) -> Self {
        let named = ids(event).filter_map(|id| Some((id, names.known.get(id)?.as_str())));
        Self { event, names: named.collect() }
    }

    /// The name of an id, or the id.
    fn name(&self, id: &'a str) -> &'a str {
        self.names.get(id).copied().unwrap_or(id)
    }

    /// A value of a field, with names for ids.
    fn value(&self, field: &str, value: &'a Value) -> String {
        match value {
            Value::String(id) if NAMED.contains(&field) => short(&Value::from(self.name(id))),
            Value::Array(roles) if field == "roles" => {
                let named = |role: &'a Value| match role.as_str().and_then(|role| role.split_once(':')) {
                    Some((role, project)) => Value::from(format!("{role}:{}", self.name(project))),
                    None => role.clone(),
                };
                Value::from(roles.iter().map(named).collect::<Vec<_>>()).to_string()
            }
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
                short(value)
            }
        }
    }
}

/// An event in one line.
fn line(told: &Told<'_>) -> String {
    let event = told.event;
    let by = event.by.split_once(':').and_then(|(_, id)| told.names.get(id).copied()).unwrap_or(&event.by);
    let by = event.user_name.as_deref().unwrap_or(by);
    let fields = event.data.iter().filter(|(_, value)| !value.is_null());
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={}", told.value(name, value))).collect();
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
        };
        let names = Names { organization: String::new(), known: BTreeMap::from([("00".into(), "Shop one".into())]) };
        let line = line(&Told::of(&event, &names));
        assert!(line.contains(r#"cluster="Shop one""#), "{line}");
        assert!(!line.contains('\n') && line.contains("grant.given") && !line.contains("case"), "{line}");
        assert!(line.ends_with(r#"reason="disk\nfull\" approved=true by=\"mia""#), "{line}");
    }
}
