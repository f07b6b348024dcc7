//! Who may do what: the whole table, and the part of it that is beyond question.

use std::fmt::Write;

use byleave_core::actor::Actor;
use byleave_core::id::{ApiKeyId, OrgId, ProjectId};
use byleave_core::policy::{Action, Refusal, Resource, has_power_over, may, may_give, visible};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::sample;

const OTHER_ORGANIZATION: OrgId = OrgId::from_bytes([0xaa; 12]);
const OTHER_PROJECT: ProjectId = ProjectId::from_bytes([0xbb; 12]);

const RESOURCES: [(&str, Resource); 4] = [
    ("the installation", Resource::Installation),
    ("the organization", Resource::Organization(sample::ORGANIZATION)),
    ("the project, its clusters, grants and sessions", Resource::Project(sample::ORGANIZATION, sample::PROJECT)),
    ("another project of the organization", Resource::Project(sample::ORGANIZATION, OTHER_PROJECT)),
];

fn user(organization: OrgId, roles: Roles) -> Actor {
    Actor::User { id: sample::USER, organization, roles }
}

fn api_key(organization: OrgId, roles: Roles) -> Actor {
    Actor::ApiKey { id: ApiKeyId::from_bytes([0xcc; 12]), organization, roles }
}

fn service_account(organization: OrgId, roles: Roles) -> Actor {
    Actor::ServiceAccount { id: sample::SERVICE_ACCOUNT, organization, roles }
}

/// The customers' columns: head, what it means, organization and roles.
fn customers() -> Vec<(&'static str, &'static str, OrgId, Roles)> {
    let organization = sample::ORGANIZATION;
    let in_project = |role| Roles::default().with(sample::PROJECT, role);
    let mut all = vec![];
    for (head, role) in [("owner", OrgRole::Owner), ("reader", OrgRole::ReadOnly), ("member", OrgRole::Member)] {
        all.push((head, role.as_str(), organization, Roles::in_organization([role])));
    }
    for (head, role) in [
        ("p-owner", ProjectRole::Owner),
        ("p-mngr", ProjectRole::SupportAccessManager),
        ("p-reader", ProjectRole::ReadOnly),
    ] {
        all.push((head, role.as_str(), organization, in_project(role)));
    }
    all.push(("none", "a user or key of the organization without any role", organization, Roles::default()));
    let owner = Roles::in_organization(OrgRole::ALL.iter().copied());
    let owner = ProjectRole::ALL.iter().fold(owner, |roles, role| roles.with(sample::PROJECT, *role));
    all.push(("other", "every role there is, but in another organization", OTHER_ORGANIZATION, owner));
    all
}

fn vendors() -> [(&'static str, &'static str, Actor); 3] {
    [
        ("admin", "the vendor's administrator", Actor::Administrator),
        ("employee", "a support engineer of the vendor", Actor::Employee { id: sample::EMPLOYEE }),
        ("system", "Byleave itself", Actor::System),
    ]
}

fn mark(actor: &Actor, action: Action, resource: Resource) -> char {
    match may(actor, action, resource) {
        Ok(()) => '✔',
        Err(Refusal::Forbidden) => '✘',
        Err(Refusal::NotVisible) => '·',
    }
}

#[test]
fn the_whole_table_of_roles_is_as_written_down() {
    let mut text = String::from(
        "Who may do what.  ✔ yes   ✘ no (403)   · no, and may not know that it exists (404)\n\
         The columns of customers hold for people, API keys and service accounts alike.\n\n",
    );
    let mut heads = String::new();
    for (head, meaning) in vendors()
        .iter()
        .map(|(head, meaning, _)| (*head, *meaning))
        .chain(customers().iter().map(|(head, meaning, ..)| (*head, *meaning)))
    {
        writeln!(text, "{head:<9} {meaning}").unwrap();
        write!(heads, " {head:^8}").unwrap();
    }
    for (name, resource) in RESOURCES {
        write!(text, "\n{}\n{:<22}{heads}\n", name, "").unwrap();
        for action in Action::ALL {
            write!(text, "{:<22}", action.as_str()).unwrap();
            for (_, _, actor) in vendors() {
                write!(text, " {:^8}", mark(&actor, *action, resource)).unwrap();
            }
            for (head, _, organization, roles) in customers() {
                let mark = |actor| mark(&actor, *action, resource);
                let of_user = mark(user(organization, roles.clone()));
                for account in [api_key(organization, roles.clone()), service_account(organization, roles)] {
                    match action {
                        // A program that sets a person's password would become that person.
                        Action::ResetPassword => assert_ne!(mark(account), '✔', "{head} {resource:?}"),
                        action => assert_eq!(of_user, mark(account), "{head} {action:?} {resource:?}"),
                    }
                }
                write!(text, " {of_user:^8}").unwrap();
            }
            text.push('\n');
        }
    }
    text.push_str("\nNeeds a password given within 5 minutes, when done on a page:\n");
    for action in Action::ALL.iter().filter(|action| action.needs_fresh_sign_in()) {
        writeln!(text, "    {}", action.as_str()).unwrap();
    }
    crate::golden::check("policy.txt", &text);
}

/// Everything by which a consent comes to be, grows or is prepared, and what only customers may see.
const CONSENT: [Action; 11] = [
    Action::AcceptNodeRisk,
    Action::DeclineRequest,
    Action::Grant,
    Action::ManageApiKeys,
    Action::ManageProjectAccounts,
    Action::ManageUsers,
    Action::ResetPassword,
    Action::ReadRecording,
    Action::SetLongestGrant,
    Action::Unblock,
    Action::Block,
];

#[test]
fn nobody_of_the_vendor_can_consent() {
    for (name, _, actor) in vendors() {
        for (_, resource) in RESOURCES {
            for action in CONSENT.into_iter().chain([
                Action::Revoke,
                Action::ReadProject,
                Action::ReadOrganization,
                Action::StopRecovery,
            ]) {
                assert!(may(&actor, action, resource).is_err(), "{name} {action:?} {resource:?}");
            }
        }
    }
}

#[test]
fn an_employee_may_do_nothing_and_see_nothing() {
    let employee = Actor::Employee { id: sample::EMPLOYEE };
    for (_, resource) in RESOURCES {
        assert!(!visible(&employee, resource));
        for action in Action::ALL {
            assert_eq!(may(&employee, *action, resource), Err(Refusal::NotVisible), "{action:?}");
        }
    }
}

#[test]
fn a_role_in_one_organization_is_worth_nothing_in_another() {
    for (head, _, _, roles) in customers() {
        for actor in [
            user(OTHER_ORGANIZATION, roles.clone()),
            api_key(OTHER_ORGANIZATION, roles.clone()),
            service_account(OTHER_ORGANIZATION, roles),
        ] {
            for (_, resource) in RESOURCES {
                for action in Action::ALL {
                    assert_eq!(may(&actor, *action, resource), Err(Refusal::NotVisible), "{head} {action:?}");
                }
            }
        }
    }
}

#[test]
fn closing_the_door_never_asks_for_the_password_again() {
    for action in [Action::Block, Action::DeclineRequest, Action::Revoke, Action::EndSession, Action::StopRecovery] {
        assert!(!action.needs_fresh_sign_in(), "{action:?}");
    }
    for action in [Action::Grant, Action::Unblock, Action::ManageUsers, Action::ManageApiKeys] {
        assert!(action.needs_fresh_sign_in(), "{action:?}");
    }
}

#[test]
fn nobody_gives_roles_that_they_have_no_power_over() {
    let organization = sample::ORGANIZATION;
    let none = Roles::default();
    let here = none.clone().with(sample::PROJECT, ProjectRole::Owner);
    let there = none.clone().with(OTHER_PROJECT, ProjectRole::ReadOnly);
    let both = here.clone().with(OTHER_PROJECT, ProjectRole::ReadOnly);
    let whole = Roles::in_organization([OrgRole::Owner]);
    let mixed = whole.clone().with(sample::PROJECT, ProjectRole::Owner);
    let changes = [
        // before, after, by a project owner
        (&none, &here, true),
        (&here, &none, true),
        (&there, &both, true),
        (&both, &there, true),
        (&whole, &mixed, true),
        (&none, &there, false),
        (&none, &both, false),
        (&here, &both, false),
        (&none, &whole, false),
        (&here, &mixed, false),
        (&whole, &none, false),
        (&none, &none, false),
        (&here, &here, false),
    ];
    for (head, _, of, roles) in customers() {
        for actor in [user(of, roles.clone()), api_key(of, roles.clone()), service_account(of, roles.clone())] {
            for (before, after, in_project) in changes {
                let expected = head == "owner" || head == "p-owner" && in_project;
                let given = may_give(&actor, organization, before, after);
                assert_eq!(given.is_ok(), expected, "{head}: {before:?} to {after:?}");
            }
            let power = |roles| has_power_over(&actor, organization, roles).is_ok();
            assert_eq!(power(&here), matches!(head, "owner" | "p-owner"), "{head}");
            for beyond in [&none, &both, &whole, &mixed] {
                assert_eq!(power(beyond), head == "owner", "{head} {beyond:?}");
            }
        }
    }
    for (name, _, actor) in vendors() {
        for (before, after, _) in changes {
            assert!(may_give(&actor, organization, before, after).is_err(), "{name}");
        }
    }
}
