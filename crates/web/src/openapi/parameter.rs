//! The parameters of paths, queries and headers, each described once.

use byleave_core::event::Event;
use serde_json::{Value, json};

use super::schema::ID;

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Path,
    Query,
}

/// A parameter.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    place: Place,
    required: bool,
    pub(super) says: &'static str,
    schema: fn() -> Value,
}

const fn query(name: &'static str, says: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: Place::Query, required: false, says, schema }
}

const fn path(name: &'static str, says: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: Place::Path, required: true, says, schema }
}

/// Every parameter of a path.
const PATH: &[Parameter] = &[
    path("apiUserId", "The API key.", id),
    path("clientId", "The service account's client id.", client_id),
    path("clusterName", "The cluster's name.", cluster_name),
    path("groupId", "The project.", id),
    path("groupName", "The project's name.", text),
    path("hostname", "The host name of a node, or of a cluster.", host_name),
    path("id", "What the path is about.", id),
    path("ipAddress", "An address, or a network in CIDR form with `%2F` for the slash.", text),
    path("key", "The public key.", id),
    path("orgId", "The organization.", id),
    path("secretId", "The secret.", id),
    path(
        "tile",
        "A tile as C2SP tlog-tiles names it: level, index in groups of three digits, and `.p/<width>` \
                  for one that is not full.",
        text,
    ),
    path("token", "The token of the invitation.", text),
];

pub(super) const AFTER: Parameter = query("after", "Only what came after the event of this index.", index);
pub(super) const AUTH_RESULT: Parameter =
    query("authResult", "Only those who came in (`true`), or only tries that were refused (`false`).", flag);
pub(super) const CLUSTER: Parameter = query("cluster", "Only those of the cluster of this name.", cluster_name);
pub(super) const CLUSTER_NAME: Parameter =
    query("clusterName", "Only events of these clusters; at most 20.", cluster_names);
pub(super) const CLUSTER_NAMES: Parameter = query("clusterNames", "Only events of these clusters.", cluster_names);
pub(super) const END: Parameter =
    query("end", "Only what was not later: milliseconds since 1970. Must not be before `start`.", millis);
pub(super) const ENVELOPE: Parameter =
    query("envelope", "Whether the answer is wrapped into an object that repeats the status.", flag);
pub(super) const EVENT: Parameter = query("event", "Only events of these names.", events);
pub(super) const EVENT_TYPE: Parameter =
    query("eventType", "Only these types. A type that nothing here has matches nothing.", event_types);
pub(super) const EXCLUDED_EVENT_TYPE: Parameter = query("excludedEventType", "All types but these.", event_types);
pub(super) const FLATTEN_TEAMS: Parameter = query("flattenTeams", "Changes nothing: there are no teams here.", flag);
pub(super) const FROM: Parameter = query("from", "The number of entries that an earlier checkpoint covered.", index);
pub(super) const INCLUDE_COUNT: Parameter = query("includeCount", "Whether all results are counted.", flag);
pub(super) const INCLUDE_ORG_USERS: Parameter = query(
    "includeOrgUsers",
    "Whether those are listed, too, who reach the project by a role in the whole organization.",
    flag,
);
pub(super) const INCLUDE_RAW: Parameter = query("includeRaw", "Whether each event is told whole in `raw`.", flag);
pub(super) const INCLUDE_SYSTEM_MANAGED: Parameter =
    query("includeSystemManaged", "Changes nothing: no account here is managed by the system.", flag);
pub(super) const INDEX: Parameter =
    Parameter { required: true, ..query("index", "The index of the entry to prove.", index) };
pub(super) const IP_ADDRESS: Parameter =
    query("ipAddress", "Only access from this address. No address is told here, so it matches nothing.", address);
pub(super) const ITEMS_PER_PAGE: Parameter = query("itemsPerPage", "How many results a page has.", items_per_page);
pub(super) const IDEMPOTENCY_KEY: Parameter = Parameter {
    place: Place::Header,
    ..query(
        "Idempotency-Key",
        "What this request is called: sent again under it within 24 hours, it is done once.",
        key,
    )
};
pub(super) const IF_MATCH: Parameter = Parameter {
    place: Place::Header,
    ..query("If-Match", "The tag of what was read: it is changed only if it is still that.", tags)
};
pub(super) const IF_NONE_MATCH: Parameter = Parameter {
    place: Place::Header,
    ..query("If-None-Match", "The tag of what the caller has: it is sent only if it has changed.", tags)
};
pub(super) const LAST_EVENT_ID: Parameter = Parameter {
    place: Place::Header,
    ..query("Last-Event-ID", "The index of the last event that was seen; it goes before `after`.", index)
};
pub(super) const WAITING: Parameter = query("waiting", "Whether only requests are listed that wait.", flag);
pub(super) const LIVE: Parameter = query("live", "Whether only open sessions are listed.", flag);
pub(super) const MAX_DATE: Parameter = query("maxDate", "Only what was not later.", instant);
pub(super) const MEMBERSHIP: Parameter =
    query("orgMembershipStatus", "Only who is a user (`ACTIVE`) or only who is invited (`PENDING`).", states);
pub(super) const MIN_DATE: Parameter = query("minDate", "Only what was not earlier.", instant);
pub(super) const N_LOGS: Parameter = query("nLogs", "How many entries at most.", n_logs);
pub(super) const NAME_BEGINS: Parameter =
    query("name", "Only those whose name begins like this, in whatever case.", any_text);
pub(super) const PAGE_NUM: Parameter = query("pageNum", "Which page, counted from 1.", page_num);
pub(super) const PRETTY: Parameter = query("pretty", "Whether the answer is indented.", flag);
pub(super) const PROJECT_OWNER_ID: Parameter =
    query("projectOwnerId", "A user who becomes owner of the project besides the organization's owners.", id);
pub(super) const START: Parameter = query("start", "Only what was not earlier: milliseconds since 1970.", millis);
pub(super) const USERNAME: Parameter = query("username", "Only the one of this name, an e-mail address.", text);

impl Parameter {
    /// The parameters of a path, in its order.
    pub(super) fn of_path(path: &str) -> impl Iterator<Item = Self> {
        let names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
        names.filter_map(|name| PATH.iter().copied().find(|known| known.name == name))
    }

    /// As it stands in the document.
    pub(super) fn value(self) -> Value {
        let place = match self.place {
            Place::Header => "header",
            Place::Path => "path",
            Place::Query => "query",
        };
        json!({
            "name": self.name,
            "in": place,
            "required": self.required,
            "description": self.says,
            "schema": (self.schema)(),
        })
    }
}

fn address() -> Value {
    json!({ "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }] })
}

fn any_text() -> Value {
    json!({ "type": "string" })
}

fn client_id() -> Value {
    json!({ "type": "string", "pattern": "^mdb_sa_id_[0-9a-f]{24}$" })
}

fn cluster_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9-]*$", "maxLength": 64 })
}

fn cluster_names() -> Value {
    json!({ "type": "array", "items": cluster_name(), "maxItems": 20 })
}

fn event_types() -> Value {
    json!({ "type": "array", "items": { "type": "string", "pattern": "^[A-Z0-9_]+$" }, "maxItems": 20 })
}

fn events() -> Value {
    json!({ "type": "array", "items": { "type": "string", "enum": Event::NAMES } })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn host_name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9.-]*$", "maxLength": 253 })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": ID })
}

fn index() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn instant() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn key() -> Value {
    json!({ "type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 255 })
}

fn tags() -> Value {
    json!({ "type": "string" })
}

fn items_per_page() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 100 })
}

fn millis() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn n_logs() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 20_000, "default": 20_000 })
}

fn page_num() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX, "default": 1 })
}

fn states() -> Value {
    json!({ "type": "array", "items": { "type": "string", "enum": ["ACTIVE", "PENDING"] }, "maxItems": 4 })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}
