//! A server that cannot start says why, and what to do.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;

use crate::server::{BYLEAVE, Person, Server, spawn};

fn told(listen: &str, ssh: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let (mut child, mut said) = spawn(Command::new(BYLEAVE), &home.path().join("data"), [listen, ssh]);
    let mut told = String::new();
    said.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{told}");
    told
}

#[test]
fn an_address_that_somebody_else_has_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for told in [told(&address, "127.0.0.1:0"), told("127.0.0.1:0", &address)] {
        assert!(told.contains(&format!("cannot listen on {address}")), "{told}");
        assert!(told.contains("Address already in use") && !told.contains("panicked"), "{told}");
    }
}

#[test]
fn links_that_are_handed_on_name_the_public_url() {
    use std::os::unix::fs::DirBuilderExt as _;
    let invite = |server: &Server| {
        server.administrator().run(&["organizations", "invite", "Harbour Books", "mia@harbour-books.example"]).ok()
    };
    let told = invite(&Server::start());
    assert!(told.contains("http://127.0.0.1:") && told.contains("--public-url"), "{told}");
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    std::fs::write(data.join("byleave.toml"), "public_url = 'https://byleave.vendor.example'").unwrap();
    let told = invite(&Server::start_in(home));
    for part in ["  https://byleave.vendor.example/invitations/", "--server https://byleave.vendor.example"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("127.0.0.1") && !told.contains("note:"), "{told}");
}

/// The variables of the environment that the help of a command names.
fn variables(args: &[&str]) -> Vec<String> {
    let help = Person::new().run(args).ok().split_whitespace().collect::<Vec<_>>().join(" ");
    let named = help.split("[env: ").skip(1).filter_map(|rest| rest.split_once(['=', ']']));
    named.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let of_server = variables(&["serve", "--help"]);
    for name in ["BYLEAVE_PUBLIC_URL", "BYLEAVE_TLS_KEY", "BYLEAVE_TRUSTED_PROXY", "BYLEAVE_DATA"] {
        assert!(of_server.iter().any(|known| known == name), "{name}: {of_server:?}");
    }
    let empty: Vec<String> = of_server.iter().map(|name| format!("{name}=")).collect();
    let through = [vec!["/usr/bin/env"], empty.iter().map(String::as_str).collect()].concat();
    let mut server = Server::start();
    server.kill();
    server.start_again(&through);
    let of_clients = variables(&["organizations", "list", "--help"]);
    assert!(of_clients.len() >= 8, "{of_clients:?}");
    let others = of_clients.iter().filter(|name| !["BYLEAVE_SERVER", "BYLEAVE_DATA"].contains(&name.as_str()));
    let administrator = others.fold(server.administrator(), |person, name| person.with(name, ""));
    administrator.run(&["organizations", "list"]).ok();
    let told = server.anybody().with("BYLEAVE_DATA", "").with("BYLEAVE_ORG", "").run(&["clusters", "list"]).fails(3);
    assert!(told.contains("byleave sign-in"), "{told}");
    let told = Person::new().with("BYLEAVE_SERVER", "").run(&["serve", "--public-url", ""]).fails(2);
    assert!(told.contains("--public-url"), "what is typed is taken as it is: {told}");
}
