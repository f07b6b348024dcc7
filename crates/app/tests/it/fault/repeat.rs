//! `kill -9` of the server while it carries out a request with a key.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::cli::story::{INVENTORY, Story, begin_with};
use crate::fault::kill::{Killer, Syncs, assert_sound};
use crate::server::Server;

/// More commits than one request makes by far, the server's heartbeat included.
const MOST: usize = 10;

/// Adds an employee under a key; the status and the body of the answer, if there is one.
fn add(server: &Server, token: &str, name: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).ok()?;
    let body = format!("{{\"name\":\"{name}\"}}");
    let request = format!(
        "POST /api/byleave/v1/employees HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: add-{name}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Fault: `kill -9` at each commit while a request with an `Idempotency-Key` is carried out, that of the change and that
/// of the answer among them; then the same request again.
///
/// Expected: it is done once. Whoever sends it again hears the answer that was given, or that it was done and its answer
/// is lost; never that what they ask for is there already.
#[test]
fn a_request_with_a_key_is_done_once_whenever_the_server_is_killed() {
    let Story { mut server, administrator, .. } = begin_with(INVENTORY);
    let token = std::fs::read_to_string(server.data().join("admin.token")).unwrap().trim().to_owned();
    let mut heard = Vec::new();
    for nth in 1.. {
        assert!(nth < MOST, "it is never done");
        let name = format!("Kim{nth}");
        let killer = Killer::attach(&server, Syncs::Database, nth);
        let first = add(&server, &token, &name);
        let survived = server.anybody().run(&["evidence", "key"]).code == 0;
        server.kill();
        drop(killer);
        assert_sound(&server.data());
        server.start_again(&[]);
        let again = add(&server, &token, &name).unwrap();
        match &first {
            Some((status, body)) => {
                assert_eq!((*status, &again), (201, &(201, body.clone())), "the answer is the one that was given");
            }
            None => {
                let is_told = again.0 == 201 || (again.0 == 409 && again.1.contains("ANSWER_NOT_KEPT"));
                assert!(is_told, "{nth}: {again:?}");
            }
        }
        let employees = administrator.run(&["employees", "list", "--output", "json"]).json();
        let made = employees["results"].as_array().unwrap().iter().filter(|one| one["name"] == name.as_str()).count();
        assert_eq!(made, 1, "{nth}: it is done once");
        heard.push((nth, first.map(|(status, _)| status), again.0));
        if survived {
            break;
        }
    }
    eprintln!("{heard:#?}");
}
