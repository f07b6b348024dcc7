//! A cluster of several servers: which one is dialled, what a client learns of the others, and how the gateway signs in to
//! them by a certificate.

use byleave_core::session::SessionEnd;

use super::raw::{Answer, Raw};
use super::rig::{Authority, House};
use super::server;
use super::session::other_ends;
use super::upstream::{Place, Upstream};
use crate::world::until;

const FIND: &str = r#"{find: "orders", $db: "appsync_1"}"#;

/// A house with two servers behind it, which are these in the order of the inventory.
fn two(first: Place, second: Place) -> (House, Upstream, Upstream) {
    let house = House::new();
    let [first, second] = [first, second].map(|place| Upstream::start(house.authority.tls(), place));
    house.grant(&format!("{},{}", first.address(), second.address()));
    (house, first, second)
}

fn secondary(primary: &str) -> Place {
    Place::Secondary { primary: primary.to_owned() }
}

fn asked(upstream: &Upstream, command: &str) -> usize {
    upstream.commands().iter().filter(|(_, name)| name == command).count()
}

fn reads(raw: &mut Raw) -> bool {
    matches!(raw.command(FIND), Answer::Body { code: None, .. })
}

#[test]
fn the_primary_is_found_behind_a_secondary_and_no_member_is_shown() {
    let (house, first, second) = two(secondary("db-2.internal:27017"), Place::Primary);
    let (_ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    let mut told = Vec::new();
    for command in
        [r#"{hello: 1, $db: "admin"}"#, r#"{isMaster: 1, $db: "admin"}"#, FIND, r#"{buildInfo: 1, $db: "admin"}"#]
    {
        told.extend(raw.bytes(command));
    }
    assert_eq!(asked(&second, "find"), 1);
    let others: Vec<String> =
        first.commands().into_iter().map(|(_, name)| name).filter(|name| name != "hello").collect();
    assert!(others.is_empty() && first.connected() > 0, "a secondary is asked what it is and no more: {others:?}");
    for never in ["db-1.internal", "db-2.internal", "rs0", "setName", "hosts", "secondary", "primary"] {
        assert!(!told.windows(never.len()).any(|window| window == never.as_bytes()), "{never}");
    }
    assert!(told.windows(17).any(|window| window == b"isWritablePrimary"));
}

#[test]
fn a_primary_that_the_inventory_does_not_name_is_never_dialled() {
    let house = House::new();
    let stranger = Upstream::start(house.authority.tls(), Place::Primary);
    let member = Upstream::start(house.authority.tls(), secondary(&stranger.address()));
    house.grant(&member.address());
    let told = house.refused();
    assert!(told.contains("no server of the databases takes the gateway now"), "{told}");
    assert!(!told.contains("127.0.0.1"), "{told}");
    assert_eq!((stranger.connected(), asked(&member, "saslStart")), (0, 0));
    assert!(asked(&member, "hello") >= 1);
    assert_eq!(other_ends(&house, 2), [SessionEnd::NodeUnreachable], "nothing is to be mended");
}

#[test]
fn a_member_that_starts_or_is_gone_is_passed_over() {
    for place in [Place::Startup, Place::Gone] {
        let (house, first, second) = two(place, Place::Primary);
        let (_ssh, _out, uri) = house.open();
        assert!(reads(&mut Raw::signed_in(&house, &uri)));
        assert_eq!((asked(&first, "saslStart"), asked(&second, "find")), (0, 1));
    }
}

#[test]
fn where_the_primary_goes_away_between_two_commands_the_next_one_is_found() {
    let (house, first, second) = two(Place::Primary, secondary("db-1.internal:27017"));
    let (_ssh, _out, uri) = house.open();
    let (mut raw, mut idle) = (Raw::signed_in(&house, &uri), Raw::signed_in(&house, &uri));
    assert!(reads(&mut raw));
    assert_eq!((asked(&first, "find"), asked(&second, "find")), (1, 0));
    first.becomes(Place::Gone);
    second.becomes(Place::Primary);
    // What was asked of the one that is gone is not asked again by itself: a client is told, and its driver tries again.
    assert!(matches!(raw.command(FIND), Answer::Body { code: Some(6), .. }));
    for raw in [&mut raw, &mut idle, &mut Raw::signed_in(&house, &uri)] {
        assert!(reads(raw));
    }
    assert_eq!((asked(&first, "find"), asked(&second, "find")), (1, 3));
}

#[test]
fn a_driver_goes_on_by_itself_where_the_primary_goes_away() {
    let (house, first, second) = two(Place::Primary, secondary("db-1.internal:27017"));
    let (_ssh, _out, uri) = house.open();
    let reader = super::driver::Reader::start(&house.local(&uri));
    assert_eq!(reader.read(), Ok(0));
    first.becomes(Place::Gone);
    second.becomes(Place::Primary);
    assert_eq!(reader.read(), Ok(0));
    assert_eq!((asked(&first, "find"), asked(&second, "find")), (1, 1));
}

#[test]
fn while_there_is_no_primary_the_gateway_asks_again() {
    let (house, first, second) = two(Place::Primary, secondary("db-1.internal:27017"));
    let (_ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    first.becomes(Place::Gone);
    let before = asked(&second, "hello");
    let read = std::thread::spawn(move || reads(&mut raw));
    until("a second round", || asked(&second, "hello") >= before + 2);
    second.becomes(Place::Primary);
    assert!(read.join().unwrap());
    assert_eq!((asked(&first, "find"), asked(&second, "find")), (0, 1));
}

#[test]
fn a_new_connection_goes_to_the_new_primary_after_an_election() {
    let (house, first, second) = two(Place::Primary, secondary("db-1.internal:27017"));
    let (_ssh, _out, uri) = house.open();
    assert!(reads(&mut Raw::signed_in(&house, &uri)));
    first.becomes(secondary("db-2.internal:27017"));
    second.becomes(Place::Primary);
    assert!(reads(&mut Raw::signed_in(&house, &uri)));
    assert_eq!((asked(&first, "find"), asked(&second, "find")), (1, 1));
}

#[test]
fn a_chosen_member_is_read_and_the_primary_is_never_dialled() {
    let house = House::new();
    let primary = Upstream::start(house.authority.tls(), Place::Primary);
    let chosen = Upstream::start(house.authority.tls(), secondary("db-1.internal:27017"));
    house.grant_member(&format!("{},{}", primary.address(), chosen.address()), &chosen.address());
    let (ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    // A driver's own wish does not go on, so what it says of secondaries does not matter.
    assert!(reads(&mut raw));
    let primary_only = r#"{find: "orders", $db: "appsync_1", $readPreference: {mode: "primary"}}"#;
    assert!(matches!(raw.command(primary_only), Answer::Body { code: None, .. }));
    assert!(chosen.holds(b"primaryPreferred"));
    assert_eq!(asked(&chosen, "find"), 2);
    // A driver takes what it sees for one server that is primary.
    let reader = super::driver::Reader::start(&house.local(&uri));
    assert_eq!(reader.read(), Ok(0));
    // It becomes the primary and steps down: it is the same one.
    primary.becomes(secondary("db-2.internal:27017"));
    chosen.becomes(Place::Primary);
    assert!(reads(&mut raw) && reads(&mut Raw::signed_in(&house, &uri)));
    chosen.becomes(secondary("db-1.internal:27017"));
    primary.becomes(Place::Primary);
    assert!(reads(&mut raw) && reads(&mut Raw::signed_in(&house, &uri)));
    // Cursors are killed where they are.
    drop(ssh);
    until("cursors are killed", || asked(&chosen, "killCursors") > 0);
    assert_eq!(primary.connected(), 0);
}

#[test]
fn a_chosen_member_that_cannot_be_read_is_told_as_that_and_no_other_is_dialled() {
    let house = House::new();
    let primary = Upstream::start(house.authority.tls(), Place::Primary);
    let chosen = Upstream::start(house.authority.tls(), Place::Startup);
    house.grant_member(&format!("{},{}", primary.address(), chosen.address()), &chosen.address());
    let told = house.refused();
    assert!(told.contains("it starts, recovers or only votes") && !told.contains("127.0.0.1"), "{told}");
    assert_eq!(asked(&chosen, "saslStart"), 0);
    chosen.becomes(secondary("db-1.internal:27017"));
    let (_ssh, _out, uri) = house.open();
    let (mut raw, mut idle) = (Raw::signed_in(&house, &uri), Raw::signed_in(&house, &uri));
    assert!(reads(&mut raw));
    chosen.becomes(Place::Startup);
    // On the way that is there the server says so itself, in its own words; on a new one the gateway does.
    assert!(matches!(raw.command(FIND), Answer::Body { code: Some(13436), .. }));
    assert!(matches!(idle.command(FIND), Answer::Body { code: Some(6), text, .. } if text.contains("recovers")));
    chosen.becomes(Place::Gone);
    assert!(matches!(raw.command(FIND), Answer::Body { code: Some(6), .. }));
    assert!(matches!(raw.command(FIND), Answer::Body { code: Some(6), .. }));
    assert_eq!(primary.connected(), 0);
}

#[test]
fn the_gateway_signs_in_by_a_certificate_that_the_cluster_demands() {
    let house = House::new();
    let clients = Authority::new("clients");
    let upstream = Upstream::start(house.authority.tls_for(&clients), Place::Primary);
    house.grant(&upstream.address());
    house.sign_in_with(clients.credential());
    let (_ssh, _out, uri) = house.open();
    assert!(reads(&mut Raw::signed_in(&house, &uri)));
    assert!(upstream.holds(b"MONGODB-X509") && upstream.holds(b"$external"));
    let named: Vec<String> = upstream.commands().into_iter().map(|(_, name)| name).collect();
    assert_eq!(named[..3], ["hello", "authenticate", "buildInfo"]);
    assert_eq!((asked(&upstream, "saslStart"), asked(&upstream, "find")), (0, 1));
}

#[test]
fn a_certificate_that_the_cluster_does_not_take_opens_nothing() {
    let house = House::new();
    let clients = Authority::new("clients");
    let upstream = Upstream::start(house.authority.tls_for(&clients), Place::Primary);
    house.grant(&upstream.address());
    for (credential, why) in [
        (Authority::new("others").credential(), "refuse the gateway's credential"),
        (server::credential(), "refuse the gateway's credential"),
    ] {
        house.sign_in_with(credential);
        let told = house.refused();
        assert!(told.contains(why), "{told}");
    }
    assert!(upstream.bytes().is_empty(), "{:?}", upstream.commands());
    // A server that asks for no certificate has nothing to know the gateway by.
    let open = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&open.address());
    house.sign_in_with(clients.credential());
    let told = house.refused();
    assert!(told.contains("refuse the gateway's credential"), "{told}");
    assert_eq!(asked(&open, "buildInfo"), 0);
    // Without any, there is none to be refused, and it is the same to mend.
    *house.world.memory.credential.lock().unwrap() = None;
    house.refused();
    assert_eq!(other_ends(&house, 8), [SessionEnd::CredentialRefused; 4]);
}

#[test]
fn a_server_that_the_inventorys_authority_does_not_vouch_for_is_sent_nothing() {
    let house = House::new();
    let impostor = Upstream::start(Authority::new("others").tls(), Place::Primary);
    house.grant(&impostor.address());
    let told = house.refused();
    assert!(told.contains("the inventory's authority does not vouch for its certificate"), "{told}");
    // Its certificate is for 127.0.0.1 and no other name.
    let misnamed = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&format!("localhost:{}", misnamed.port));
    let told = house.refused();
    assert!(told.contains("the inventory's authority does not vouch for its certificate"), "{told}");
    assert!(impostor.bytes().is_empty() && misnamed.bytes().is_empty());
    assert!(impostor.connected() > 0 && misnamed.connected() > 0);
    assert_eq!(other_ends(&house, 4), [SessionEnd::DatabasesUntrusted; 2]);
}
