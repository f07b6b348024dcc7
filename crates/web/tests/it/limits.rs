//! Clients that dawdle: their connections end, and others are served meanwhile.

use std::time::Duration;

use byleave_web::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::House;

fn impatient() -> Limits {
    Limits {
        headers_for: Duration::from_millis(300),
        body_for: Duration::from_millis(300),
        connections: 8,
        ..Limits::default()
    }
}

/// What the server says until it closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn headers_that_never_end_close_the_connection() {
    let house = House::with(impatient()).await;
    let mut silent = TcpStream::connect(house.address).await.unwrap();
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    slow.write_all(b"GET /api/byleave/v1/health HTTP/1.1\r\nHost: x\r\nX-a: ").await.unwrap();
    rest(&mut slow).await;
    rest(&mut silent).await;
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    idle.write_all(b"GET /api/byleave/v1/health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = rest(&mut idle).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    house.nobody().get("/api/byleave/v1/health").await.ok();
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused() {
    let house = House::with(impatient()).await;
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    let request = b"POST /api/byleave/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    slow.write_all(request).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("did not come in time"), "{answer}");
}

#[tokio::test]
async fn a_crowd_of_idle_connections_keeps_nobody_out() {
    let house = House::with(Limits { connections: 8, ..Limits::default() }).await;
    let mut crowd = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        crowd.push(stream);
    }
    house.nobody().get("/api/byleave/v1/health").await.ok();
    assert_eq!(house.nobody().get("/api/byleave/v1/ready").await.ok()["status"], "ok");
    let mut first = crowd.remove(0);
    assert_eq!(rest(&mut first).await, "", "the one that waited longest was closed");
}

#[tokio::test]
async fn a_crowd_whose_bodies_never_end_keeps_nobody_out() {
    let house = House::with(Limits { connections: 8, ..Limits::default() }).await;
    let request = b"POST /api/byleave/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Expect: 100-continue\r\nContent-Length: 100\r\n\r\n";
    let mut crowd = Vec::new();
    for number in 0..50 {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        // The server asks for the body once the request is being answered: now it waits for what never comes.
        let mut asked = [0; 12];
        let read = stream.read_exact(&mut asked).await;
        assert!(read.is_ok() && asked == *b"HTTP/1.1 100", "number {number} was kept out");
        crowd.push(stream);
    }
    house.nobody().get("/api/byleave/v1/health").await.ok();
    house.nobody().get("/api/byleave/v1/health").await.ok();
}

/// One answer of a connection, with its body.
async fn one(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let whole = async {
        while let Ok(1..) = stream.read_buf(&mut answer).await {
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| length.parse::<usize>().unwrap() <= body.len()) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), whole).await.expect("answered in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_connection_is_kept_although_the_body_was_not_needed() {
    let house = House::open().await;
    let next = b"GET /api/byleave/v1/health HTTP/1.1\r\nHost: x\r\n\r\n";
    for (start, status) in [
        ("PATCH /api/atlas/v2/orgs/a/settings", 401),
        ("POST /api/byleave/v1/organizations/a/block", 401),
        ("POST /api/byleave/v1/nothing", 401),
        ("POST /nothing", 404),
        ("POST /sign-out", 403),
    ] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let form = "Content-Type: application/x-www-form-urlencoded";
        let head = format!("{start} HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: 12\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // Until somebody else was answered, the server had time to answer the head.
        house.nobody().get("/api/byleave/v1/ready").await.ok();
        // It may have closed.
        let _ = stream.write_all(b"{\"a\":\"body\"}").await;
        let answer = one(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{start}: {answer}");
        assert!(!answer.contains("connection: close"), "{start}: {answer}");
        let _ = stream.write_all(next).await;
        let answer = one(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{start}: {answer}");
    }
}

#[tokio::test]
async fn whoever_keeps_a_body_back_is_told_that_the_connection_ends() {
    let house = House::with(impatient()).await;
    for framing in ["Content-Length: 12", "Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let head = format!("PATCH /api/atlas/v2/orgs/a/settings HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close\r\n"), "{framing}: {answer}");
    }
}

#[tokio::test]
async fn stopping_lets_go_of_idle_connections() {
    let house = House::with(Limits { stop_for: Duration::from_millis(500), ..Limits::default() }).await;
    let idle = TcpStream::connect(house.address).await.unwrap();
    house.nobody().get("/api/byleave/v1/health").await.ok();
    house.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), house.serving).await.expect("stops in time").unwrap().unwrap();
    assert!(TcpStream::connect(house.address).await.is_err(), "nothing listens any more");
    assert!(house.app.stopping.is_cancelled());
    drop(idle);
}

#[tokio::test]
async fn health_and_the_log_key_are_open_to_all() {
    let house = House::open().await;
    assert_eq!(house.nobody().get("/api/byleave/v1/health").await.ok(), json!({ "status": "ok" }));
    let ready = house.nobody().get("/api/byleave/v1/ready").await.ok();
    let parts = ["store", "recordings", "clock"].map(|name| json!({ "name": name, "ready": true }));
    assert_eq!(ready, json!({ "status": "ok", "now": "2026-11-23T18:00:00.000Z", "parts": parts }));
    let key = house.nobody().get("/api/byleave/v1/key").await.ok();
    assert!(key["key"].as_str().unwrap().starts_with("byleave/"), "{key}");
}

#[tokio::test]
async fn a_server_that_cannot_record_is_not_ready_and_says_so() {
    let house = House::open().await;
    house.door.trouble("the last try to write failed");
    let answer = house.nobody().get("/api/byleave/v1/ready").await;
    assert_eq!(answer.status, 503);
    let said: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(said["status"], "not ready");
    assert_eq!(said["parts"][0], json!({ "name": "store", "ready": true }));
    let trouble = json!({ "name": "recordings", "ready": false, "trouble": "the last try to write failed" });
    assert_eq!(said["parts"][1], trouble);
    house.nobody().get("/api/byleave/v1/health").await.ok();
}

#[tokio::test]
async fn evidence_and_checkpoint_are_for_members() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("/api/byleave/v1/organizations/{}", shop.organization);
    let checkpoint = shop.owner.get(&format!("{path}/checkpoint")).await.ok();
    assert!(checkpoint["checkpoint"].as_str().unwrap().starts_with("byleave/"), "{checkpoint}");
    let evidence = shop.owner.get(&format!("{path}/evidence")).await;
    assert!(evidence.header("content-disposition").starts_with("attachment"));
    assert!(evidence.ok().is_object());
}
