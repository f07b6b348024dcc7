//! A session that goes on, on another basis: what the gateway signs in to the cluster with belongs to the basis.

use byleave_core::grant::GrantType;
use byleave_core::session::SessionEnd;
use byleave_gateway::control::{Report, SyncCredential};
use zeroize::Zeroizing;

use super::raw::{Answer, Raw};
use super::rig::House;
use super::session::sync_end;
use super::upstream::{Place, Upstream};
use crate::world::until;

const COUNT: &str = r#"{count: "orders", $db: "appsync_1"}"#;

/// The customer's own credential.
fn mine() -> SyncCredential {
    SyncCredential::Scram { user: "mine".to_owned(), password: Zeroizing::new("a password of the cluster".to_owned()) }
}

/// A house with a server behind it that takes the customer's own credential, granted with that.
fn house_with_mine() -> (House, Upstream) {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.world.memory.supply(mine());
    house.grant(&upstream.address());
    (house, upstream)
}

/// A client that has signed in and asked something.
fn client(house: &House, uri: &str) -> Raw {
    let mut raw = Raw::signed_in(house, uri);
    assert!(matches!(raw.command(COUNT), Answer::Body { code: None, .. }));
    raw
}

/// The connections on which this user signed in.
fn signed_in(upstream: &Upstream, user: &str) -> Vec<usize> {
    let said = format!("n={user},");
    let frames = upstream.frames().into_iter();
    let of_user = frames.filter(|(_, frame)| frame.windows(said.len()).any(|window| window == said.as_bytes()));
    of_user.map(|(number, _)| number).collect()
}

/// Grants once more, and waits until the session goes on with that.
fn grant_again(house: &House) {
    let continued = || {
        let reports = house.world.memory.reports();
        reports.iter().filter(|report| matches!(report, Report::Continued { .. })).count()
    };
    let before = continued();
    house.world.memory.grant(GrantType::InfrastructureAndSyncData);
    // The engineer's own session for logs goes on, too.
    until("both sessions to go on", || continued() >= before + 2);
}

#[test]
fn a_customers_own_credential_is_out_of_use_as_soon_as_another_grant_takes_the_place_of_its_own() {
    let (house, upstream) = house_with_mine();
    let (_ssh, _out, uri) = house.open();
    let mut raw = client(&house, &uri);
    let find = raw.command(r#"{find: "items", $db: "appsync_1"}"#);
    assert!(matches!(find, Answer::Body { code: None, .. }), "{find:?}");
    let old = signed_in(&upstream, "mine");
    assert!(!old.is_empty() && signed_in(&upstream, "gateway").is_empty());
    grant_again(&house);
    let frames = upstream.frames().len();
    // Nobody has to ask for anything: what was signed in is gone.
    until("the old connections' end", || upstream.ended(&old));
    let mut second = Raw::signed_in(&house, &uri);
    for raw in [&mut raw, &mut second] {
        let answer = raw.command(COUNT);
        assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
    }
    assert!(upstream.frames().iter().skip(frames).all(|(number, _)| !old.contains(number)));
    assert_eq!((signed_in(&upstream, "mine"), signed_in(&upstream, "gateway").is_empty()), (old, false));
    // Its cursor was the old user's.
    let more = raw.command(r#"{getMore: long(77), collection: "items", $db: "appsync_1"}"#);
    assert!(matches!(more, Answer::Body { code: Some(43), .. }), "{more:?}");
}

#[test]
fn a_grant_that_changes_nothing_about_the_credential_disturbs_nobody() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let mut raw = client(&house, &uri);
    let connected = upstream.connected();
    grant_again(&house);
    assert!(matches!(raw.command(COUNT), Answer::Body { code: None, .. }));
    assert_eq!(upstream.connected(), connected);
}

#[test]
fn a_session_ends_where_its_new_basis_has_no_credential() {
    let (house, _upstream) = house_with_mine();
    *house.world.memory.credential.lock().unwrap() = None;
    let (_ssh, _out, uri) = house.open();
    let mut raw = client(&house, &uri);
    house.world.memory.grant(GrantType::InfrastructureAndSyncData);
    // With it ends the word that opened it, and so the connection on which that was said.
    let (closed, _) = sync_end(&house, 3);
    assert_eq!(closed.reason, SessionEnd::Replaced);
    assert!(matches!(raw.command(COUNT), Answer::Closed));
}
