//! Every operation that takes an object, with a body that is sound and what each of its fields takes.

use serde_json::json;

use super::Need::{Nullable, Optional, Required};
use super::Takes::{AnyText, Contact, Flag, List, Number, Object, Text};
use super::{Body, Field, accounts};
use crate::house::Customer;

pub(super) fn bodies(shop: &Customer) -> Vec<Body> {
    let assigned = json!([{ "groupId": shop.project, "groupRoles": ["GROUP_OWNER"] }]);
    let roles = json!({ "orgRoles": ["ORG_MEMBER"], "groupRoleAssignments": assigned });
    let role_fields = |need| {
        vec![
            Field("roles", need, Object),
            Field("roles.orgRoles", Required, List),
            Field("roles.orgRoles[0]", Optional, Text),
            Field("roles.groupRoleAssignments", Optional, List),
            Field("roles.groupRoleAssignments[0]", Optional, Object),
            Field("roles.groupRoleAssignments[0].groupId", Required, Text),
            Field("roles.groupRoleAssignments[0].groupRoles", Required, List),
            Field("roles.groupRoleAssignments[0].groupRoles[0]", Optional, Text),
        ]
    };
    let with = |mut fields: Vec<Field>, more: Vec<Field>| {
        fields.extend(more);
        fields
    };
    let one_role = || vec![Field("orgRole", Required, Text)];
    let mut bodies = vec![
        Body {
            operation: "POST /api/atlas/v2/groups/{groupId}/clusters/{clusterName}:grantMongoDBEmployeeAccess",
            sound: json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "CLUSTER_INFRASTRUCTURE" }),
            fields: vec![Field("expirationTime", Required, Text), Field("grantType", Required, Text)],
        },
        Body {
            operation: "PATCH /api/atlas/v2/orgs/{orgId}/settings",
            sound: json!({ "restrictEmployeeAccess": true }),
            fields: vec![
                Field("apiAccessListRequired", Optional, Flag),
                Field("customSessionTimeouts", Nullable, Object),
                Field("genAIFeaturesEnabled", Optional, Flag),
                Field("maxServiceAccountSecretValidityInHours", Optional, Number(false)),
                Field("multiFactorAuthRequired", Optional, Flag),
                Field("operationsContact", Nullable, Text),
                Field("restrictEmployeeAccess", Optional, Flag),
                Field("securityContact", Optional, Contact),
                Field("streamsCrossGroupEnabled", Optional, Flag),
            ],
        },
        Body {
            operation: "POST /api/atlas/v2/groups",
            sound: json!({ "name": "New", "orgId": shop.organization }),
            fields: vec![
                Field("name", Required, Text),
                Field("orgId", Required, Text),
                Field("clusterCount", Optional, Number(true)),
                Field("created", Optional, AnyText),
                Field("id", Optional, AnyText),
                Field("links", Optional, List),
                Field("regionUsageRestrictions", Optional, Text),
                Field("tags", Optional, List),
                Field("withDefaultAlertsSettings", Optional, Flag),
            ],
        },
        Body {
            operation: "POST /api/atlas/v2/orgs/{orgId}/users",
            sound: json!({ "username": "new@shop.example", "roles": roles }),
            fields: with(
                role_fields(Required),
                vec![Field("username", Required, Text), Field("teamIds", Optional, List)],
            ),
        },
        Body {
            operation: "PATCH /api/atlas/v2/orgs/{orgId}/users/{id}",
            sound: json!({ "roles": roles }),
            fields: with(role_fields(Optional), vec![Field("teamIds", Optional, List)]),
        },
        Body {
            operation: "POST /api/atlas/v2/orgs/{orgId}/users/{id}:addRole",
            sound: json!({ "orgRole": "ORG_MEMBER" }),
            fields: one_role(),
        },
        Body {
            operation: "POST /api/atlas/v2/orgs/{orgId}/users/{id}:removeRole",
            sound: json!({ "orgRole": "ORG_OWNER" }),
            fields: one_role(),
        },
        Body {
            operation: "POST /api/atlas/v2/orgs/{orgId}/invites",
            sound: json!({
                "username": "new@shop.example", "roles": ["ORG_MEMBER"],
                "groupRoleAssignments": [{ "groupId": shop.project, "roles": ["GROUP_OWNER"] }],
            }),
            fields: vec![
                Field("username", Required, Text),
                Field("roles", Optional, List),
                Field("roles[0]", Optional, Text),
                Field("groupRoleAssignments", Optional, List),
                Field("groupRoleAssignments[0]", Optional, Object),
                Field("groupRoleAssignments[0].groupId", Required, Text),
                Field("groupRoleAssignments[0].roles", Required, List),
                Field("groupRoleAssignments[0].roles[0]", Optional, Text),
                Field("teamIds", Optional, List),
            ],
        },
    ];
    bodies.extend(accounts::bodies());
    bodies
}
