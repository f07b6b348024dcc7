//! Answers that are lost on the way: the command line sends again, and what was meant once is done once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::story::{INVENTORY, Story, begin_with, event_names, sign_in};

/// A proxy that loses the answers to some requests after the server has given them.
struct Lossy {
    url: String,
    lost: Arc<AtomicUsize>,
}

impl Lossy {
    /// One that loses the first `losses` answers to requests whose head has `word` in it.
    fn before(server: &str, word: &'static str, losses: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (url, lost) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
        let (server, counted) = (server.trim_start_matches("http://").to_owned(), lost.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                pass(&client, &server, word, losses, &counted);
            }
        });
        Self { url, lost }
    }
}

/// Passes bytes on both ways, until an answer is to be lost.
fn pass(client: &TcpStream, server: &TcpStream, word: &'static str, losses: usize, lost: &Arc<AtomicUsize>) {
    let is_asked = Arc::new(AtomicBool::new(false));
    let (mut from, mut to, asked) = (client.try_clone().unwrap(), server.try_clone().unwrap(), is_asked.clone());
    std::thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            asked.store(String::from_utf8_lossy(&bytes[..read]).contains(word), Ordering::SeqCst);
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _it_may_be_gone = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to, lost) = (server.try_clone().unwrap(), client.try_clone().unwrap(), lost.clone());
    std::thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            // The server has answered, so what it did is on the disk.
            if is_asked.swap(false, Ordering::SeqCst) && lost.load(Ordering::SeqCst) < losses {
                lost.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _it_may_be_gone = to.shutdown(Shutdown::Both);
        let _it_may_be_gone = from.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_grant_whose_answer_is_lost_is_given_once() {
    let Story { server, administrator: _administrator, owner } = begin_with(INVENTORY);
    let proxy = Lossy::before(server.url(), ":grant HTTP/1.1", 2);
    let owner = owner.with("BYLEAVE_SERVER", &proxy.url);
    sign_in(&owner);
    let granted = owner.run(&["grant", "Shop", "--type", "logs", "--for", "2h", "--output", "json"]).json();
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 2, "two answers were lost");
    assert_eq!(granted["grant"]["grantType"], "CLUSTER_DATABASE_LOGS", "{granted}");
    let given = event_names(&owner).iter().filter(|name| *name == "grant.given").count();
    assert_eq!(given, 1, "and the grant was given once");
}

#[test]
fn what_shows_a_secret_is_made_once_and_its_loss_is_told() {
    let Story { server, administrator: _administrator, owner } = begin_with(INVENTORY);
    let proxy = Lossy::before(server.url(), "/apiKeys HTTP/1.1", 1);
    let owner = owner.with("BYLEAVE_SERVER", &proxy.url);
    sign_in(&owner);
    let told = owner.run(&["api-keys", "add", "Terraform", "--role", "ORG_MEMBER"]).fails(1);
    assert!(told.contains("its answer is not kept"), "{told}");
    let made = event_names(&owner).iter().filter(|name| *name == "api_key.added").count();
    assert_eq!(made, 1);
}

#[test]
fn what_was_removed_is_not_missed_because_its_answer_was_lost() {
    let Story { server, administrator: _administrator, owner } = begin_with(INVENTORY);
    let proxy = Lossy::before(server.url(), "DELETE /", 2);
    let owner = owner.with("BYLEAVE_SERVER", &proxy.url);
    sign_in(&owner);
    let made = owner.run(&["api-keys", "add", "Terraform", "--role", "ORG_MEMBER", "--output", "json"]).json();
    owner.run(&["api-keys", "remove", made["publicKey"].as_str().unwrap()]).ok();
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 2, "two answers were lost");
    owner.run(&["api-keys", "remove", made["publicKey"].as_str().unwrap()]).fails(4);
    owner.run(&["api", "DELETE", "/api/byleave/v1/inventory"]).fails(1);
}

#[test]
fn a_block_whose_answer_is_lost_gets_through() {
    let Story { server, administrator: _administrator, owner } = begin_with(INVENTORY);
    let proxy = Lossy::before(server.url(), "PATCH /", 2);
    let owner = owner.with("BYLEAVE_SERVER", &proxy.url);
    sign_in(&owner);
    let told = owner.run(&["block"]).ok();
    assert!(told.contains("support is blocked"), "{told}");
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 2, "two answers were lost");
}
