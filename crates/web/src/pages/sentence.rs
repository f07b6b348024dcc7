//! Events as sentences: what a person reads in the activity feed. One total function over the closed list of events.
//!
//! Support engineers appear under their employee identifiers only; this module knows no other name of theirs.

mod account;
mod recovery;
mod request;

use byleave_core::access::{Basis, Denial};
use byleave_core::actor::By;
use byleave_core::event::{Event, Side, Tried};
use byleave_core::field::Erasable;
use byleave_core::id::{ClusterId, NodeId, SessionId, UserId};
use byleave_core::name::VendorName;
use byleave_core::role::Roles;
use byleave_core::session::SessionEnd;
use byleave_core::time::Timestamp;
use byleave_store::event::{Called, EventRow};
use maud::{Markup, html};

use super::icon::Icon;
use super::path;
use super::problem::capital;
use super::role::told;
use super::when::full;
use super::wording::{UNCOUNTED, bytes, count, ended, forwarding, short};

/// An event, and what the things in it are called.
pub(super) struct Names<'a> {
    vendor: &'a VendorName,
    row: &'a EventRow,
}

/// How an entry looks at first glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Closed,
    Open,
    Plain,
    Standing,
}

impl Tone {
    /// The class in the sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Plain => "plain",
            Self::Standing => "standing",
        }
    }
}

/// One entry for people.
pub(super) struct Line {
    pub(super) icon: Icon,
    pub(super) tone: Tone,
    pub(super) text: Markup,
    pub(super) more: Option<Markup>,
}

impl Line {
    fn new(icon: Icon, tone: Tone, text: Markup) -> Self {
        Self { icon, tone, text, more: None }
    }

    fn plain(icon: Icon, text: Markup) -> Self {
        Self::new(icon, Tone::Plain, text)
    }

    fn with(mut self, more: Markup) -> Self {
        self.more = Some(more);
        self
    }
}

impl Names<'_> {
    /// Who caused the event.
    fn who(&self) -> Markup {
        match (&self.row.entry.by, self.row.name_of_cause()) {
            (By::Administrator, _) => html! { span.who { "An administrator of " (self.vendor) } },
            (By::ApiKey(_), Some(key)) => html! { span.who { "API key " code { (key) } } },
            (By::ApiKey(_), None) => html! { span.who { "An API key" } },
            (By::Employee(identifier), _) => html! { code.who { (identifier) } },
            (By::ServiceAccount(_), Some(name)) => html! { span.who { "Service account " (name) } },
            (By::ServiceAccount(_), None) => html! { span.who { "A service account" } },
            (By::System, _) => html! { span.who { "Byleave" } },
            (By::User(_), Some(name)) => html! { span.who { (name) } },
            (By::User(_), None) => html! { span.who { "A removed user" } },
        }
    }

    fn user(&self, id: &UserId) -> &str {
        self.row.name(id).unwrap_or("a removed user")
    }

    fn roles(&self, given: &Roles) -> Markup {
        told(given, |id| self.row.name(id))
    }

    /// A cluster, as a link where it still exists.
    fn cluster(&self, id: &ClusterId) -> Markup {
        match (self.row.called(id), self.row.entry.event.project()) {
            (Some(Called { name, is_removed: true }), _) => html! { (name) " (removed since)" },
            (Some(Called { name, .. }), Some(project)) => html! { a href=(path::cluster(project, name)) { (name) } },
            (Some(_), None) | (None, _) => html! { "a cluster" },
        }
    }

    /// A node by its host name.
    fn node(&self, id: &NodeId) -> Markup {
        match self.row.name(id) {
            Some(host) => html! { code { (host) } },
            None => html! { "a node" },
        }
    }

    /// What a session reaches: a node, or the logs of a cluster.
    fn reached(&self, wanted: &str, node: Option<&NodeId>, cluster: &ClusterId) -> Markup {
        match node {
            Some(node) => html! { (self.node(node)) " of " (self.cluster(cluster)) },
            None => html! { "the " (wanted) " of " (self.cluster(cluster)) },
        }
    }

    /// What was refused: a node, the logs of a cluster, or one log.
    fn refused(&self, (tried, denial): (Tried, Denial), node: Option<&NodeId>, cluster: &ClusterId) -> Markup {
        let what = match tried {
            // Who says so has signed in to sync data, and wants more than that.
            Tried::SyncData if denial == Denial::DatabaseNever => "a database command beyond reading the sync data",
            Tried::Logs => return self.reached("logs", node, cluster),
            Tried::Node if node.is_some() => return self.reached("node", node, cluster),
            Tried::Node => return html! { "a shell or command on " (self.cluster(cluster)) },
            Tried::AuditLog => "a database audit log",
            Tried::DatabaseLog => "a database log",
            Tried::Log => "a log that is not there",
            Tried::OtherLog => "a log",
            Tried::SyncData => "App Services sync data",
        };
        match node {
            Some(node) => html! { (what) " on " (self.node(node)) " of " (self.cluster(cluster)) },
            None => html! { (what) " of " (self.cluster(cluster)) },
        }
    }
}

/// The sentence of one event.
pub(super) fn line(vendor: &VendorName, row: &EventRow) -> Line {
    let names = &Names { vendor, row };
    let (who, event) = (names.who(), &row.entry.event);
    let of = match &row.identifier {
        Some(identifier) => html! { " of " code.who { (identifier) } },
        None => html! {},
    };
    consent(names, &who, event)
        .or_else(|| recovery::recovery(&who, event))
        .or_else(|| request::request(names, &who, event))
        .or_else(|| visit(names, &who, &of, event))
        .or_else(|| setting(&who, event))
        .or_else(|| people(names, &who, event))
        .or_else(|| account::account(names, &who, event))
        .or_else(|| inventory(names, &who, event))
        .unwrap_or_else(|| other(&who, event))
}

/// Block, grant, revoke: what the customer decides.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
fn consent(names: &Names<'_>, who: &Markup, event: &Event) -> Option<Line> {
    let vendor = names.vendor;
    Some(match event {
        Event::OrganizationBlocked {} => {
            let text = html! { (who) " blocked " (vendor) " support access to cluster infrastructure and logs." };
            Line::new(Icon::Lock, Tone::Closed, text)
        }
        Event::OrganizationUnblocked {} => {
            Line::new(Icon::Unlock, Tone::Standing, html! { (who) " lifted the block on " (vendor) " support access." })
        }
        Event::LongestGrantSet { longest } => {
            Line::plain(Icon::Clock, html! { (who) " set the longest grant to " (longest) "." })
        }
        Event::GrantGiven { cluster, kind, expires_at, replaced, case, reason, .. } => {
            let text = html! {
                (who) " granted " (vendor) " support access to " (names.cluster(cluster)) " until " (full(*expires_at))
                @if replaced.is_some() { ", in place of the grant before" } "."
            };
            Line::new(Icon::Unlock, Tone::Open, text).with(html! {
                (kind.label())
                @if let Some(case) = erasable(case.as_ref()) { " · case " (case) }
                @if let Some(reason) = erasable(reason.as_ref()) { " · “" (reason) "”" }
            })
        }
        Event::GrantRevoked { cluster, .. } => {
            let text = html! { (who) " revoked " (vendor) " support access to " (names.cluster(cluster)) "." };
            Line::new(Icon::Lock, Tone::Closed, text)
        }
        Event::GrantExpired { cluster, .. } => {
            Line::new(Icon::Clock, Tone::Closed, html! { "The grant for " (names.cluster(cluster)) " expired." })
        }
        Event::GrantEnded { cluster, reason, .. } => {
            let text = html! { "The grant for " (names.cluster(cluster)) " ended: " (reason.as_str()) "." };
            Line::new(Icon::Lock, Tone::Closed, text)
        }
        _ => return None,
    })
}

/// What support did. `of` names the engineer whose session it is about.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
fn visit(names: &Names<'_>, who: &Markup, of: &Markup, event: &Event) -> Option<Line> {
    Some(match event {
        Event::SessionOpened { cluster, session, wanted, node, basis, until, .. } => {
            let text = html! { (who) " " a href=(path::session(*session)) { "came in" } " to " (names.reached(wanted, node.as_ref(), cluster)) "." };
            Line::new(Icon::Terminal, Tone::Open, text).with(html! { (on(*basis)) ", " (until_text(*until)) })
        }
        Event::SessionContinued { cluster, session, basis, until, .. } => {
            let text = html! { (the_session(*session)) (of) " on " (names.cluster(cluster)) " goes on." };
            Line::plain(Icon::Terminal, text).with(html! { "Now " (on(*basis)) ", " (until_text(*until)) })
        }
        Event::LogDownloaded { cluster, node, log, bytes: count, .. } => {
            let text = html! {
                (who) " read the log " code { (log) } " of " (names.node(node)) " of " (names.cluster(cluster)) " ("
                (bytes(*count)) ")."
            };
            Line::new(Icon::File, Tone::Open, text)
        }
        Event::ForwardingRefused { cluster, forwarding: kind, side, .. } => {
            let side = match side {
                Side::Employee => html! { (who) },
                Side::Node => html! { "A node in the session of " (who) },
            };
            let text = html! {
                (side) " tried to forward " (forwarding(*kind)) " on " (names.cluster(cluster)) " and was refused."
            };
            Line::new(Icon::Alert, Tone::Bad, text)
        }
        Event::SessionClosed {
            cluster,
            session,
            reason,
            shells,
            commands,
            transfers,
            refused,
            partly_recorded,
            ..
        } => {
            let text =
                html! { (the_session(*session)) (of) " on " (names.cluster(cluster)) " ended: " (ended(*reason)) "." };
            if *reason == SessionEnd::Restart {
                return Some(Line::plain(Icon::Terminal, text).with(html! { "What was done was " (UNCOUNTED) "." }));
            }
            Line::plain(Icon::Terminal, text).with(html! {
                (count(*shells, "shell")) ", " (count(*commands, "command")) ", " (count(*transfers, "transfer"))
                @if *refused > 0 { ", " (refused) " refused" }
                @if *partly_recorded { " · partly recorded" }
            })
        }
        Event::SessionDenied { cluster, wanted, node, denial, tries, .. } => {
            let text = html! {
                (who) " was refused " (names.refused((*wanted, *denial), node.as_ref(), cluster))
                @if *tries > 1 { ", " (tries) " times within a minute" } "."
            };
            Line::new(Icon::Cross, Tone::Bad, text).with(html! { (capital(&denial.to_string())) "." })
        }
        Event::RecordingRead { cluster, session, .. } => {
            let session = html! { a href=(path::session(*session)) { "a session" } (of) };
            let text = html! { (who) " read the recording of " (session) " on " (names.cluster(cluster)) "." };
            Line::plain(Icon::File, text)
        }
        Event::IdentifierResolved { identifier } => {
            let text = html! { (who) " resolved " code { (identifier) } " to a person." };
            Line::plain(Icon::Person, text)
        }
        _ => return None,
    })
}

/// The customer's own people.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
fn people(names: &Names<'_>, who: &Markup, event: &Event) -> Option<Line> {
    Some(match event {
        Event::OrganizationClaimed { name, .. } => {
            let text = html! { (who) " claimed the organization " (name) ". Here its log begins." };
            Line::new(Icon::Check, Tone::Closed, text)
        }
        Event::UserAdded { user_name, roles: given, .. } => {
            Line::plain(Icon::Person, html! { (name_of(user_name)) " joined as " (names.roles(given)) "." })
        }
        Event::InvitationChanged { roles: given, .. } => {
            Line::plain(Icon::Person, html! { (who) " changed an invitation to " (names.roles(given)) "." })
        }
        Event::InvitationWithdrawn { .. } => Line::plain(Icon::Person, html! { (who) " took an invitation back." }),
        Event::UserInvited { user_name, roles: given, .. } => {
            let given = names.roles(given);
            Line::plain(Icon::Person, html! { (who) " invited " (name_of(user_name)) " as " (given) "." })
        }
        Event::UserRolesChanged { user, roles: given } => {
            let given = names.roles(given);
            Line::plain(Icon::Person, html! { (who) " changed the roles of " (names.user(user)) " to " (given) "." })
        }
        Event::UserPasswordChanged { .. } => {
            Line::plain(Icon::Key, html! { (who) " set another password. Their other sign-ins ended." })
        }
        Event::PasswordResetOffered { user, expires_at, .. } => Line::plain(
            Icon::Key,
            html! {
                (who) " made a link with which " (names.user(user)) " can choose a new password until " (full(*expires_at)) "."
            },
        ),
        Event::PasswordReset { .. } => {
            Line::plain(Icon::Key, html! { (who) " chose a new password with that link. All their sign-ins ended." })
        }
        Event::PasswordResetWithdrawn { user, .. } => Line::plain(
            Icon::Key,
            html! { (who) " withdrew the link with which " (names.user(user)) " could have chosen a new password." },
        ),
        Event::UserRemoved { user } => {
            Line::plain(Icon::Person, html! { (who) " removed " (names.user(user)) " from the organization." })
        }
        _ => return None,
    })
}

/// What the vendor changed in the inventory.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
fn inventory(names: &Names<'_>, who: &Markup, event: &Event) -> Option<Line> {
    let of = event.cluster().map_or_else(|| html! { "the organization" }, |id| names.cluster(&id));
    let text = match event {
        Event::ProjectAdded { name, .. } => html! { (who) " added the project " (name) "." },
        Event::ClusterAdded { name, .. } => html! { (who) " added the cluster " (name) "." },
        Event::ClusterChanged { host, .. } => {
            html! { (who) " changed the host name of " (of) " to " code { (host) } "." }
        }
        Event::ClusterRemoved { cluster, .. } => match names.row.name(cluster) {
            Some(name) => html! { (who) " removed the cluster " (name) "." },
            None => html! { (who) " removed a cluster." },
        },
        Event::NodeAdded { host, address, .. } => {
            html! { (who) " added the node " code { (host) } " at " code { (address) } " to " (of) "." }
        }
        Event::NodeChanged { node, address, .. } => {
            html! { (who) " changed the address or host key of " (names.node(node)) " of " (of) " (" code { (address) } ")." }
        }
        Event::NodeRemoved { node, .. } => html! { (who) " removed " (names.node(node)) " from " (of) "." },
        Event::NodeChecked { node, passed: true, .. } => {
            html! { "The check of " (names.node(node)) " of " (of) " passed." }
        }
        Event::NodeChecked { node, findings, .. } => {
            let text = html! {
                "The check of " (names.node(node)) " of " (of) " failed with " (count(*findings, "finding")) "."
            };
            return Some(Line::new(Icon::Alert, Tone::Bad, text));
        }
        Event::NodeRiskAccepted { node, reason, .. } => {
            let text =
                html! { (who) " accepted the risk of " (names.node(node)) " of " (of) " without a passing check." };
            let line = Line::new(Icon::Alert, Tone::Open, text);
            return Some(match erasable(reason.as_ref()) {
                Some(reason) => line.with(html! { "“" (reason) "”" }),
                None => line,
            });
        }
        Event::LogAdded { node, log, path, .. } => {
            html! { (who) " added the log " code { (log) } " (" code { (path) } ") of " (names.node(node)) " of " (of) "." }
        }
        Event::LogChanged { node, log, path, .. } => {
            html! { (who) " changed the log " code { (log) } " (" code { (path) } ") of " (names.node(node)) " of " (of) "." }
        }
        Event::LogRemoved { node, log, .. } => {
            html! { (who) " removed the log " code { (log) } " of " (names.node(node)) " of " (of) "." }
        }
        Event::SyncDatabaseAdded { database, .. } => {
            html! { (who) " added the App Services sync database " code { (database) } " to " (of) "." }
        }
        Event::SyncDatabaseRemoved { database, .. } => {
            html! { (who) " removed the App Services sync database " code { (database) } " from " (of) "." }
        }
        Event::SyncServersSet { servers, member, .. } => {
            let read = match member {
                Some(member) => html! { "is read, from " code { (member) } " of them." },
                None => html! { "is read, from whichever is the primary." },
            };
            html! { (who) " set " code { (servers) } " as the servers from which sync data of " (of) " " (read) }
        }
        Event::SyncServersRemoved { .. } => {
            html! { (who) " removed the servers from which sync data of " (of) " is read." }
        }
        Event::SyncCredentialSet { mechanism, .. } => {
            html! { (who) " gave the gateway a credential (" (mechanism.as_str()) ") for sync data of " (of) "." }
        }
        _ => return None,
    };
    Some(Line::plain(Icon::Server, text))
}

/// Settings that neither open nor close anything.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
fn setting(who: &Markup, event: &Event) -> Option<Line> {
    let contact = |what: &str, contact: &Option<Erasable>| match erasable(contact.as_ref()) {
        Some(address) => html! { (who) " set the " (what) " contact to " (address) "." },
        None => html! { (who) " removed the " (what) " contact." },
    };
    let text = match event {
        Event::LongestSecretSet { longest_hours } => {
            html! { (who) " set the longest life of service account secrets to " (longest_hours.hours()) " hours." }
        }
        Event::OperationsContactSet { contact: address } => contact("operations", address),
        Event::SecurityContactSet { contact: address } => contact("security", address),
        _ => return None,
    };
    Some(Line::plain(Icon::Info, text))
}

/// The rest: time, the clock, and events of the installation, which no customer's feed holds.
fn other(who: &Markup, event: &Event) -> Line {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what no function above knows is told by its name")]
    match event {
        Event::TimePassed {} => {
            Line::plain(Icon::Clock, html! { span.quiet { "Time went by; the log was sealed again." } })
        }
        Event::ClockDoubtLeft { .. } => {
            let text = html! { (who) " set the server's clock right; all grants ended." };
            Line::new(Icon::Clock, Tone::Bad, text)
        }
        event => Line::plain(Icon::Info, html! { (who) ": " code { (event.name()) } }),
    }
}

fn the_session(id: SessionId) -> Markup {
    html! { a href=(path::session(id)) { "The session" } }
}

fn erasable(text: Option<&Erasable>) -> Option<&str> {
    text.map(|text| text.text().unwrap_or("(erased)"))
}

fn name_of(name: &Erasable) -> Markup {
    html! { span.who { (name.text().unwrap_or("An erased user")) } }
}

fn on(basis: Basis) -> Markup {
    match basis {
        Basis::Grant { id } => html! { "Under grant " code title=(id) { (short(&id.to_string())) } },
        Basis::Standing => html! { "On standing access" },
    }
}

fn until_text(until: Timestamp) -> Markup {
    html! { "until " (full(until)) " at the latest" }
}

#[cfg(test)]
mod tests;
