//! What is said of Byleave's own paths.

use byleave_api::byleave::{
    AccessRequest, ApiKey, ApiKeyMade, Checkpoint, Claimed, Cluster, Done, Employee, Event, Grant, GrantRequest,
    Granted, Health, Inclusion, Inventory, InventoryPlan, InventoryRequest, Invitation, InviteOwner, Invited,
    LatestRecovery, Live, LogKey, Made, Me, NewApiKey, NewEmployee, NewEmployeeKey, NewOrganization, NewUser,
    NodeReport, NodeSetup, OpenInvitation, PasswordChange, PasswordRequest, PasswordReset, Recording, RecoverOwner,
    RecoveryChanged, RequestApproval, RequestDeclined, RequestRefusal, ResolveRequest, Resolved, Revoked, RiskRequest,
    RolesChanged, RolesPatch, Session, SessionEnded, Settings, SettingsPatch, SignInRequest, SignedIn,
    SyncCredentialRequest, User,
};

use super::description::{Section, delete, get, patch, post};
use super::parameter::{AFTER, CLUSTER, EVENT, FROM, INDEX, LAST_EVENT_ID, LIVE, WAITING};

pub(super) const SECTIONS: &[Section] = &[SERVER, SIGN_IN, ORGANIZATIONS, CONSENT, RECORDS, VENDOR];

/// What only the administrator may know of does not exist for others.
const HIDDEN: &[u16] = &[404];
const HIDDEN_OR_TAKEN: &[u16] = &[404, 409];

const SERVER: Section = Section {
    title: "The server",
    says: "For monitors and verifiers: nobody has to sign in.",
    operations: &[
        get("/api/byleave/v1/health", "Says that the server runs.").open().gives::<Health>(),
        get("/api/byleave/v1/ready", "Says whether the server can let somebody in, and which part cannot.")
            .open()
            .gives::<Health>()
            .or_gives::<Health>(503),
        get("/api/byleave/v1/key", "The key that verifies the checkpoints of every log here.")
            .open()
            .gives::<LogKey>()
            .refuses(&[429]),
    ],
};

const SIGN_IN: Section = Section {
    title: "Signing in",
    says: "A password for a bearer token that lasts 12 hours; claiming an invitation.",
    operations: &[
        get("/api/byleave/v1/session", "Who asks.").gives::<Me>(),
        post("/api/byleave/v1/session", "Signs in. The token is shown this once.")
            .open()
            .takes::<SignInRequest>()
            .makes::<SignedIn>()
            .refuses(&[401, 415, 429, 503]),
        delete("/api/byleave/v1/session", "Signs out."),
        post(
            "/api/byleave/v1/session/refresh",
            "Takes the password again, for what needs it within the last 5 minutes.",
        )
        .takes::<PasswordRequest>()
        .gives::<Me>(),
        post("/api/byleave/v1/session/password", "Changes one's own password. One's other sign-ins end.")
            .takes::<PasswordChange>()
            .gives::<Done>()
            .refuses(&[409]),
        get("/api/byleave/v1/invitations/{token}", "What the bearer of an invitation is invited to.")
            .open()
            .gives::<Invitation>()
            .refuses(&[429, 503]),
        post("/api/byleave/v1/invitations/{token}:claim", "Claims an invitation with a password, once.")
            .open()
            .takes::<PasswordRequest>()
            .makes::<Claimed>()
            .refuses(&[409, 415, 429, 503]),
    ],
};

const ORGANIZATIONS: Section = Section {
    title: "Organizations and people",
    says: "An administrator creates an organization; from then on it is its owners'.",
    operations: &[
        post("/api/byleave/v1/organizations", "Creates an organization and invites its first owner.")
            .takes::<NewOrganization>()
            .makes::<Invited>()
            .refuses(HIDDEN_OR_TAKEN),
        post(
            "/api/byleave/v1/organizations/{orgId}:inviteOwner",
            "Invites the first owner anew, as long as nobody has claimed the organization.",
        )
        .takes::<InviteOwner>()
        .makes::<Invited>()
        .refuses(&[409]),
        get("/api/byleave/v1/organizations/{orgId}/recovery", "Shows the latest recovery of a lost last owner.")
            .gives::<LatestRecovery>(),
        post(
            "/api/byleave/v1/organizations/{orgId}:recoverOwner",
            "Starts to add an owner where the last one is lost. For 72 hours nobody is invited, and any member can stop it.",
        )
        .takes::<RecoverOwner>()
        .makes::<RecoveryChanged>()
        .refuses(&[409]),
        post(
            "/api/byleave/v1/organizations/{orgId}:inviteRecoveredOwner",
            "Makes the invitation of the new owner, once 72 hours are over. The token is shown this once.",
        )
        .makes::<Invited>()
        .refuses(&[409]),
        post(
            "/api/byleave/v1/organizations/{orgId}:stopRecovery",
            "Stops a recovery that is open and takes its invitation back. Any member can.",
        )
        .gives::<RecoveryChanged>(),
        get("/api/byleave/v1/organizations/{orgId}/settings", "Shows the block and the longest grant.")
            .gives::<Settings>()
            .tagged(),
        patch("/api/byleave/v1/organizations/{orgId}/settings", "Changes what is named of the settings.")
            .takes::<SettingsPatch>()
            .gives::<Settings>(),
        get("/api/byleave/v1/organizations/{orgId}/users", "Lists the users.").gives_whole::<User>(),
        post("/api/byleave/v1/organizations/{orgId}/users", "Invites a person. The token is shown this once.")
            .takes::<NewUser>()
            .makes::<Invited>()
            .refuses(&[409]),
        patch("/api/byleave/v1/organizations/{orgId}/users/{id}", "Gives a user other roles.")
            .takes::<RolesPatch>()
            .gives::<RolesChanged>()
            .refuses(&[409]),
        post(
            "/api/byleave/v1/organizations/{orgId}/users/{id}:resetPassword",
            "Makes a link with which a user chooses a new password, once, within an hour: `:claim` takes its token. Only \
             people who are owners do. The token is shown this once.",
        )
        .makes::<Invited>()
        .refuses(&[409]),
        delete("/api/byleave/v1/organizations/{orgId}/users/{id}", "Removes a user. The last owner stays.")
            .gives::<Done>()
            .refuses(&[409]),
        get("/api/byleave/v1/organizations/{orgId}/invitations", "Lists the invitations that nobody has claimed.")
            .gives_whole::<OpenInvitation>(),
        delete("/api/byleave/v1/organizations/{orgId}/invitations/{id}", "Takes an invitation back.").gives::<Done>(),
        get(
            "/api/byleave/v1/organizations/{orgId}/passwordResets",
            "Lists the links for a new password that can be used, without their tokens.",
        )
        .gives_whole::<PasswordReset>(),
        delete("/api/byleave/v1/organizations/{orgId}/passwordResets/{id}", "Withdraws a link for a new password.")
            .gives::<Done>(),
        get("/api/byleave/v1/organizations/{orgId}/apiKeys", "Lists the API keys.").gives_whole::<ApiKey>(),
        post("/api/byleave/v1/organizations/{orgId}/apiKeys", "Makes an API key. Its private part is shown this once.")
            .takes::<NewApiKey>()
            .makes::<ApiKeyMade>(),
        delete("/api/byleave/v1/organizations/{orgId}/apiKeys/{id}", "Removes an API key.").gives::<Done>(),
    ],
};

const CONSENT: Section = Section {
    title: "Consent and sessions",
    says: "Grants with a duration, and the sessions of support. Revoking, blocking and ending are never refused for too \
           many requests.",
    operations: &[
        get("/api/byleave/v1/organizations/{orgId}/clusters", "Lists the clusters that the caller can read.")
            .gives_whole::<Cluster>(),
        get("/api/byleave/v1/groups/{groupId}/clusters/{clusterName}", "Shows a cluster with its nodes and its grant.")
            .gives::<Cluster>(),
        get("/api/byleave/v1/groups/{groupId}/grants", "Lists the grants of a project, those that ended, too.")
            .with(&[CLUSTER])
            .gives_whole::<Grant>(),
        post(
            "/api/byleave/v1/groups/{groupId}/clusters/{clusterName}:grant",
            "Grants support access. A grant in force is replaced.",
        )
        .takes::<GrantRequest>()
        .makes::<Granted>()
        .refuses(&[409]),
        post(
            "/api/byleave/v1/groups/{groupId}/clusters/{clusterName}:revoke",
            "Revokes whatever grant is in force and ends the sessions based on it.",
        )
        .gives::<Revoked>(),
        get("/api/byleave/v1/organizations/{orgId}/requests", "Lists what support asked for, the newest first.")
            .with(&[WAITING])
            .gives_whole::<AccessRequest>(),
        get(
            "/api/byleave/v1/groups/{groupId}/requests",
            "Lists what support asked for in a project, the newest first.",
        )
        .with(&[WAITING])
        .gives_whole::<AccessRequest>(),
        get("/api/byleave/v1/requests/{id}", "Shows what support asked for.").gives::<AccessRequest>(),
        post(
            "/api/byleave/v1/requests/{id}:approve",
            "Approves a request: grants what was asked, or less. A grant in force is replaced.",
        )
        .takes_if_any::<RequestApproval>()
        .makes::<Granted>()
        .refuses(&[409]),
        post("/api/byleave/v1/requests/{id}:decline", "Declines a request.")
            .takes_if_any::<RequestRefusal>()
            .gives::<RequestDeclined>()
            .refuses(&[409]),
        get("/api/byleave/v1/organizations/{orgId}/sessions", "Lists the sessions of support, the newest first.")
            .with(&[LIVE])
            .gives_whole::<Session>(),
        get("/api/byleave/v1/sessions/{id}", "Shows a session.").gives::<Session>(),
        post("/api/byleave/v1/sessions/{id}:end", "Ends a session.").gives::<SessionEnded>(),
        get(
            "/api/byleave/v1/sessions/{id}/recording",
            "What was recorded of a session. Who reads it is an event that the customer sees.",
        )
        .gives::<Recording>()
        .refuses(&[409]),
        post(
            "/api/byleave/v1/nodes/{id}:acceptRisk",
            "An owner lets infrastructure sessions onto a node that is not checked, or did not pass.",
        )
        .takes_if_any::<RiskRequest>()
        .gives::<Done>(),
    ],
};

const RECORDS: Section = Section {
    title: "Events and evidence",
    says: "The full feed, and what proves it. Hashes are SHA-256; proofs and tiles are those of RFC 6962 and C2SP \
           tlog-tiles.",
    operations: &[
        get("/api/byleave/v1/organizations/{orgId}/events", "A page of the full feed, the newest first.")
            .with(&[AFTER, EVENT])
            .gives_page::<Event>(),
        get(
            "/api/byleave/v1/organizations/{orgId}/events/stream",
            "Events as they happen, as server-sent events whose data is one event each, from a cursor on.",
        )
        .with(&[AFTER, LAST_EVENT_ID])
        .gives_text("text/event-stream"),
        get(
            "/api/byleave/v1/organizations/{orgId}/evidence",
            "The whole log with its proofs, as the verifier reads it.",
        )
        .gives_bytes("application/json"),
        get(
            "/api/byleave/v1/organizations/{orgId}/checkpoint",
            "The latest checkpoint of the log; with `from`, the proof that it continues an earlier one.",
        )
        .with(&[FROM])
        .gives::<Checkpoint>(),
        get("/api/byleave/v1/organizations/{orgId}/inclusion", "The proof that an entry is in the log.")
            .with(&[INDEX])
            .gives::<Inclusion>(),
        get("/api/byleave/v1/organizations/{orgId}/log/checkpoint", "The latest checkpoint as it is signed.")
            .gives_text("text/plain"),
        get(
            "/api/byleave/v1/organizations/{orgId}/log/tile/{tile}",
            "A tile of the log's tree: its hashes, end to end.",
        )
        .gives_bytes("application/octet-stream"),
    ],
};

const VENDOR: Section = Section {
    title: "For the vendor's administrator",
    says: "Employees, inventory, nodes, the clock. Nothing here consents. To others most of it does not exist.",
    operations: &[
        get("/api/byleave/v1/live", "Lists what is live in the installation, and how long the latest cuts took.")
            .gives::<Live>()
            .refuses(HIDDEN),
        get("/api/byleave/v1/employees", "Lists the employees with their public keys.")
            .gives_whole::<Employee>()
            .refuses(HIDDEN),
        post("/api/byleave/v1/employees", "Adds an employee.")
            .takes::<NewEmployee>()
            .makes::<Made>()
            .refuses(HIDDEN_OR_TAKEN),
        post("/api/byleave/v1/employees/{id}:disable", "Disables an employee and ends their sessions.").gives::<Done>(),
        post("/api/byleave/v1/employees/{id}:enable", "Enables an employee again.").gives::<Done>(),
        post("/api/byleave/v1/employees/{id}/keys", "Gives an employee a public key.")
            .takes::<NewEmployeeKey>()
            .makes::<Made>()
            .refuses(&[409]),
        delete(
            "/api/byleave/v1/employees/{id}/keys/{key}",
            "Removes a public key and ends the sessions that were opened with it.",
        )
        .gives::<Done>(),
        post(
            "/api/byleave/v1/identifiers:resolve",
            "Tells which employee an identifier stands for. It is an event that the customer sees.",
        )
        .takes::<ResolveRequest>()
        .gives::<Resolved>()
        .refuses(HIDDEN),
        get("/api/byleave/v1/inventory", "Shows the inventory.").gives::<Inventory>().refuses(HIDDEN),
        post("/api/byleave/v1/inventory:plan", "Says what an inventory would change.")
            .takes::<InventoryRequest>()
            .gives::<InventoryPlan>()
            .refuses(HIDDEN)
            .unprotected(),
        post("/api/byleave/v1/inventory:apply", "Applies an inventory. What it changes are events of the customers.")
            .takes::<InventoryRequest>()
            .gives::<InventoryPlan>()
            .refuses(HIDDEN),
        post(
            "/api/byleave/v1/inventory:setSyncCredential",
            "Gives the gateway what it signs in to a cluster's databases with. The customer sees that it did.",
        )
        .takes::<SyncCredentialRequest>()
        .gives::<Done>()
        .refuses(HIDDEN),
        get("/api/byleave/v1/nodes/{id}/setup", "What a node is set up from. Nothing of it is secret.")
            .gives::<NodeSetup>(),
        post("/api/byleave/v1/nodes/{id}:check", "Tries a node and records what was found.").gives::<NodeReport>(),
        post("/api/byleave/v1/clock:leaveDoubt", "Leaves clock doubt and ends all grants.")
            .gives::<Done>()
            .refuses(HIDDEN_OR_TAKEN),
    ],
};
