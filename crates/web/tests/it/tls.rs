//! TLS: real handshakes with a real client, new certificates while the server runs, and proxies in front.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use byleave_web::came::Proxies;
use byleave_web::tls::{PemFiles, Tls, TlsError};
use byleave_web::{Entrance, Limits};
use reqwest::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{Call, Client};
use crate::house::{House, text};

/// A certificate for `localhost` and its key, in PEM form, and the certificate as it travels; made with `openssl`.
fn pair() -> (String, String, CertificateDer<'static>) {
    let dir = TempDir::new().unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-out").arg(files(dir.path()).certificate).arg("-keyout").arg(files(dir.path()).key);
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |path| fs::read_to_string(path).unwrap();
    let (certificate, key) = (read(files(dir.path()).certificate), read(files(dir.path()).key));
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    (certificate, key, der)
}

fn files(dir: &Path) -> PemFiles {
    PemFiles { certificate: dir.join("certificate.pem"), key: dir.join("key.pem") }
}

fn write(dir: &Path, certificate: &str, key: &str) {
    fs::write(files(dir).certificate, certificate).unwrap();
    fs::write(files(dir).key, key).unwrap();
}

async fn house(tls: &Tls, limits: Limits) -> House {
    House::behind(limits, Entrance { tls: Some(tls.clone()), proxies: Proxies::default() }).await
}

/// What a client that trusts only `root` is answered.
async fn ask(house: &House, root: &CertificateDer<'static>, path: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(house.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn over_tls_answers_tell_browsers_to_stay_there() {
    let dir = TempDir::new().unwrap();
    let (certificate, key, root) = pair();
    write(dir.path(), &certificate, &key);
    let house = house(&Tls::load(files(dir.path())).unwrap(), Limits::default()).await;
    for path in ["/api/byleave/v1/health", "/sign-in"] {
        let answer = ask(&house, &root, path).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    }
    let mut plain = TcpStream::connect(house.address).await.unwrap();
    plain.write_all(b"GET /api/byleave/v1/health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "plain HTTP was answered on the port of TLS");
}

#[tokio::test]
async fn without_tls_nothing_asks_browsers_for_it() {
    let house = House::open().await;
    let answer = house.nobody().get("/api/byleave/v1/health").await;
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let dir = TempDir::new().unwrap();
    let (certificate, key, old) = pair();
    write(dir.path(), &certificate, &key);
    let tls = Tls::load(files(dir.path())).unwrap();
    let house = house(&tls, Limits::default()).await;
    assert!(!tls.reload().unwrap(), "nothing has changed");
    let (certificate, key, new) = pair();
    write(dir.path(), &certificate, &key);
    assert!(tls.reload().unwrap());
    ask(&house, &new, "/api/byleave/v1/health").await.unwrap();
    ask(&house, &old, "/api/byleave/v1/health").await.unwrap_err();
}

#[tokio::test]
async fn a_pair_that_does_not_fit_leaves_the_one_before() {
    let dir = TempDir::new().unwrap();
    let (certificate, key, root) = pair();
    write(dir.path(), &certificate, &key);
    let tls = Tls::load(files(dir.path())).unwrap();
    let house = house(&tls, Limits::default()).await;
    let (other, _, _) = pair();
    for (certificate, key, named) in [
        (other.as_str(), key.as_str(), "cannot be used together"),
        ("nothing", key.as_str(), "certificate.pem` holds no certificate"),
        (certificate.as_str(), "nothing", "key.pem` holds no private key"),
        (key.as_str(), key.as_str(), "holds no certificate"),
    ] {
        write(dir.path(), certificate, key);
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        ask(&house, &root, "/api/byleave/v1/health").await.unwrap();
    }
    fs::remove_file(files(dir.path()).key).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Read { .. })));
    ask(&house, &root, "/api/byleave/v1/health").await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut() {
    let dir = TempDir::new().unwrap();
    let (certificate, key, root) = pair();
    write(dir.path(), &certificate, &key);
    let limits = Limits { headers_for: Duration::from_millis(300), ..Limits::default() };
    let house = house(&Tls::load(files(dir.path())).unwrap(), limits).await;
    let mut silent = TcpStream::connect(house.address).await.unwrap();
    silent.write_all(&[22, 3, 1]).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut answer)).await;
    let _ = ended.expect("closed in time");
    ask(&house, &root, "/api/byleave/v1/health").await.unwrap();
}

#[tokio::test]
async fn links_say_https_if_a_trusted_proxy_or_tls_says_so() {
    for (networks, scheme) in [(vec![], "http"), (vec!["127.0.0.0/8".parse().unwrap()], "https")] {
        let entrance = Entrance { tls: None, proxies: Proxies::new(networks) };
        let house = House::behind(Limits::default(), entrance).await;
        let shop = house.customer("shop").await;
        let path = format!("/api/atlas/v2/orgs/{}", shop.organization);
        let call = Call::new(Method::GET, &path).header("x-forwarded-proto", "https");
        let link = shop.owner.send(call).await.ok()["links"][0]["href"].as_str().unwrap().to_owned();
        assert!(link.starts_with(&format!("{scheme}://")), "{link}");
    }
}

#[tokio::test]
async fn an_access_list_holds_for_the_client_behind_a_trusted_proxy_and_for_nobody_who_only_says_so() {
    for (networks, status) in [(vec![], 403), (vec!["127.0.0.0/8".parse().unwrap()], 200)] {
        let entrance = Entrance { tls: None, proxies: Proxies::new(networks) };
        let house = House::behind(Limits::default(), entrance).await;
        let shop = house.customer("shop").await;
        let keys = format!("/api/atlas/v2/orgs/{}/apiKeys", shop.organization);
        let made = shop.owner.post(&keys, json!({ "desc": "far", "roles": ["ORG_MEMBER"] })).await.ok();
        let list = format!("{keys}/{}/accessList", text(&made["id"]));
        shop.owner.post(&list, json!([{ "ipAddress": "203.0.113.9" }])).await.ok();
        let key = Client::digest(house.address, &text(&made["publicKey"]), &text(&made["privateKey"]));
        let call = Call::new(Method::GET, "/api/atlas/v2/orgs").header("x-forwarded-for", "198.51.100.1, 203.0.113.9");
        assert_eq!(key.send(call).await.status.as_u16(), status);
        key.get("/api/atlas/v2/orgs").await.refused(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST");
    }
}
