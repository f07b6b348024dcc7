//! `byleave grant`, `revoke` and `grants`: the customer's time-boxed consent for one cluster.

use std::path::{Path, PathBuf};

use byleave_api::byleave::{self as api, Cluster, GrantRequest, Granted, List, Revoked, SyncCredential};
use byleave_core::grant::GrantType;
use byleave_core::time::{Span, Ttl};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Caller;
use super::clusters;
use super::fault::{Fault, Outcome};
use super::find::ClusterName;
use super::output::{instant, table};

/// How often a grant looks at what it takes the place of, while others change that.
const LOOKS: usize = 5;

/// What a grant opens.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Only database logs, without audit logs
    Logs,
    /// The nodes and all cluster logs, never the database
    Infrastructure,
    /// That, and App Services sync data
    Sync,
}

impl Kind {
    pub(super) const fn grant_type(self) -> GrantType {
        match self {
            Self::Logs => GrantType::DatabaseLogs,
            Self::Infrastructure => GrantType::Infrastructure,
            Self::Sync => GrantType::InfrastructureAndSyncData,
        }
    }
}

/// What `grant` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  byleave grant Shop                                infrastructure, as long as the organization allows\n  \
    byleave grant Shop --type logs --for 2h --case 01234567\n  byleave grant shop.example.net --reason 'disk full'\n  \
    printf '%s\\n%s\\n' support 'the password' | byleave grant Shop --type sync --sync-credential -\n  \
    byleave grant Shop --type sync --sync-credential support.pem\n\n\
    Logs can hold values of queries. Granting again replaces the grant in force. A credential for the sync databases is\n\
    used instead of what the vendor has set, kept in memory until the grant ends, and never shown or stored."
)]
pub(crate) struct Grant {
    #[command(flatten)]
    cluster: ClusterName,
    /// What it opens
    #[arg(long = "type", value_enum, default_value = "infrastructure")]
    kind: Kind,
    /// How long, such as 24h or 1h30m: never over 24 hours [default: the organization's longest]
    #[arg(long = "for", value_name = "TIME")]
    duration: Option<Ttl>,
    /// The number of the support case
    #[arg(long)]
    case: Option<String>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// What the gateway signs in to the sync databases with: a file, or - for standard input. It holds a user name and,
    /// on the next line, its password, or the PEM of a certificate and its key
    #[arg(long, value_name = "FILE")]
    sync_credential: Option<PathBuf>,
}

/// What `revoke` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  byleave revoke Shop\n\n\
    Whatever is in force ends, and with it the live sessions based on it. With nothing in force it succeeds all the same.")]
pub(crate) struct Revoke {
    #[command(flatten)]
    cluster: ClusterName,
}

/// What `grants` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave grants\n  byleave grants --active --output json")]
pub(crate) struct Grants {
    /// Only of this cluster, by name or host name
    cluster: Option<String>,
    /// Only of this project, by name or id
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only those in force
    #[arg(long)]
    active: bool,
}

/// Gives a grant.
pub(super) async fn give(caller: &Caller, args: Grant) -> Outcome<()> {
    let sync_credential = credential(args.sync_credential.as_deref(), Some(args.kind))?;
    let cluster = caller.cluster(&args.cluster).await?;
    let request = GrantRequest {
        sync_credential,
        grant_type: args.kind.grant_type().as_str().to_owned(),
        duration: args.duration.map(written),
        case: args.case,
        reason: args.reason,
    };
    let (cluster, granted) = replace(caller, &args.cluster, cluster, &request).await?;
    caller.take(&granted.anchors);
    let note = match args.kind {
        Kind::Infrastructure | Kind::Sync => clusters::unchecked(&cluster),
        Kind::Logs => None,
    };
    caller.output.print(&granted, |granted| {
        let done = format!(
            "granted on `{}`: {}\nexpires by itself at {}, in {}; revoke it with: byleave revoke {}",
            cluster.name,
            opens(&granted.grant),
            instant(&granted.grant.expires_at),
            Span(granted.grant.remaining_ms),
            cluster.host,
        );
        let replaced = cluster
            .grant
            .as_ref()
            .map(|before| format!("it takes the place of: {}, until {}", opens(before), instant(&before.expires_at)));
        let not_blocked = granted.note.as_deref().map(clusters::not_blocked_note);
        [Some(done), replaced, not_blocked, note].into_iter().flatten().collect::<Vec<_>>().join("\n")
    })
}

/// The tag of what is granted on a cluster.
fn seen(cluster: &Cluster) -> String {
    cluster.grant.as_ref().map_or_else(|| "none".to_owned(), |grant| grant.id.clone())
}

/// Grants in the place of what the command saw, so that what it says of that is true. What changed meanwhile is looked at
/// again; answers the cluster as it was before, too.
async fn replace(
    caller: &Caller,
    name: &ClusterName,
    cluster: Cluster,
    request: &GrantRequest,
) -> Outcome<(Cluster, Granted)> {
    let mut cluster = cluster;
    for _ in 1..LOOKS {
        match caller.client.post_if(&verb(&cluster, "grant"), request, Some(seen(&cluster))).await {
            Ok(granted) => return Ok((cluster, granted)),
            Err(fault) => {
                cluster = match caller.cluster(name).await {
                    Ok(now) if seen(&now) != seen(&cluster) => now,
                    Ok(_) | Err(_) => return Err(fault),
                }
            }
        }
    }
    let granted = caller.client.post_if(&verb(&cluster, "grant"), request, Some(seen(&cluster))).await?;
    Ok((cluster, granted))
}

/// The customer's own credential, from the file that they name: an argument could be seen by others on the machine.
/// Where no type is named, it is the one that was asked for, and the server says whether it is of sync data.
pub(super) fn credential(file: Option<&Path>, kind: Option<Kind>) -> Outcome<Option<SyncCredential>> {
    match (file, kind) {
        (None, _) => Ok(None),
        (Some(file), Some(Kind::Sync) | None) => clusters::read_credential(file).map(Some),
        (Some(_), Some(Kind::Infrastructure | Kind::Logs)) => {
            Err(Fault::usage("--sync-credential can only be given with --type sync"))
        }
    }
}

/// Revokes what is in force.
pub(super) async fn revoke(caller: &Caller, args: Revoke) -> Outcome<()> {
    let cluster = caller.cluster(&args.cluster).await?;
    let revoked: Revoked = caller.client.act(&verb(&cluster, "revoke")).await?;
    caller.take(&revoked.anchors);
    let told = Told { revoked: revoked.revoked.as_ref(), anchors: &revoked.anchors };
    caller.output.print(&told, |told| {
        let done = match told.revoked {
            Some(grant) => format!("revoked on `{}`: {}; sessions based on it have ended", cluster.name, opens(grant)),
            None => format!("nothing was in force on `{}`", cluster.name),
        };
        [Some(done), clusters::not_blocked(&cluster)].into_iter().flatten().collect::<Vec<_>>().join("\n")
    })
}

/// What a revoke came to, for programs: `revoked` is always there.
#[derive(Serialize)]
struct Told<'a> {
    /// The grant that ended, or null.
    revoked: Option<&'a api::Grant>,
    anchors: &'a [api::Anchor],
}

/// A grant with the names that people know its cluster by.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    cluster: String,
    project: String,
    #[serde(flatten)]
    grant: api::Grant,
}

/// Lists grants, newest first within each project.
pub(super) async fn list(caller: &Caller, args: Grants) -> Outcome<()> {
    let clusters = match args.cluster {
        Some(cluster) => vec![caller.cluster(&ClusterName { cluster, project: args.project }).await?],
        None => {
            let in_project = |c: &Cluster| args.project.as_ref().is_none_or(|p| c.group_name == *p || c.group_id == *p);
            caller.clusters().await?.into_iter().filter(in_project).collect()
        }
    };
    let mut projects: Vec<&str> = clusters.iter().map(|cluster| cluster.group_id.as_str()).collect();
    projects.sort_unstable();
    projects.dedup();
    let mut rows = Vec::new();
    for project in projects {
        let grants: List<api::Grant> = caller.client.get(&format!("/groups/{project}/grants")).await?;
        for grant in grants.results.into_iter().filter(|grant| !args.active || grant.status == "active") {
            if let Some(cluster) = clusters.iter().find(|cluster| cluster.id == grant.cluster_id) {
                rows.push(Row { cluster: cluster.name.clone(), project: cluster.group_name.clone(), grant });
            }
        }
    }
    caller.output.list(rows, |rows| {
        let cells = rows.iter().map(|row| {
            let grant = &row.grant;
            vec![
                row.cluster.clone(),
                row.project.clone(),
                short(&grant.grant_type).to_owned(),
                state(grant),
                instant(&grant.granted_at),
                instant(&grant.expires_at),
                grant.case.clone().unwrap_or_default(),
            ]
        });
        let header = ["cluster", "project", "type", "state", "granted", "expires", "case"];
        let notes = clusters.iter().filter_map(clusters::granted_but_unchecked).map(|note| format!("{note}\n"));
        format!("{}{}", table(&header, cells.collect(), "no grants"), notes.collect::<String>())
    })
}

/// The path of a cluster's verb.
fn verb(cluster: &Cluster, verb: &str) -> String {
    format!("/groups/{}/clusters/{}:{verb}", cluster.group_id, cluster.name)
}

/// A duration in the form that the API takes, to the second: the form for people leaves the seconds of hours out.
pub(super) fn written(ttl: Ttl) -> String {
    format!("{}s", ttl.millis() / 1_000)
}

/// What a grant opens, for people.
pub(super) fn opens(grant: &api::Grant) -> String {
    grant.grant_type.parse::<GrantType>().map_or_else(|_| grant.grant_type.clone(), |kind| kind.label().to_owned())
}

/// The word of the command line for a grant type.
pub(super) fn short(grant_type: &str) -> &str {
    match grant_type.parse() {
        Ok(GrantType::DatabaseLogs) => "logs",
        Ok(GrantType::Infrastructure) => "infrastructure",
        Ok(GrantType::InfrastructureAndSyncData) => "sync",
        Err(_) => grant_type,
    }
}

/// What a grant is now, for people.
fn state(grant: &api::Grant) -> String {
    match (grant.status.as_str(), &grant.end_reason) {
        ("active", _) => format!("{} left", Span(grant.remaining_ms)),
        (_, Some(reason)) => reason.clone(),
        (status, None) => status.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_sent_as_the_server_reads_it() {
        for text in ["24h", "1h30m", "45s", "90m", "1h0m5s"] {
            let ttl: Ttl = text.parse().unwrap();
            assert_eq!(written(ttl).parse(), Ok(ttl), "{text}");
        }
    }
}
