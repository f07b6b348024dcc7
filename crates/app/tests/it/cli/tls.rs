//! The server over TLS and the command line that trusts its authority.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::server::{Person, Server};

/// Makes a certificate for this machine and its key.
fn make(dir: &Path) {
    make_with(dir, &["-addext", "basicConstraints=critical,CA:FALSE"]);
}

fn make_with(dir: &Path, more: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=Byleave of a test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    openssl.args(more);
    openssl.arg("-out").arg(dir.join("certificate.pem")).arg("-keyout").arg(dir.join("key.pem"));
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn trusting(server: &Server, certificate: &Path) -> Person {
    server.administrator().with("BYLEAVE_TLS_CA", certificate.to_str().unwrap())
}

#[test]
fn the_command_line_trusts_the_authority_that_it_is_given_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    make(home.path());
    let (certificate, kept) = (home.path().join("certificate.pem"), home.path().join("kept.pem"));
    std::fs::copy(&certificate, &kept).unwrap();
    let key = home.path().join("key.pem");
    let data = home.path().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    let settings = format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n");
    std::fs::write(data.join("byleave.toml"), settings).unwrap();
    let path = home.path().to_owned();
    let server = Server::start_in(home);

    trusting(&server, &kept).run(&["organizations", "list"]).ok();
    let untrusted = server.administrator().run(&["organizations", "list"]).fails(5);
    assert!(untrusted.contains("certificate") && untrusted.contains("--tls-ca"), "{untrusted}");
    let missing = server.administrator().with("BYLEAVE_TLS_CA", "/nowhere").run(&["organizations", "list"]).fails(2);
    assert!(missing.contains("--tls-ca"), "{missing}");
    let empty = trusting(&server, &key).run(&["organizations", "list"]).fails(2);
    assert!(empty.contains("no certificate"), "{empty}");

    make(&path);
    kill(Pid::from_raw(server.pid()), Signal::SIGHUP).unwrap();
    let tries = (0..200).find(|_| trusting(&server, &certificate).run(&["organizations", "list"]).code == 0);
    assert!(tries.is_some(), "the new certificate is never shown");
    trusting(&server, &kept).run(&["organizations", "list"]).fails(5);
}

#[test]
fn a_certificate_of_an_authority_in_a_server_s_place_is_told_from_one_of_a_stranger() {
    let home = tempfile::tempdir().unwrap();
    make_with(home.path(), &[]);
    let (certificate, key) = (home.path().join("certificate.pem"), home.path().join("key.pem"));
    let data = home.path().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    let settings = format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n");
    std::fs::write(data.join("byleave.toml"), settings).unwrap();
    let server = Server::start_in(home);
    let told = trusting(&server, &certificate).run(&["organizations", "list"]).fails(5);
    assert!(told.contains("basicConstraints=critical,CA:FALSE") && !told.contains("--tls-ca or"), "{told}");
}
