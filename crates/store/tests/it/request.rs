//! Access requests and handing back in the store: no oracle for who asks, no more than was asked from who answers.

use byleave_core::actor::Actor;
use byleave_core::grant::GrantType;
use byleave_core::request::{Approval, ApproveError, AskError, MOST, RequestEnd, RequestStatus, WAITS_FOR, Wish};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::time::{HOUR, MINUTE, SECOND, Ttl};
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::invitation::SameName;
use byleave_store::request::{Answered, Ask, GivenBack, HandBack, RequestRow, RequestsOf};
use byleave_store::session::Shape;

use crate::world::{World, closed, host, join};

fn wish(kind: GrantType, millis: i64) -> Wish {
    let ttl = Ttl::from_millis(millis).unwrap();
    Wish { kind, ttl, case: Some("00042".parse().unwrap()), reason: "it does not answer".parse().unwrap() }
}

impl World {
    /// Asks; answers whether it took the place of another request.
    async fn ask(&self, target: &str, wish: Wish) -> Result<bool, StoreError> {
        let ask = Ask { employee: self.employee, key: self.key, host: host(target), wish };
        self.store.make_request(&self.now, ask).await.map(|written| written.value)
    }

    async fn waiting(&self) -> Vec<RequestRow> {
        let of = RequestsOf::Organization(self.organization);
        self.store.requests(&self.owner, &self.now, of, Answered::Not).await.unwrap()
    }

    /// Hands back; answers how many sessions end.
    async fn hand_back(&self, target: &str) -> usize {
        self.give_back(target).await.ending.len()
    }

    async fn give_back(&self, target: &str) -> GivenBack {
        let session = byleave_core::id::SessionId::from_bytes([0xee; 12]);
        let back = HandBack { employee: self.employee, key: self.key, host: host(target), session };
        self.store.hand_back(&self.now, back).await.unwrap().value
    }

    /// What the employee sees of their requests.
    async fn own(&self) -> Vec<(String, RequestStatus)> {
        let own = self.store.own_requests(&self.now, self.employee, self.key).await.unwrap();
        own.into_iter().map(|request| (request.host.to_string(), request.status)).collect()
    }
}

#[tokio::test]
async fn asking_tells_nobody_what_exists() {
    let mut world = World::new().await;
    world.block().await;
    let unclaimed = world.store.invite_organization(
        &Actor::Administrator,
        &world.now,
        ("Late".parse().unwrap(), SameName::Refused),
        "eve@late.example".parse().unwrap(),
    );
    let unclaimed = unclaimed.await.unwrap().value.organization;
    let mut all = crate::world::wanted(world.organization);
    let mut late = all[1].clone();
    (late.organization, late.name) = (unclaimed, "d".parse().unwrap());
    (late.host, late.nodes[0].host) = (host("d.example"), host("d-1.example"));
    (late.nodes[0].address, late.nodes[0].host_key) = ("10.0.0.77:22".parse().unwrap(), crate::world::key(77));
    all.push(late);
    world
        .store
        .apply_inventory(&Actor::Administrator, &world.now, &all, byleave_core::inventory::Prune::Keep)
        .await
        .unwrap();
    let targets = ["a.example", "a-1.example", "b.example", "d.example", "nowhere.example"];
    let sync = || wish(GrantType::InfrastructureAndSyncData, 24 * HOUR);
    for target in targets {
        world.ask(target, sync()).await.unwrap();
    }
    let waits = RequestStatus::Waiting { until: world.now.wall.plus(WAITS_FOR) };
    let mut own = world.own().await;
    own.sort_by(|a, b| a.0.cmp(&b.0));
    let mut expected: Vec<_> = targets.map(|target| (target.to_owned(), waits)).into();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(own, expected, "an unknown host waits like any other");
    assert_eq!(world.waiting().await.len(), 3, "and only those who are there are asked");
    // Handing back one name of a cluster must not tell that another one is of the same.
    world.hand_back("a.example").await;
    let own = world.own().await;
    let state = |target: &str| own.iter().find(|(host, _)| host == target).unwrap().1;
    assert!(matches!(state("a.example"), RequestStatus::Ended { end: RequestEnd::Withdrawn, .. }));
    assert_eq!(state("a-1.example"), waits);
    world.hand_back("nowhere.example").await;
    assert!(matches!(
        world.own().await.iter().find(|(host, _)| host == "nowhere.example").unwrap().1,
        RequestStatus::Ended { end: RequestEnd::Withdrawn, .. }
    ));
    world.later(WAITS_FOR);
    assert!(world.own().await.iter().filter(|(_, status)| matches!(status, RequestStatus::Died { .. })).count() == 3);
    assert_eq!(world.waiting().await, []);
    world.assert_sound().await;
}

#[tokio::test]
async fn whether_a_request_waited_is_told_by_what_takes_its_place() {
    let mut world = World::new().await;
    let logs = || wish(GrantType::DatabaseLogs, HOUR);
    for target in ["a.example", "nowhere.example"] {
        assert!(!world.give_back(target).await.withdrawn, "{target}: there was none");
        assert!(!world.ask(target, logs()).await.unwrap());
        assert!(world.ask(target, logs()).await.unwrap(), "{target}");
        assert!(!world.give_back("b.example").await.withdrawn, "that is another host");
        assert!(world.give_back(target).await.withdrawn, "{target}");
        assert!(!world.give_back(target).await.withdrawn, "{target}: once");
    }
    world.ask("a.example", logs()).await.unwrap();
    world.later(WAITS_FOR);
    assert!(!world.give_back("a.example").await.withdrawn, "it had died");
    world.assert_sound().await;
}

#[tokio::test]
async fn nobody_asks_too_often_whatever_for() {
    let mut world = World::new().await;
    for number in 0..MOST {
        let target = if number % 2 == 0 { "a.example" } else { "nowhere.example" };
        world.ask(target, wish(GrantType::DatabaseLogs, HOUR)).await.unwrap();
        world.later(SECOND);
    }
    for target in ["a.example", "nowhere.example"] {
        let refused = world.ask(target, wish(GrantType::DatabaseLogs, HOUR)).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::Ask(AskError::TooMany)))), "{target}: {refused:?}");
    }
    assert_eq!(world.waiting().await.len(), 1, "asking anew takes the place of what waits");
    world.later(HOUR);
    world.ask("a.example", wish(GrantType::DatabaseLogs, HOUR)).await.unwrap();
    let admin = Actor::Administrator;
    world.store.disable_employee(&admin, &world.now, world.employee).await.unwrap();
    for target in ["a.example", "nowhere.example"] {
        let refused = world.ask(target, wish(GrantType::DatabaseLogs, HOUR)).await;
        assert!(matches!(refused, Err(StoreError::Forbidden(_))), "{target}: {refused:?}");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn approving_gives_the_grant_that_was_asked_for_or_less() {
    let mut world = World::new().await;
    world.block().await;
    world.ask("a.example", wish(GrantType::Infrastructure, 4 * HOUR)).await.unwrap();
    let row = world.waiting().await.remove(0);
    assert_eq!((row.cluster_name.as_str(), row.project), ("a", world.project));
    assert!(row.request.asked_by.as_str().starts_with("acme-employee-"));
    world.later(MINUTE);
    let approve = async |world: &World, approval| {
        world.store.approve_request(&world.owner, &world.now, row.request.id, approval).await
    };
    let longer = Approval { ttl: Some(Ttl::MAX), kind: None };
    let refused = approve(&world, longer).await;
    assert!(matches!(refused, Err(StoreError::Refused(Rule::Approve(ApproveError::Longer { .. })))), "{refused:?}");
    let wider = Approval { kind: Some(GrantType::InfrastructureAndSyncData), ttl: None };
    let refused = approve(&world, wider).await;
    assert!(matches!(refused, Err(StoreError::Refused(Rule::Approve(ApproveError::Wider { .. })))), "{refused:?}");
    let less = Approval { kind: Some(GrantType::DatabaseLogs), ttl: Some(Ttl::from_millis(HOUR).unwrap()) };
    let grant = approve(&world, less).await.unwrap().value;
    assert_eq!((grant.kind, grant.expires_at.since(grant.granted_at)), (GrantType::DatabaseLogs, HOUR));
    assert_eq!(grant.case.as_ref().unwrap().as_str(), "00042");
    assert!(world.feed().await.ends_with(&["request.made", "grant.given", "request.approved"]));
    let again = approve(&world, Approval::default()).await;
    assert!(matches!(again, Err(StoreError::Conflict(Conflict::RequestOver))), "{again:?}");
    let end = RequestStatus::Ended { at: world.now.wall, end: RequestEnd::Approved { grant: grant.id } };
    assert_eq!(world.own().await, [("a.example".to_owned(), end)]);
    // More time is a request, too.
    world.ask("a-1.example", wish(GrantType::Infrastructure, 8 * HOUR)).await.unwrap();
    let more = world.waiting().await.remove(0).request.id;
    let grant = world.store.approve_request(&world.owner, &world.now, more, Approval::default()).await.unwrap().value;
    assert_eq!((grant.kind, grant.expires_at.since(grant.granted_at)), (GrantType::Infrastructure, 8 * HOUR));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_request_is_declined_once_and_dies_after_four_days() {
    let mut world = World::new().await;
    world.ask("a.example", wish(GrantType::Infrastructure, HOUR)).await.unwrap();
    let id = world.waiting().await[0].request.id;
    let why = Some("not this week".parse().unwrap());
    let declined = world.store.decline_request(&world.owner, &world.now, id, why.clone()).await.unwrap().value;
    assert_eq!((declined.answer, declined.answered_by), (why, world.owner.by()));
    let again = world.store.decline_request(&world.owner, &world.now, id, None).await;
    assert!(matches!(again, Err(StoreError::Conflict(Conflict::RequestOver))), "{again:?}");
    let own = world.store.own_requests(&world.now, world.employee, world.key).await.unwrap();
    assert_eq!(own[0].answer.as_ref().unwrap().as_str(), "not this week");
    world.ask("a.example", wish(GrantType::Infrastructure, HOUR)).await.unwrap();
    let id = world.waiting().await[0].request.id;
    world.later(WAITS_FOR);
    let late = world.store.approve_request(&world.owner, &world.now, id, Approval::default()).await;
    assert!(matches!(late, Err(StoreError::Conflict(Conflict::RequestOver))), "{late:?}");
    let all = RequestsOf::Project(world.project);
    let all = world.store.requests(&world.owner, &world.now, all, Answered::Any).await.unwrap();
    assert_eq!(all.len(), 2);
    world.assert_sound().await;
}

#[tokio::test]
async fn only_who_may_grant_answers_and_only_who_may_read_sees() {
    let world = World::new().await;
    world.ask("a.example", wish(GrantType::Infrastructure, HOUR)).await.unwrap();
    let id = world.waiting().await[0].request.id;
    let reader = join(&world, "ro@shop.example", Roles::default().with(world.project, ProjectRole::ReadOnly)).await;
    let other = Roles::in_organization([OrgRole::Member]).with(world.other_project, ProjectRole::SupportAccessManager);
    let other = join(&world, "max@shop.example", other).await;
    assert_eq!(world.store.request(&reader, id).await.unwrap().request.id, id);
    for (actor, seen) in [
        (&Actor::Administrator, true),
        (&Actor::Employee { id: world.employee }, false),
        (&reader, true),
        (&other, false),
    ] {
        let approved = world.store.approve_request(actor, &world.now, id, Approval::default()).await.err().unwrap();
        let declined = world.store.decline_request(actor, &world.now, id, None).await.err().unwrap();
        for error in [approved, declined] {
            let (forbidden, unknown) =
                (matches!(error, StoreError::Forbidden(_)), matches!(error, StoreError::NotFound(Thing::Request)));
            assert_eq!((forbidden, unknown), (seen, !seen), "{actor:?}");
        }
    }
    let of = RequestsOf::Organization(world.organization);
    assert_eq!(world.store.requests(&other, &world.now, of, Answered::Any).await.unwrap(), []);
    assert!(world.store.requests(&Actor::Administrator, &world.now, of, Answered::Any).await.is_err());
    let manager = Roles::default().with(world.project, ProjectRole::SupportAccessManager);
    let manager = join(&world, "kim@shop.example", manager).await;
    world.store.approve_request(&manager, &world.now, id, Approval::default()).await.unwrap();
    world.assert_sound().await;
}

#[tokio::test]
async fn handing_back_ends_own_sessions_and_leaves_the_grant() {
    let mut world = World::new().await;
    world.block().await;
    assert_eq!(world.hand_back("a.example").await, 0);
    assert!(!world.feed().await.contains(&"access.handed_back"), "nothing to tell");
    let grant = world.grant("a", GrantType::Infrastructure).await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    world.later(SECOND);
    assert_eq!(world.hand_back("a.example").await, 1, "their session is to be ended");
    let back = async |world: &World| world.store.handed_back(&world.owner, world.project, grant.id).await.unwrap();
    let told = back(&world).await;
    assert_eq!((told.len(), &told[0].identifier, told[0].at), (1, &opened.identifier, world.now.wall));
    assert_eq!(world.feed().await.last(), Some(&"access.handed_back"));
    let row = world.store.cluster(&world.owner, &world.now, world.project, &crate::world::name("a")).await.unwrap();
    assert_eq!(row.grant, Some(grant.clone()), "only the customer ends a grant");
    let end = closed(opened.session, byleave_core::session::SessionEnd::ClosedByEmployee);
    world.store.close_session(&world.now, end).await.unwrap();
    world.later(SECOND);
    world.open("a-1.example", Shape::Node).await.unwrap();
    assert_eq!(back(&world).await, [], "who came in again has not handed back");
    assert!(world.store.handed_back(&world.owner, world.other_project, grant.id).await.unwrap().is_empty());
    world.assert_sound().await;
}

#[tokio::test]
async fn leaving_clock_doubt_ends_every_request() {
    let mut world = World::new().await;
    world.later(10 * HOUR);
    for target in ["a.example", "nowhere.example"] {
        world.ask(target, wish(GrantType::Infrastructure, HOUR)).await.unwrap();
    }
    world.now.wall = world.now.wall.plus(-5 * HOUR);
    let doubted = world.ask("b.example", wish(GrantType::Infrastructure, HOUR)).await;
    assert!(matches!(doubted, Err(StoreError::Refused(Rule::Ask(AskError::ClockDoubt)))), "{doubted:?}");
    world.store.leave_doubt(&Actor::Administrator, &world.now).await.unwrap();
    assert_eq!(world.waiting().await, []);
    let reset = |(_, status): &(String, RequestStatus)| {
        matches!(status, RequestStatus::Ended { end: RequestEnd::ClockReset, .. })
    };
    assert!(world.own().await.iter().all(reset));
    world.assert_sound().await;
}
