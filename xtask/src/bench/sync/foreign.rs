//! The same with programs that are not ours: pymongo at smongo, as the tests of sync data use them.
//!
//! Both are Python, so the server and the client take most of the time; what is seen is what an engineer would notice.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use serde_json::json;

use super::house::{House, program};
use super::{FINDERS, LASTS, Programs, compare};
use crate::step;

/// How many documents of a kilobyte a cursor reads.
const DOCUMENTS: usize = 100_000;

/// Measures; answers rows.
pub(super) fn measure(programs: &Programs<'_>, rounds: usize) -> Result<Vec<(String, [String; 4])>> {
    let folder = tempfile::Builder::new().prefix("byleave-bench-").tempdir_in("/var/tmp")?;
    let ca = certificates(folder.path())?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut server = Command::new(programs.python);
    server.arg(programs.scripts.join("smongo_server.py")).arg(folder.path().join("database")).arg(port.to_string());
    server.args([folder.path().join("server.pem"), folder.path().join("server.key")]).arg(DOCUMENTS.to_string());
    let (server, _ready) = program(&mut server, programs.python)?;
    let said = json!({ "port": port, "ca": ca, "user": "gateway", "password": "a password of the cluster" });
    let client = vec![programs.python.to_owned(), programs.scripts.join("sync_bench.py")];
    let house = House::before(programs, server, &said, client)?;
    let finds = compare(&house, rounds, FINDERS, &format!("find {LASTS}"))?;
    let scans = compare(&house, rounds, 1, "scan 0 1")?;
    Ok(vec![
        (format!("pymongo at smongo: find by `_id`, {FINDERS} threads, a second"), finds.rates(1.0)),
        ("processor time of it, client / gateway / server, µs".to_owned(), finds.costs(1.0)),
        ("pymongo at smongo: a cursor over 100 MB, MB a second".to_owned(), scans.rates(1e6)),
    ])
}

/// An authority and a server that it vouches for, as files; answers the authority's certificate.
fn certificates(folder: &Path) -> Result<String> {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        step::must(command.args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()))
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let ca = ["-x509", "-days", "2", "-subj", "/CN=bench", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(&[&["req"], &key[..], &ca].concat())?;
    let name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    openssl(&[&["req"], &key[..], &name, &["-keyout", "server.key", "-out", "request.pem"]].concat())?;
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"];
    openssl(&[&sign[..], &["-CAcreateserial", "-copy_extensions", "copyall", "-out", "alone.pem"]].concat())?;
    let ca = fs::read_to_string(folder.join("ca.pem"))?;
    fs::write(folder.join("server.pem"), fs::read_to_string(folder.join("alone.pem"))? + &ca)?;
    Ok(ca)
}
