//! Clients that we did not write: curl and Python's requests, with HTTP Digest and chunked, empty bodies.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::house::House;

/// Runs a client; `None` if the machine does not have it.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).output().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_grants_and_revokes_with_digest() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let user = format!("{}:{}", key.keys().0, key.keys().1);
    let accept = "Accept: application/vnd.atlas.2024-08-05+json";
    let kind = "Content-Type: application/json";
    let status = |arguments: &[&str]| {
        let common =
            ["-sS", "--noproxy", "*", "--digest", "-u", &user, "-H", accept, "-o", "/dev/null", "-w", "%{http_code}"];
        run("curl", &[&common, arguments].concat()).map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let cluster = key.url(&shop.atlas_cluster());
    let Some(shown) = status(&[&cluster]) else { return };
    assert_eq!(shown, "200");
    let (grant, revoke) =
        (format!("{cluster}:grantMongoDBEmployeeAccess"), format!("{cluster}:revokeMongoDBEmployeeAccess"));
    let body = r#"{"grantType":"CLUSTER_INFRASTRUCTURE","expirationTime":"2026-11-24T06:00:00Z"}"#;
    assert_eq!(status(&["-X", "POST", "-H", kind, "-d", body, &grant]).unwrap(), "204");
    let chunked = "Transfer-Encoding: chunked";
    assert_eq!(status(&["-X", "POST", "-H", kind, "-H", chunked, "-d", body, &grant]).unwrap(), "204");
    assert!(key.get(&shop.atlas_cluster()).await.ok()["mongoDBEmployeeAccessGrant"].is_object());
    assert_eq!(status(&["-X", "POST", &revoke]).unwrap(), "204");
    assert_eq!(status(&["-X", "POST", "-H", chunked, "-d", "", &revoke]).unwrap(), "204");
    assert_eq!(key.get(&shop.atlas_cluster()).await.ok().get("mongoDBEmployeeAccessGrant"), None);
    let query = key.url("/api/atlas/v2/orgs?pageNum=1&name=Shop%20shop");
    assert_eq!(status(&[&query]).unwrap(), "200", "the query is covered by the answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_uses_one_nonce_for_several_calls() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let script = r#"
import json, sys
try:
    import requests
except ImportError:
    print(json.dumps(None)); sys.exit()
from requests.auth import HTTPDigestAuth
url, public, private, cluster = sys.argv[1:]
s = requests.Session(); s.trust_env = False
s.auth = HTTPDigestAuth(public, private)
s.headers['Accept'] = 'application/vnd.atlas.2025-03-12+json'
out = []
for i in range(3):
    r = s.get(url + '/api/atlas/v2/orgs', params={'itemsPerPage': 5})
    out.append((r.status_code, len(r.history)))
r = s.post(url + cluster + ':grantMongoDBEmployeeAccess', json={'grantType': 'CLUSTER_DATABASE_LOGS', 'expirationTime': '2026-11-24T06:00:00.000Z'})
out.append((r.status_code, len(r.history)))
out.append((s.get(url + cluster).json()['mongoDBEmployeeAccessGrant']['grantType'], 0))
r = s.post(url + cluster + ':revokeMongoDBEmployeeAccess')
out.append((r.status_code, len(r.history)))
s.auth = HTTPDigestAuth(public, 'wrong')
out.append((s.get(url + '/api/atlas/v2/orgs').status_code, 0))
print(json.dumps(out))
"#;
    let (public, private) = key.keys();
    let output = run("python3", &["-c", script, &key.url(""), public, private, &shop.atlas_cluster()]);
    let Some(output) = output else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    if seen.is_null() {
        return;
    }
    // The first call alone was challenged: (status, earlier answers).
    assert_eq!(seen, json!([[200, 1], [200, 0], [200, 0], [204, 0], ["CLUSTER_DATABASE_LOGS", 0], [204, 0], [401, 0]]));
}

#[tokio::test]
async fn a_challenge_is_one_header_and_a_replayed_answer_is_stale() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let answer = house.nobody().get("/api/atlas/v2/orgs").await;
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
    let challenge = answer.header("www-authenticate").to_owned();
    assert!(challenge.starts_with(r#"Digest realm="MMS Public API", domain="", nonce=""#), "{challenge}");
    assert!(challenge.ends_with(r#", algorithm=MD5, qop="auth", stale=false"#), "{challenge}");
    assert_eq!(
        answer.json(),
        json!({
            "error": 401,
            "reason": "Unauthorized",
            "detail": "You are not authorized for this resource.",
            "errorCode": "UNEXPECTED_ERROR",
            "parameters": null,
        })
    );

    let mut parsed = digest_auth::WwwAuthenticateHeader::parse(&challenge).unwrap();
    let path = "/api/atlas/v2/orgs";
    let context = digest_auth::AuthContext::new(key.keys().0, key.keys().1, path);
    let authorization = parsed.respond(&context).unwrap().to_string();
    let call = || crate::client::Call::new(reqwest::Method::GET, path).header("authorization", &authorization);
    house.nobody().send(call()).await.ok();
    let replayed = house.nobody().send(call()).await;
    assert!(replayed.header("www-authenticate").ends_with("stale=true"), "{replayed:?}");
    replayed.refused(401, "UNEXPECTED_ERROR");
    let elsewhere =
        crate::client::Call::new(reqwest::Method::GET, "/api/atlas/v2/groups").header("authorization", &authorization);
    house.nobody().send(elsewhere).await.refused(401, "UNEXPECTED_ERROR");
}

#[tokio::test]
async fn cookies_and_other_schemes_open_nothing_here() {
    let house = House::open().await;
    let call = |name: &'static str, value: &str| {
        crate::client::Call::new(reqwest::Method::GET, "/api/atlas/v2/orgs").header(name, value)
    };
    for (name, value) in [
        ("cookie", "__Host-byleave=the-administrator's-token"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", "Bearer wrong"),
        ("authorization", "Digest"),
        ("authorization", "Digest username=\"x\""),
        ("authorization", ""),
    ] {
        house.nobody().send(call(name, value)).await.refused(401, "UNEXPECTED_ERROR");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_set_to_sha_256_offers_that_alone_and_takes_no_md5() {
    let digest = byleave_web::auth::digest::Algorithm::Sha256;
    let house = House::with_digest(byleave_web::Limits::default(), digest).await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let answer = house.nobody().get("/api/atlas/v2/orgs").await;
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.ends_with(r#", algorithm=SHA-256, qop="auth", stale=false"#), "{challenge}");
    key.get("/api/atlas/v2/orgs").await.ok();
    let user = format!("{}:{}", key.keys().0, key.keys().1);
    let arguments = ["-sS", "--noproxy", "*", "--digest", "-u", &user, "-o", "/dev/null", "-w", "%{http_code}"];
    let url = key.url("/api/byleave/v1/session");
    if let Some(output) = run("curl", &[&arguments[..], &[&url]].concat()) {
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "200");
    }
    let mut weaker =
        digest_auth::WwwAuthenticateHeader::parse(&challenge.replace("algorithm=SHA-256", "algorithm=MD5")).unwrap();
    let context = digest_auth::AuthContext::new(key.keys().0, key.keys().1, "/api/atlas/v2/orgs");
    let authorization = weaker.respond(&context).unwrap().to_string();
    let call = crate::client::Call::new(reqwest::Method::GET, "/api/atlas/v2/orgs");
    house.nobody().send(call.header("authorization", &authorization)).await.refused(401, "UNEXPECTED_ERROR");
}
