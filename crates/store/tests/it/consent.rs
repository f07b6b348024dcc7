//! Invariant 4: whatever the vendor tries, nothing consents. Each line of the table is a try of somebody who may not;
//! each must be refused and change nothing.

use byleave_core::actor::Actor;
use byleave_core::grant::GrantType;
use byleave_core::inventory::Prune;
use byleave_core::recovery::{RecoveryError, STOPPABLE_FOR};
use byleave_core::request::{Approval, Wish};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::session::SessionEnd;
use byleave_core::time::Ttl;
use byleave_store::account::AccountId;
use byleave_store::api_key::{ApiKeyChange, Ha1, NewApiKey};
use byleave_store::error::Rule;
use byleave_store::invitation::SameName;
use byleave_store::request::{Answered, Ask, RequestsOf};
use byleave_store::service_account::ServiceAccountChange;
use byleave_store::session::Shape;
use byleave_store::{Secret, StoreError};

use crate::account::{secret, service_account};
use crate::world::{World, closed, name, open_store, organization, request, wanted, wanted_node};

/// Every try of one actor, with what it is called.
async fn tries(world: &World, actor: &Actor) -> Vec<(&'static str, Option<StoreError>)> {
    let (store, now, org, project) = (&world.store, &world.now, world.organization, world.project);
    let Actor::User { id: user, .. } = world.owner else { unreachable!() };
    let owner = || Roles::in_organization([OrgRole::Owner]);
    let key = || NewApiKey {
        public_key: "vendorkey".into(),
        description: "a way in".parse().unwrap(),
        roles: owner(),
        ha1: Ha1 { md5: [1; 16].into(), sha256: [1; 32].into() },
    };
    let api_key = store.api_keys(&world.owner, org).await.unwrap()[0].id;
    let account = store.service_accounts(&world.owner, org).await.unwrap()[0].id;
    let in_project = || Roles::default().with(project, ProjectRole::Owner);
    let raise = || ServiceAccountChange { roles: Some(owner()), ..ServiceAccountChange::default() };
    let invitee = "vendor@acme.example".parse().unwrap();
    let node = world.node("b-1.example").await;
    let session = world.open("a-1.example", Shape::Node).await;
    let session = session.map_or(byleave_core::id::SessionId::from_bytes([0; 12]), |opened| opened.session);
    let ask = request(GrantType::Infrastructure);
    let of = RequestsOf::Organization(org);
    let asked = store.requests(&world.owner, now, of, Answered::Not).await.unwrap()[0].request.id;
    vec![
        ("give a grant", store.give_grant(actor, now, project, &name("a"), ask).await.err()),
        ("approve a request", store.approve_request(actor, now, asked, Approval::default()).await.err()),
        ("decline a request", store.decline_request(actor, now, asked, None).await.err()),
        ("see a request", store.request(actor, asked).await.err()),
        ("revoke a grant", store.revoke_grant(actor, now, project, &name("a")).await.err()),
        ("block", store.block(actor, now, org).await.err()),
        ("unblock", store.unblock(actor, now, org).await.err()),
        ("set the longest grant", store.set_longest_grant(actor, now, org, Ttl::MAX).await.err()),
        ("accept a risk", store.accept_node_risk(actor, now, node, None).await.err()),
        ("invite a user", store.invite_user(actor, now, org, invitee, owner()).await.err()),
        ("change roles", store.change_roles(actor, now, org, user, owner()).await.err()),
        ("remove a user", store.remove_user(actor, now, org, user).await.err()),
        ("add a service account", store.add_service_account(actor, now, org, service_account(owner())).await.err()),
        (
            "add one to a project",
            store.add_service_account(actor, now, project, service_account(in_project())).await.err(),
        ),
        ("add a secret", store.add_secret(actor, now, org, account, secret(9)).await.err()),
        (
            "assign an account",
            store
                .assign_account(actor, now, project, AccountId::ServiceAccount(account), [ProjectRole::Owner].into())
                .await
                .err(),
        ),
        ("change an account", store.change_service_account(actor, now, org, account, raise()).await.err()),
        (
            "open an access list",
            store
                .add_networks(actor, now, org, AccountId::ServiceAccount(account), vec!["0.0.0.0/0".parse().unwrap()])
                .await
                .err(),
        ),
        ("remove a service account", store.remove_service_account(actor, now, org, account).await.err()),
        ("see service accounts", store.service_accounts(actor, org).await.err()),
        (
            "raise an API key",
            store
                .change_api_key(actor, now, org, api_key, ApiKeyChange { roles: Some(owner()), description: None })
                .await
                .err(),
        ),
        ("add an API key", store.add_api_key(actor, now, org, key()).await.err()),
        ("see API keys", store.api_keys(actor, org).await.err()),
        ("remove an API key", store.remove_api_key(actor, now, org, api_key).await.err()),
        ("read a recording", store.read_recording(actor, now, session).await.err()),
        ("see a project", store.project(actor, project).await.err()),
        ("export evidence", store.evidence(actor, org).await.err()),
    ]
}

async fn world() -> World {
    let world = World::new().await;
    let ha1 = Ha1 { md5: [1; 16].into(), sha256: [1; 32].into() };
    let roles = Roles::in_organization([OrgRole::ReadOnly]);
    let (public_key, description) = ("customerkey".into(), "reads".parse().unwrap());
    let key = NewApiKey { public_key, description, roles, ha1 };
    world.store.add_api_key(&world.owner, &world.now, world.organization, key).await.unwrap();
    let account = service_account(Roles::in_organization([OrgRole::ReadOnly]));
    world.store.add_service_account(&world.owner, &world.now, world.organization, account).await.unwrap();
    let (employee, key) = (world.employee, world.key);
    let (ttl, reason) = (Ttl::MAX, "it does not answer".parse().unwrap());
    let wish = Wish { kind: GrantType::Infrastructure, ttl, case: None, reason };
    let ask = Ask { employee, key, host: crate::world::host("a.example"), wish };
    world.store.make_request(&world.now, ask).await.unwrap();
    world.block().await;
    world
}

#[tokio::test]
async fn nobody_of_the_vendor_and_no_other_customer_can_consent() {
    let world = world().await;
    let (_, foreigner) = organization(&world.store, &world.now, "Other", "eve@other.example").await;
    let forged = Actor::User {
        id: byleave_core::id::UserId::from_bytes([3; 12]),
        organization: world.organization,
        roles: Roles::in_organization([OrgRole::Owner]),
    };
    let employee = Actor::Employee { id: world.employee };
    // The first run settles the denied tries that the table itself makes.
    tries(&world, &Actor::Administrator).await;
    let before = (world.feed().await, world.store.organization(&world.owner, world.organization).await.unwrap());
    for actor in [Actor::Administrator, Actor::System, employee, foreigner, forged] {
        for (what, error) in tries(&world, &actor).await {
            let error = error.unwrap_or_else(|| panic!("{actor:?} could {what}"));
            let refused = matches!(error, StoreError::Forbidden(_) | StoreError::NotFound(_));
            assert!(refused, "{actor:?}, {what}: {error:?}");
        }
    }
    let after = (world.feed().await, world.store.organization(&world.owner, world.organization).await.unwrap());
    assert_eq!(after, before, "nothing changed");
    assert_eq!(world.store.users(&world.owner, world.organization).await.unwrap().len(), 1);
    world.assert_sound().await;
}

#[tokio::test]
async fn an_administrator_cannot_become_a_customer() {
    let mut world = world().await;
    let (admin, now) = (Actor::Administrator, &world.now);
    let mia = || "mia@shop.example".parse().unwrap();
    let again = world.store.invite_first_owner_again(&admin, now, world.organization, mia()).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "the organization is claimed: {again:?}");
    let twin = world.store.invite_organization(&admin, now, ("Twin".parse().unwrap(), SameName::Refused), mia()).await;
    assert!(matches!(twin, Err(StoreError::Conflict(_))), "her name is hers: {twin:?}");
    let password =
        world.store.set_password(&admin, now, Secret::new("hash".into()), Secret::new("mine".into()), None).await;
    assert!(matches!(password, Err(StoreError::Forbidden(_))), "{password:?}");
    // The one path on which the vendor adds an owner is slow, and any member stops it.
    let (organization, eve) = (world.organization, "eve@shop.example".parse().unwrap());
    world.store.start_recovery(&admin, now, organization, eve).await.unwrap();
    let early = world.store.invite_recovered_owner(&admin, now, organization).await;
    assert!(matches!(early, Err(StoreError::Refused(Rule::Recovery(RecoveryError::TooEarly(_))))), "{early:?}");
    let claim = world.store.claim("eve@shop.example", Secret::new("mine".into()), now).await;
    assert!(matches!(claim, Err(StoreError::NotFound(_))), "there is nothing to claim: {claim:?}");
    world.store.stop_recovery(&world.owner, now, organization).await.unwrap();
    world.later(STOPPABLE_FOR);
    let now = &world.now;
    let stopped = world.store.invite_recovered_owner(&admin, now, organization).await;
    assert!(matches!(stopped, Err(StoreError::Refused(Rule::Recovery(RecoveryError::None)))), "{stopped:?}");
    for token in ["", "00", &"0".repeat(64)] {
        let claim = world.store.claim(token, Secret::new("mine".into()), now).await;
        assert!(matches!(claim, Err(StoreError::NotFound(_))), "{claim:?}");
    }
}

#[tokio::test]
async fn no_inventory_trick_widens_or_moves_a_consent() {
    let mut world = world().await;
    world.grant("a", GrantType::Infrastructure).await;
    let admin = Actor::Administrator;
    let (other, _) = organization(&world.store, &world.now, "Other", "eve@other.example").await;
    let apply = async |world: &World, wanted: &[byleave_core::inventory::WantedCluster], prune| {
        world.store.apply_inventory(&admin, &world.now, wanted, prune).await
    };
    let mut stolen = wanted(world.organization);
    stolen[2].nodes.push(wanted_node("a-1.example", 1));
    assert!(apply(&world, &stolen, Prune::Keep).await.is_err(), "a node into another cluster");
    stolen[0].nodes.remove(0);
    assert!(apply(&world, &stolen, Prune::Remove).await.is_err(), "also when it is removed at once");
    let mut moved = wanted(world.organization);
    moved[0].organization = other;
    assert!(apply(&world, &moved, Prune::Remove).await.is_err(), "a cluster to another organization");
    let mut wider = wanted(world.organization);
    wider[0].nodes.push(wanted_node("a-3.example", 9));
    apply(&world, &wider, Prune::Keep).await.unwrap();
    world.check("a-3.example").await;
    let late = world.denied("a-3.example", Shape::Node).await;
    assert_eq!(late.0, byleave_core::access::Denial::AddedAfterGrant);
    assert!(world.open("a-1.example", Shape::Node).await.is_ok(), "what was there is still covered");
    apply(&world, &wider[1..], Prune::Remove).await.unwrap();
    apply(&world, &wider, Prune::Keep).await.unwrap_err();
    world.later(1_000);
    world.store = open_store(world.dir.path(), world.entropy.clone(), &world.now).await.unwrap();
    assert_eq!(world.denied("a-1.example", Shape::Node).await, (byleave_core::access::Denial::Unknown, false));
    let feed = world.feed().await;
    assert!(feed.contains(&"grant.ended"), "the customer sees it");
    let close = closed(byleave_core::id::SessionId::from_bytes([0; 12]), SessionEnd::Stopped);
    assert!(matches!(world.store.close_session(&world.now, close).await, Err(StoreError::NotFound(_))));
    world.assert_sound().await;
}
