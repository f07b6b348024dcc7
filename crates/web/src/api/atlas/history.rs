//! The history of access: sessions of support, and tries of theirs that were refused, from the log.
//!
//! Byleave lets nobody into a database, so there is no other access to tell of. It must never tell more of a support
//! engineer than their pseudonym: no address is shown, and none can be asked for.

use std::net::IpAddr;

use axum::response::Response;
use byleave_api::atlas::{AccessLog, AccessLogs};
use byleave_api::error::ErrorCode;
use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::{ClusterId, NodeId, ProjectId};
use byleave_core::name::HostName;
use byleave_core::time::Timestamp;
use byleave_store::cluster::ClusterRow;
use byleave_store::event::{EventQuery, EventRow, EventsOf};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::{ClusterPath, HostPath};

/// How many entries are told at most.
const MOST: u32 = 20_000;
/// How many events are looked at at once.
const AT_ONCE: u32 = 1_000;

/// Of one cluster.
pub(super) async fn of_cluster(caller: Caller, path: ClusterPath) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let row = caller.ask(caller.app.store.cluster(&caller.actor, &caller.now, project, &name)).await?;
    answer(&caller, project, &[row], None).await
}

/// Of one host: a node, or a cluster's own host name, under which only its logs are open.
pub(super) async fn of_process(caller: Caller, path: HostPath) -> Result<Response, Failure> {
    let HostPath { project, host } = path;
    let mut rows = caller.ask(caller.app.store.clusters(&caller.actor, &caller.now, project)).await?;
    rows.retain(|row| row.cluster.host == host || row.cluster.nodes.iter().any(|node| node.host == host));
    if rows.is_empty() {
        return Err(caller.nothing_here());
    }
    answer(&caller, project, &rows, Some(&host)).await
}

/// What of the history is wanted.
struct Wanted {
    query: EventQuery,
    most: usize,
}

async fn answer(
    caller: &Caller,
    project: ProjectId,
    clusters: &[ClusterRow],
    host: Option<&HostName>,
) -> Result<Response, Failure> {
    let Wanted { mut query, most } = read(caller, project)?;
    query.clusters = Some(clusters.iter().map(|row| row.cluster.id).collect());
    let mut access_logs = Vec::new();
    while access_logs.len() < most {
        let page = caller.ask(caller.app.store.events(&caller.actor, query.clone())).await?;
        let found = page.rows.iter().filter_map(|row| show(project, clusters, row));
        access_logs.extend(found.filter(|entry| host.is_none_or(|host| entry.hostname == host.as_str())));
        if u64::from(query.page) * u64::from(query.per_page) >= page.total {
            break;
        }
        query.page = query.page.saturating_add(1);
    }
    access_logs.truncate(most);
    caller.ok(&AccessLogs { access_logs })
}

fn read(caller: &Caller, project: ProjectId) -> Result<Wanted, Failure> {
    let result = caller.parameter("authResult")?.is_some().then(|| caller.flag("authResult", false)).transpose()?;
    let (from, until) = (instant(caller, "start")?, instant(caller, "end")?);
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        return Err(Failure::field(ErrorCode::InvalidQueryParameter, "start", "must not be after `end`"));
    }
    let address = caller.parameter("ipAddress")?.map(|text| text.parse::<IpAddr>()).transpose();
    let address = address.map_err(|_| {
        Failure::field(ErrorCode::InvalidQueryParameter, "ipAddress", "must be an IPv4 or IPv6 address")
    })?;
    let most = number(caller)?;
    let names = match result {
        None => vec!["session.denied", "session.opened"],
        Some(true) => vec!["session.opened"],
        Some(false) => vec!["session.denied"],
    };
    let query = EventQuery {
        names: Some(names),
        from,
        before: until.map(|at| at.plus(1)),
        per_page: AT_ONCE,
        ..EventQuery::newest(EventsOf::Project(project))
    };
    // No entry shows an address, so none has this one.
    Ok(Wanted { query, most: if address.is_some() { 0 } else { most } })
}

fn instant(caller: &Caller, name: &str) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = caller.parameter(name)? else { return Ok(None) };
    let rule = "must be a whole number of milliseconds since 1970";
    let millis = text.parse::<i64>().ok().filter(|millis| (0..=Timestamp::MAX.millis()).contains(millis));
    let millis = millis.ok_or_else(|| Failure::field(ErrorCode::InvalidQueryParameter, name, rule))?;
    Ok(Some(Timestamp::from_millis(millis)))
}

fn number(caller: &Caller) -> Result<usize, Failure> {
    let text = caller.parameter("nLogs")?;
    let number = text.map_or(Some(MOST), |text| text.parse().ok().filter(|number| *number <= MOST));
    let rule = format!("must be a whole number from 0 to {MOST}");
    let number = number.ok_or_else(|| Failure::field(ErrorCode::InvalidQueryParameter, "nLogs", rule))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// The entry of an event that tells of access.
fn show(project: ProjectId, clusters: &[ClusterRow], row: &EventRow) -> Option<AccessLog> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these events tell of access")]
    let (cluster, node, failure_reason) = match &row.entry.event {
        Event::SessionOpened { cluster, node, .. } => (cluster, node, None),
        Event::SessionDenied { cluster, node, denial, tries: 1, .. } => (cluster, node, Some(denial.to_string())),
        Event::SessionDenied { cluster, node, denial, tries, .. } => {
            (cluster, node, Some(format!("{denial} ({tries} tries within a minute)")))
        }
        _ => return None,
    };
    let By::Employee(identifier) = &row.entry.by else { return None };
    Some(AccessLog {
        auth_result: failure_reason.is_none(),
        failure_reason,
        group_id: project.to_string(),
        hostname: host(clusters, *cluster, *node)?,
        timestamp: row.entry.at.to_seconds_text(),
        username: identifier.to_string(),
    })
}

fn host(clusters: &[ClusterRow], cluster: ClusterId, node: Option<NodeId>) -> Option<String> {
    let cluster = clusters.iter().map(|row| &row.cluster).find(|known| known.id == cluster)?;
    match node {
        None => Some(cluster.host.to_string()),
        Some(node) => cluster.nodes.iter().find(|known| known.id == node).map(|node| node.host.to_string()),
    }
}
