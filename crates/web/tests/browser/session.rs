//! The page of a session and of its recording: facts, text that does no harm, and files to take away.

use byleave_core::id::SessionId;
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_store::event::{EventQuery, EventsOf};
use reqwest::StatusCode;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::browser::{Browser, Scripts};
use crate::site::Site;

const CAST: &str = "{\"version\":2,\"width\":80,\"height\":24}\n\
    [0.1,\"o\",\"\\u001b]0;orders-1\\u0007\\u001b[1;32mbyleave@orders-1\\u001b[0m:~$ cat <b>\\r\\n\"]\n\
    [1.4,\"r\",\"120x40\"]\n[1.5,\"o\",\"\\u001b[31m<img src=x onerror=alert(1)>\\u001b[0m\\r\\n\"]\n";
const OUT: &str = "<script>document.title = 'owned'</script>\n\u{1b}[2Jdf: 91%\n";

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The table of contents of a recording with a terminal, a command and a transfer.
fn table() -> String {
    let part = |name: &str, bytes: &[u8]| json!({ "name": name, "bytes": bytes.len(), "recorded_bytes": bytes.len(), "sha256": hash(bytes) });
    let at = "2031-01-01T06:12:00.000Z";
    let long = json!({ "name": "2.stderr", "bytes": 20_000_000, "recorded_bytes": 4, "sha256": hash(b"err\n") });
    json!({ "version": 1, "channels": [
        { "channel": 1, "kind": "terminal", "at": at, "command": null, "millis": 61_400, "exit": { "status": 0 },
          "parts": [part("1.cast", CAST.as_bytes())] },
        { "channel": 2, "kind": "command", "at": at, "command": "df -h /data; echo '<i>'", "millis": 412,
          "exit": { "status": 5 }, "partly_recorded": true,
          "parts": [part("2.stdin", &[0, 1, 2]), part("2.stdout", OUT.as_bytes()), long] },
        { "channel": 3, "kind": "transfer", "at": at, "command": "sftp", "millis": 900, "parts": [],
          "files": [{ "file": "/tmp/core.gz", "direction": "from node", "bytes": 48_213, "sha256": hash(b"core") }] },
    ] })
    .to_string()
}

/// A session under a grant that has ended, with its recording.
async fn recorded(site: &Site, browser: &Browser) -> SessionId {
    browser.block(site).await;
    browser.open_grant(site).await;
    browser.fill("#case", "01274410").await;
    browser.fill("#reason", "Replication lag").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".notice.done", "granted Acme support access").await;
    let session = site.come_in().await;
    site.record(session, &parts(&table(), OUT));
    site.leave(session, Sha256::digest(table().as_bytes()).into()).await;
    session
}

fn parts<'a>(table: &'a str, out: &'a str) -> [(&'static str, &'a [u8]); 6] {
    [
        ("contents.json", table.as_bytes()),
        ("1.cast", CAST.as_bytes()),
        ("2.stdin", &[0, 1, 2]),
        ("2.stdout", out.as_bytes()),
        ("2.stderr", b"err\n"),
        ("3.json", b"{\"rename\":[\"/tmp/a\",\"/tmp/b\"]}\n"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_looks_into_a_session_and_its_recording() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    let session = recorded(&site, &browser).await;
    browser.go(&format!("{}/activity", site.url)).await;
    assert!(browser.has(&format!("#feed a[href='/sessions/{session}']")).await, "the feed leads to the session");
    browser.go(&format!("{}/sessions", site.url)).await;
    browser.click(&format!("#session-{session} td a")).await;
    for fact in [&*session.to_string(), "acme-employee-", "orders-1.db", "01274410", "Replication lag", "47.0 KiB"] {
        browser.see("#facts", fact).await;
    }
    browser.see("#facts", "the support engineer left").await;
    browser.see("#recording", &hash(table().as_bytes())).await;
    browser.see("#feed", "came in to").await;
    browser.picture("session").await;
    assert!(browser.reaches("read-recording").await, "with the keyboard alone");
    browser.click("#read-recording").await;

    browser.see("h1", "Recording").await;
    browser.see(".notice.done", "your organization’s log vouches for").await;
    let shown = browser.text_of("#channel-1 pre.output").await;
    assert_eq!(shown.trim(), "byleave@orders-1:~$ cat <b>\n<img src=x onerror=alert(1)>");
    browser.see("#channel-1", "took 1 min 1 s").await;
    browser.see("#channel-2 pre.line", "df -h /data; echo '<i>'").await;
    browser.see("#channel-2", "exit status 5").await;
    browser.see("#channel-2 .chip", "Partly recorded").await;
    browser.see("#channel-2", "<script>document.title = 'owned'</script>\ndf: 91%").await;
    browser.see("#channel-2", "This is no text").await;
    browser.see("#channel-2", "4 B of 19.0 MiB kept").await;
    browser.see("#channel-3 table", "/tmp/core.gz").await;
    assert!(!browser.has("main img, main script, main i").await, "nothing of it became markup");
    browser.picture("recording").await;

    let part = browser.fetch(&site, &format!("/sessions/{session}/recording/2.stdout")).await;
    let header = |name: &str| part.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("content-disposition"), format!("attachment; filename=\"session-{session}-2.stdout\""));
    assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff".into(), "no-store".into()));
    assert_eq!(part.text().await.unwrap(), OUT);
    for wrong in ["4.stdout", "..%2F..%2Fseal.key", "contents"] {
        let answer = browser.fetch(&site, &format!("/sessions/{session}/recording/{wrong}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
    browser.go(&format!("{}/sessions/{session}", site.url)).await;
    browser.see("#feed", "read the recording of a session").await;
    let names = Some(vec!["recording.read"]);
    let query = EventQuery { names, ..EventQuery::newest(EventsOf::Project(site.project)) };
    let read = site.store.events(&site.owner().await, query).await.unwrap();
    assert_eq!(read.total, 1, "one reading is told once");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_recording_is_found_out() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::Off).await;
    browser.claim(&site).await;
    let session = recorded(&site, &browser).await;
    let page = format!("{}/sessions/{session}/recording", site.url);
    site.record(session, &parts(&table(), "nothing happened\n"));
    browser.go(&page).await;
    browser.see("#channel-2 .chip.bad", "Not as recorded").await;
    browser.see("#channel-1 .chip.closed", "As recorded").await;
    let forged = table().replace("df -h /data", "true");
    site.record(session, &parts(&forged, OUT));
    browser.go(&page).await;
    browser.see(".notice.error", "not what your organization’s log vouches for").await;
    browser.picture("recording-changed").await;
    site.record(session, &[]);
    browser.go(&page).await;
    browser.see(".notice.error", "The recording is missing").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_read_recordings() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    let session = recorded(&site, &browser).await;
    let paths =
        ["recording", "recording/2.stdout", "recording/contents.json"].map(|end| format!("/sessions/{session}/{end}"));
    let project = |role| Roles::default().with(site.project, role);
    for (name, roles, status) in [
        ("a", project(ProjectRole::SupportAccessManager), StatusCode::FORBIDDEN),
        ("b", project(ProjectRole::ReadOnly), StatusCode::FORBIDDEN),
        ("c", Roles::in_organization([OrgRole::ReadOnly]), StatusCode::FORBIDDEN),
        ("d", Roles::in_organization([OrgRole::Member]), StatusCode::NOT_FOUND),
        ("e", project(ProjectRole::Owner), StatusCode::OK),
    ] {
        site.join(&browser, &format!("{name}@northwind.example"), roles).await;
        for path in &paths {
            assert_eq!(browser.fetch(&site, path).await.status(), status, "{name}: {path}");
        }
        if status == StatusCode::FORBIDDEN {
            browser.go(&format!("{}/sessions/{session}", site.url)).await;
            browser.see("#recording", "Only organization owners and owners of this project").await;
            assert!(!browser.has("#read-recording").await);
        }
    }
    let nobody = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = nobody.get(format!("{}{}", site.url, paths[1])).bearer_auth("administrator").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "an administrator has no way here");
    browser.quit().await;
}
