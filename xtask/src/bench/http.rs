//! Just enough HTTP to grant and revoke without another program in between.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The organization's owner, before the server.
pub(crate) struct Owner {
    address: String,
    group: String,
    cluster: String,
    sign_in: Value,
}

impl Owner {
    /// Reads what `byleave demo` said of itself.
    pub(crate) fn of(facts: &Value) -> Result<Self> {
        let text = |pointer: &str| {
            let found = facts.pointer(pointer).and_then(Value::as_str);
            found.map(str::to_owned).with_context(|| format!("the demo names no {pointer}"))
        };
        Ok(Self {
            address: text("/url")?.trim_start_matches("http://").to_owned(),
            group: text("/groupId")?,
            cluster: text("/cluster")?,
            sign_in: json!({ "userName": text("/owner/email")?, "password": text("/owner/password")? }),
        })
    }

    /// Signs in: granting needs a password given just now.
    pub(crate) fn sign_in(&self) -> Result<String> {
        let signed_in = self.call("POST", "/session", None, Some(&self.sign_in))?;
        Ok(signed_in.pointer("/token").and_then(Value::as_str).context("no token came")?.to_owned())
    }

    /// Grants access to the infrastructure.
    pub(super) fn grant(&self, token: &str) -> Result<()> {
        self.grant_this(token, &json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }))
    }

    /// Grants what the body says.
    pub(super) fn grant_this(&self, token: &str, wanted: &Value) -> Result<()> {
        self.call("POST", &self.verb("grant"), Some(token), Some(wanted)).map(|_| ())
    }

    /// Revokes it.
    pub(super) fn revoke(&self, token: &str) -> Result<()> {
        self.call("POST", &self.verb("revoke"), Some(token), None).map(|_| ())
    }

    /// How fast the latest cuts were inside the server, in milliseconds: median, 99 of 100, the slowest.
    pub(super) fn cuts(&self, administrator: &str) -> Result<[f64; 3]> {
        let live = self.call("GET", "/live", Some(administrator), None)?;
        let of = |name: &str| {
            let micros = live.pointer(&format!("/cuts/{name}")).and_then(Value::as_f64);
            micros.map(|micros| micros / 1e3).with_context(|| format!("the server tells no {name}"))
        };
        Ok([of("medianMicros")?, of("p99Micros")?, of("worstMicros")?])
    }

    /// Where the node's SSH server listens.
    pub(super) fn node_port(&self, token: &str) -> Result<u16> {
        let path = format!("/groups/{}/clusters/{}", self.group, self.cluster);
        let cluster = self.call("GET", &path, Some(token), None)?;
        let address = cluster.pointer("/nodes/0/address").and_then(Value::as_str).context("the cluster has no node")?;
        Ok(address.rsplit_once(':').context("the node has no port")?.1.parse()?)
    }

    /// Asks whether the server is ready.
    ///
    /// # Errors
    /// If it is not, or does not answer.
    pub(super) fn is_ready(&self) -> Result<()> {
        self.call("GET", "/ready", None, None).map(|_| ())
    }

    fn verb(&self, verb: &str) -> String {
        format!("/groups/{}/clusters/{}:{verb}", self.group, self.cluster)
    }

    fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} /api/byleave/v1{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: application/json\r\n\
             {authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the server answered half")?;
        ensure!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {head}\n{body}");
        Ok(serde_json::from_str(body).unwrap_or(Value::Null))
    }
}
