//! The story of an organization, told by hand: everything that happens in an honest log, under a moving clock.

use std::collections::BTreeMap;

use byleave_core::access::{Basis, Denial};
use byleave_core::actor::By;
use byleave_core::event::{Entry, Event, Forwarding, LogId, Side, Tried};
use byleave_core::grant::{GrantEnd, GrantType};
use byleave_core::id::{ClusterId, GrantId, InstallationId, NodeId, ProjectId, SessionId, UserId};
use byleave_core::inventory::{LogKind, Revision};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::sample::{self, AT, CLUSTER, NODE, ORGANIZATION, PROJECT, public_key, text};
use byleave_core::session::SessionEnd;
use byleave_core::time::{HOUR, MINUTE, SECOND, Timestamp, Ttl};
use byleave_log::anchor::Anchor;
use byleave_log::bundle::{Bundle, BundleEntry, Rights};
use byleave_log::checkpoint::{Checkpoint, Origin};
use byleave_log::key::SigningKey;
use byleave_log::tree::Frontier;

pub(crate) const LOG: LogId = LogId::Organization(ORGANIZATION);
pub(crate) const OWNER: UserId = UserId::from_bytes([0x11; 12]);
pub(crate) const MANAGER: UserId = UserId::from_bytes([0x12; 12]);
pub(crate) const MEMBER: UserId = UserId::from_bytes([0x13; 12]);
pub(crate) const OTHER_PROJECT: ProjectId = ProjectId::from_bytes([0x22; 12]);
pub(crate) const OTHER_CLUSTER: ClusterId = ClusterId::from_bytes([0x32; 12]);
const INSTALLATION: InstallationId = InstallationId::from_bytes([0xb1; 12]);

pub(crate) fn grant_id(number: u8) -> GrantId {
    GrantId::from_bytes([number; 12])
}

pub(crate) fn session_id(number: u8) -> SessionId {
    SessionId::from_bytes([number; 12])
}

pub(crate) fn owner() -> By {
    By::User(OWNER)
}

pub(crate) fn employee() -> By {
    By::Employee(sample::identifier())
}

pub(crate) fn revision(number: i64) -> Revision {
    Revision::new(number).unwrap()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32], INSTALLATION)
}

/// A log that grows.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) entries: Vec<Entry>,
    pub(crate) at: Timestamp,
    labels: BTreeMap<&'static str, u64>,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), at: AT, labels: BTreeMap::new() }
    }

    /// Adds an entry that happens `after` the one before.
    pub(crate) fn add(&mut self, after: i64, by: By, event: Event) -> u64 {
        self.at = self.at.plus(after);
        let index = self.entries.len() as u64;
        self.entries.push(Entry { log: LOG, index, at: self.at, by, event });
        index
    }

    /// Gives the next entry a name to find it by.
    pub(crate) fn label(&mut self, name: &'static str) -> &mut Self {
        self.labels.insert(name, self.entries.len() as u64);
        self
    }

    pub(crate) fn index(&self, label: &str) -> u64 {
        self.labels[label]
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let leaves = self.entries.iter().map(|entry| BundleEntry::visible(entry).hash);
        Checkpoint::of(Origin { installation: INSTALLATION, log: LOG }, &leaves.collect::<Frontier>())
    }

    /// The evidence as an honest server exports it.
    pub(crate) fn bundle(&self) -> Bundle {
        let entries = self.entries.iter().map(BundleEntry::visible).collect();
        Bundle::new(Rights::Projects, key().vkey(), self.checkpoint().sign(&key()), entries)
    }

    /// What the customer kept when the log had so many entries.
    pub(crate) fn anchor(&self, size: usize) -> Anchor {
        let before = Self { entries: self.entries[..size].to_vec(), ..self.clone() };
        Anchor { log: LOG, index: size as u64 - 1, checkpoint: before.checkpoint().sign(&key()) }
    }

    /// The story up to a label, that entry excluded.
    pub(crate) fn until(&self, label: &str) -> Self {
        let entries = self.entries[..self.index(label) as usize].to_vec();
        let at = entries.last().unwrap().at;
        Self { entries, at, labels: self.labels.clone() }
    }
}

pub(crate) fn give(number: u8, kind: GrantType, expires_at: Timestamp, of: i64, replaced: Option<u8>) -> Event {
    Event::GrantGiven {
        project: PROJECT,
        cluster: CLUSTER,
        grant: grant_id(number),
        kind,
        expires_at,
        inventory_revision: revision(of),
        replaced: replaced.map(grant_id),
        case: Some(sample::erasable("00012345")),
        reason: Some(sample::erasable("the cluster does not answer")),
    }
}

pub(crate) fn open(number: u8, node: Option<NodeId>, basis: Basis, until: Timestamp) -> Event {
    let wanted = if node.is_some() { "node" } else { "logs" };
    Event::SessionOpened {
        project: PROJECT,
        cluster: CLUSTER,
        session: session_id(number),
        wanted: wanted.into(),
        node,
        basis,
        until,
    }
}

pub(crate) fn close(number: u8, reason: SessionEnd) -> Event {
    Event::SessionClosed {
        project: PROJECT,
        cluster: CLUSTER,
        session: session_id(number),
        reason,
        shells: 1,
        commands: 0,
        transfers: 0,
        refused: 0,
        received_bytes: 4_096,
        sent_bytes: 17,
        recording_sha256: Some([0xcd; 32]),
        partly_recorded: false,
    }
}

pub(crate) fn read_log(number: u8, log: &str) -> Event {
    Event::LogDownloaded {
        project: PROJECT,
        cluster: CLUSTER,
        session: session_id(number),
        node: NODE,
        log: text(log),
        bytes: 17,
        sha256: [0xab; 32],
    }
}

pub(crate) fn by_grant(number: u8) -> Basis {
    Basis::Grant { id: grant_id(number) }
}

/// The whole story.
pub(crate) fn story() -> Story {
    let mut story = Story::new();
    claim(&mut story);
    people(&mut story);
    standing_then_blocked(&mut story);
    logs_then_infrastructure(&mut story);
    another_project(&mut story);
    api_key_and_expiry(&mut story);
    inventory_changes(&mut story);
    doubt_and_unblock(&mut story);
    story
}

/// Claimed after its inventory had reached revision 3.
fn claim(story: &mut Story) {
    let (project, cluster) = (PROJECT, CLUSTER);
    story.add(
        0,
        owner(),
        Event::OrganizationClaimed {
            organization: ORGANIZATION,
            name: text("Shop"),
            owner: OWNER,
            user_name: sample::erasable("mia@shop.example"),
            ssh_ca: public_key(1),
        },
    );
    story.add(0, By::System, Event::ProjectAdded { project, name: text("Shop") });
    for event in [
        Event::ClusterAdded {
            project,
            cluster,
            name: text("Cluster0"),
            host: text("cluster0.shop.example"),
            revision: revision(3),
        },
        Event::NodeAdded {
            project,
            cluster,
            node: NODE,
            host: text("node-1.shop.example"),
            address: text("10.0.0.7:22"),
            host_key: public_key(2),
            revision: revision(1),
        },
        log_added("mongod", LogKind::Database, 1),
        log_added("audit", LogKind::Audit, 3),
        Event::SyncDatabaseAdded { project, cluster, database: text("appsync_*"), revision: revision(2) },
    ] {
        story.add(0, By::System, event);
    }
}

pub(crate) fn log_added(name: &str, kind: LogKind, at: i64) -> Event {
    let path = text(&format!("/var/log/mongodb/{name}.log"));
    let (project, cluster, node) = (PROJECT, CLUSTER, NODE);
    Event::LogAdded { project, cluster, node, log: text(name), kind, path, revision: revision(at) }
}

fn people(story: &mut Story) {
    let manager = Roles::default().with(PROJECT, ProjectRole::SupportAccessManager);
    let member = Roles::in_organization([OrgRole::Member]);
    for (number, user, roles) in [(1, MANAGER, manager), (2, MEMBER, member)] {
        let user_name = sample::erasable(&format!("person-{number}@shop.example"));
        let invitation = byleave_core::id::InvitationId::from_bytes([number; 12]);
        let invited = Event::UserInvited { invitation, user_name: user_name.clone(), roles: roles.clone() };
        story.add(HOUR, owner(), invited);
        story.add(MINUTE, By::User(user), Event::UserAdded { user, user_name, roles });
    }
}

fn standing_then_blocked(story: &mut Story) {
    let until = story.at.plus(HOUR + 8 * HOUR);
    story.label("standing session").add(HOUR, employee(), open(1, Some(NODE), Basis::Standing, until));
    story.label("block").add(MINUTE, owner(), Event::OrganizationBlocked {});
    story.add(20, employee(), close(1, SessionEnd::Blocked));
    let denied = Event::SessionDenied {
        project: PROJECT,
        cluster: CLUSTER,
        wanted: Tried::Node,
        node: Some(NODE),
        denial: Denial::Blocked,
        tries: 3,
    };
    story.add(MINUTE, employee(), denied);
    let checked = Event::NodeChecked {
        project: PROJECT,
        cluster: CLUSTER,
        node: NODE,
        passed: true,
        findings: 0,
        revision: revision(3),
    };
    story.label("node check").add(MINUTE, By::System, checked);
}

fn logs_then_infrastructure(story: &mut Story) {
    let first_until = story.at.plus(MINUTE + 2 * HOUR);
    story.label("first grant").add(MINUTE, By::User(MANAGER), give(1, GrantType::DatabaseLogs, first_until, 3, None));
    story.label("logs session").add(MINUTE, employee(), open(2, None, by_grant(1), first_until));
    story.label("download").add(SECOND, employee(), read_log(2, "mongod"));
    let refused = Event::ForwardingRefused {
        project: PROJECT,
        cluster: CLUSTER,
        session: session_id(2),
        forwarding: Forwarding::Agent,
        side: Side::Employee,
    };
    story.add(SECOND, employee(), refused);
    let until = story.at.plus(MINUTE + 24 * HOUR);
    story.label("second grant").add(MINUTE, owner(), give(2, GrantType::Infrastructure, until, 3, Some(1)));
    let continued = Event::SessionContinued {
        project: PROJECT,
        cluster: CLUSTER,
        session: session_id(2),
        basis: by_grant(2),
        until,
    };
    story.label("continued").add(10, employee(), continued);
    story.label("node session").add(MINUTE, employee(), open(3, Some(NODE), by_grant(2), until));
    story.label("audit download").add(MINUTE, employee(), read_log(2, "audit"));
    let revoked = Event::GrantRevoked { project: PROJECT, cluster: CLUSTER, grant: grant_id(2) };
    story.label("revoke").add(HOUR, By::User(MANAGER), revoked);
    // Read up to the cut, told right after it.
    story.add(3, employee(), read_log(2, "audit"));
    story.add(3, employee(), close(2, SessionEnd::Revoked));
    story.add(3, By::System, close(3, SessionEnd::Revoked));
    let read = Event::RecordingRead { project: PROJECT, cluster: CLUSTER, session: session_id(3) };
    story.label("after revoke").add(HOUR, owner(), read);
}

fn another_project(story: &mut Story) {
    story.add(0, By::Administrator, Event::ProjectAdded { project: OTHER_PROJECT, name: text("Lab") });
    let (project, cluster) = (OTHER_PROJECT, OTHER_CLUSTER);
    let (name, host) = (text("Cluster1"), text("cluster1.lab.example"));
    let added = Event::ClusterAdded { project, cluster, name, host, revision: Revision::FIRST };
    story.label("other cluster").add(0, By::Administrator, added);
    let expires_at = story.at.plus(MINUTE + HOUR);
    let given = Event::GrantGiven {
        project,
        cluster,
        grant: grant_id(9),
        kind: GrantType::DatabaseLogs,
        expires_at,
        inventory_revision: Revision::FIRST,
        replaced: None,
        case: None,
        reason: None,
    };
    story.add(MINUTE, owner(), given);
    let opened = Event::SessionOpened {
        project,
        cluster,
        session: session_id(9),
        wanted: "logs".into(),
        node: None,
        basis: by_grant(9),
        until: expires_at,
    };
    story.add(MINUTE, employee(), opened);
}

fn api_key_and_expiry(story: &mut Story) {
    let api_key = text("0a0a0a0a0a0a0a0a0a0a0a0a");
    let roles = Roles::default().with(PROJECT, ProjectRole::Owner);
    story.add(MINUTE, owner(), Event::ApiKeyAdded { api_key, public_key: "qwertyui".into(), roles });
    let until = story.at.plus(MINUTE + HOUR);
    let kind = GrantType::InfrastructureAndSyncData;
    story.label("key's grant").add(MINUTE, By::ApiKey(api_key), give(3, kind, until, 3, None));
    let opened = Event::SessionOpened {
        project: PROJECT,
        cluster: CLUSTER,
        session: session_id(4),
        wanted: "sync data".into(),
        node: None,
        basis: by_grant(3),
        until,
    };
    story.add(MINUTE, employee(), opened);
    story.add(HOUR - 2 * MINUTE, By::System, Event::TimePassed {});
    story.add(MINUTE, employee(), close(4, SessionEnd::Expired));
    let expired = Event::GrantExpired { project: PROJECT, cluster: CLUSTER, grant: grant_id(3) };
    story.add(SECOND, By::System, expired);
    story.label("key removed").add(SECOND, owner(), Event::ApiKeyRemoved { api_key });
}

fn inventory_changes(story: &mut Story) {
    let (project, cluster) = (PROJECT, CLUSTER);
    let added = Event::NodeAdded {
        project,
        cluster,
        node: NodeId::from_bytes([0x42; 12]),
        host: text("node-2.shop.example"),
        address: text("10.0.0.8:22"),
        host_key: public_key(4),
        revision: revision(4),
    };
    story.label("inventory").add(HOUR, By::Administrator, added);
    story.add(0, By::Administrator, log_added("mongot", LogKind::Other, 4));
    let reason = Some(sample::erasable("we know"));
    let node = NodeId::from_bytes([0x42; 12]);
    let accepted = Event::NodeRiskAccepted { project, cluster, node, reason, revision: revision(4) };
    story.add(MINUTE, owner(), accepted);
}

fn doubt_and_unblock(story: &mut Story) {
    let until = story.at.plus(MINUTE + HOUR);
    story.add(MINUTE, owner(), give(4, GrantType::Infrastructure, until, 4, None));
    story.label("doubt").add(MINUTE, By::Administrator, Event::ClockDoubtLeft { set_back_ms: 3_600_000 });
    let (project, cluster, reason) = (PROJECT, CLUSTER, GrantEnd::ClockReset);
    let ended = Event::GrantEnded { project, cluster, grant: grant_id(4), reason };
    story.add(0, By::Administrator, ended);
    let identifier = sample::identifier();
    story.add(MINUTE, By::Administrator, Event::IdentifierResolved { identifier });
    story.add(MINUTE, owner(), Event::LongestGrantSet { longest: Ttl::from_millis(2 * HOUR).unwrap() });
    story.label("unblock").add(MINUTE, owner(), Event::OrganizationUnblocked {});
    let until = story.at.plus(MINUTE + 8 * HOUR);
    story.label("last session").add(MINUTE, employee(), open(5, Some(NODE), Basis::Standing, until));
    story.label("end").add(MINUTE, By::User(MANAGER), close(5, SessionEnd::EndedByCustomer));
    story.add(MINUTE, owner(), Event::UserRemoved { user: MEMBER });
    story.label("last").add(HOUR, By::System, Event::TimePassed {});
}
