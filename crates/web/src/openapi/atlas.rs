//! What is said of the paths that Atlas has, too, in sentences of our own; accounts are in [`super::account`].

use byleave_api::atlas::{
    AccessLogs, ActivityFeedLink, Cluster, Event, EventTypeDetails, GrantRequest, Group, GroupUser, InvitationRequest,
    NewGroup, OrgGroup, OrgUser, OrgUserRequest, OrgUserUpdate, Organization, OrganizationInvitation,
    OrganizationSettings, OrganizationSettingsPatch, RoleChange, SystemStatus,
};

use super::description::{Section, delete, get, patch, post};
use super::parameter::{
    AUTH_RESULT, CLUSTER_NAME, CLUSTER_NAMES, END, EVENT_TYPE, EXCLUDED_EVENT_TYPE, FLATTEN_TEAMS, INCLUDE_ORG_USERS,
    INCLUDE_RAW, IP_ADDRESS, MAX_DATE, MEMBERSHIP, MIN_DATE, N_LOGS, NAME_BEGINS, PROJECT_OWNER_ID, START, USERNAME,
};

pub(super) const SECTIONS: &[Section] = &[ORGANIZATIONS, PEOPLE, PROJECTS, CLUSTERS, FEEDS];

const ORGANIZATIONS: Section = Section {
    title: "Organizations",
    says: "Organizations and their settings, the block among them.",
    operations: &[
        get("/api/atlas/v2", "Tells who the server is, and which API key asks.").gives::<SystemStatus>(),
        get("/api/atlas/v2/orgs", "Lists the organizations that the caller belongs to.")
            .with(&[NAME_BEGINS])
            .gives_page::<Organization>(),
        get("/api/atlas/v2/orgs/{orgId}", "Shows an organization.").gives::<Organization>(),
        get("/api/atlas/v2/orgs/{orgId}/settings", "Shows the settings, with what each is here.")
            .gives::<OrganizationSettings>()
            .tagged(),
        patch(
            "/api/atlas/v2/orgs/{orgId}/settings",
            "Changes the settings that are named, all of them or none. `restrictEmployeeAccess` blocks support at once. \
             What is not enforced here is refused by name.",
        )
        .takes::<OrganizationSettingsPatch>()
        .gives::<OrganizationSettings>(),
    ],
};

const PEOPLE: Section = Section {
    title: "People",
    says: "Users of an organization, and who is invited to it. Nothing sends e-mail: the answer to an invitation holds \
           the link to pass on.",
    operations: &[
        get("/api/atlas/v2/orgs/{orgId}/users", "Lists users and who is invited, by name.")
            .with(&[MEMBERSHIP, USERNAME])
            .gives_page::<OrgUser>(),
        post("/api/atlas/v2/orgs/{orgId}/users", "Invites a person. The link to pass on is shown this once.")
            .takes::<OrgUserRequest>()
            .makes::<OrgUser>()
            .refuses(&[409]),
        get("/api/atlas/v2/orgs/{orgId}/users/{id}", "Shows a user, or who is invited.")
            .with(&[MEMBERSHIP])
            .gives::<OrgUser>(),
        patch("/api/atlas/v2/orgs/{orgId}/users/{id}", "Gives other roles. The last owner keeps theirs.")
            .takes::<OrgUserUpdate>()
            .gives::<OrgUser>()
            .refuses(&[409]),
        delete(
            "/api/atlas/v2/orgs/{orgId}/users/{id}",
            "Removes a user, or takes their invitation back. The last owner stays.",
        )
        .refuses(&[409]),
        post("/api/atlas/v2/orgs/{orgId}/users/{id}:addRole", "Gives one more role in the organization.")
            .takes::<RoleChange>()
            .gives::<OrgUser>(),
        post("/api/atlas/v2/orgs/{orgId}/users/{id}:removeRole", "Takes one role in the organization.")
            .takes::<RoleChange>()
            .gives::<OrgUser>()
            .refuses(&[409]),
        get("/api/atlas/v2/orgs/{orgId}/invites", "Lists the invitations that nobody has claimed, all at once.")
            .with(&[USERNAME])
            .gives_list::<OrganizationInvitation>(),
        post("/api/atlas/v2/orgs/{orgId}/invites", "Invites a person. The link to pass on is shown this once.")
            .takes::<InvitationRequest>()
            .gives::<OrganizationInvitation>()
            .refuses(&[409]),
        get("/api/atlas/v2/orgs/{orgId}/invites/{id}", "Shows an invitation.").gives::<OrganizationInvitation>(),
        delete("/api/atlas/v2/orgs/{orgId}/invites/{id}", "Takes an invitation back."),
        get("/api/atlas/v2/groups/{groupId}/users", "Lists who has a role in a project.")
            .with(&[FLATTEN_TEAMS, INCLUDE_ORG_USERS, MEMBERSHIP, USERNAME])
            .gives_page::<GroupUser>(),
    ],
};

const PROJECTS: Section = Section {
    title: "Projects",
    says: "The parts of an organization.",
    operations: &[
        get("/api/atlas/v2/groups", "Lists the projects that the caller can read.").gives_page::<Group>(),
        post("/api/atlas/v2/groups", "Makes a project.")
            .with(&[PROJECT_OWNER_ID])
            .takes::<NewGroup>()
            .makes::<Group>()
            .refuses(&[404, 409]),
        get("/api/atlas/v2/groups/byName/{groupName}", "Shows the project of a name.").gives::<Group>(),
        get("/api/atlas/v2/groups/{groupId}", "Shows a project.").gives::<Group>(),
        get("/api/atlas/v2/orgs/{orgId}/groups", "Lists the projects of an organization.")
            .with(&[NAME_BEGINS])
            .gives_page::<Group>(),
    ],
};

const CLUSTERS: Section = Section {
    title: "Clusters and consent",
    says: "Clusters, and the customer's grant for each. Revoking is never refused for too many requests.",
    operations: &[
        get(
            "/api/atlas/v2/clusters",
            "Lists all projects that the caller can read, each with its clusters at a glance.",
        )
        .gives_page::<OrgGroup>(),
        get("/api/atlas/v2/groups/{groupId}/clusters", "Lists the clusters of a project.").gives_page::<Cluster>(),
        get(
            "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}",
            "Shows a cluster, with `mongoDBEmployeeAccessGrant` while a grant is in force.",
        )
        .gives::<Cluster>(),
        post(
            "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}:grantMongoDBEmployeeAccess",
            "Grants support access for at most 24 hours. A grant in force is replaced.",
        )
        .takes::<GrantRequest>()
        .refuses(&[409]),
        post(
            "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}:revokeMongoDBEmployeeAccess",
            "Revokes whatever grant is in force and ends the sessions based on it. Without a grant nothing happens.",
        ),
    ],
};

const FEEDS: Section = Section {
    title: "Activity",
    says: "What happened, in Atlas's words, the newest first. The full feed is among Byleave's own paths.",
    operations: &[
        get("/api/atlas/v2/eventTypes", "Lists the event types that the feeds here can hold.")
            .gives_page::<EventTypeDetails>(),
        get("/api/atlas/v2/orgs/{orgId}/events", "A page of the feed of an organization.")
            .with(&[EVENT_TYPE, EXCLUDED_EVENT_TYPE, INCLUDE_RAW, MAX_DATE, MIN_DATE])
            .gives_page::<Event>(),
        get("/api/atlas/v2/orgs/{orgId}/events/{id}", "An event of the feed of an organization.")
            .with(&[INCLUDE_RAW])
            .gives::<Event>(),
        get("/api/atlas/v2/groups/{groupId}/events", "A page of the feed of a project.")
            .with(&[CLUSTER_NAMES, EVENT_TYPE, EXCLUDED_EVENT_TYPE, INCLUDE_RAW, MAX_DATE, MIN_DATE])
            .gives_page::<Event>(),
        get("/api/atlas/v2/groups/{groupId}/events/{id}", "An event of the feed of a project.")
            .with(&[INCLUDE_RAW])
            .gives::<Event>(),
        get("/api/atlas/v2/orgs/{orgId}/activityFeed", "A link to the page that shows the feed of an organization.")
            .with(&[EVENT_TYPE, MAX_DATE, MIN_DATE])
            .gives::<ActivityFeedLink>(),
        get("/api/atlas/v2/groups/{groupId}/activityFeed", "A link to the page that shows the feed of a project.")
            .with(&[CLUSTER_NAME, EVENT_TYPE, MAX_DATE, MIN_DATE])
            .gives::<ActivityFeedLink>(),
        get(
            "/api/atlas/v2/groups/{groupId}/dbAccessHistory/clusters/{clusterName}",
            "The sessions of support on a cluster, and their refused tries, the newest first.",
        )
        .with(&[AUTH_RESULT, END, IP_ADDRESS, N_LOGS, START])
        .gives::<AccessLogs>(),
        get(
            "/api/atlas/v2/groups/{groupId}/dbAccessHistory/processes/{hostname}",
            "The same of one host: a node, or the host name of a cluster, under which its logs are open.",
        )
        .with(&[AUTH_RESULT, END, IP_ADDRESS, N_LOGS, START])
        .gives::<AccessLogs>(),
    ],
};
