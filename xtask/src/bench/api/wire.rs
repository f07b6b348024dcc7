//! HTTP/1.1 on one kept connection: as little of it as a client needs that waits for each answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

/// One connection.
pub(in crate::bench) struct Wire {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Wire {
    /// Connects.
    pub(in crate::bench) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), address: address.to_owned() })
    }

    /// Reads something; answers the body.
    pub(in crate::bench) fn get(&mut self, path: &str, token: &str) -> Result<String> {
        self.call("GET", path, token, "")
    }

    /// Does something; answers the body.
    pub(in crate::bench) fn post(&mut self, path: &str, token: &str, body: &str) -> Result<String> {
        self.call("POST", path, token, body)
    }

    fn call(&mut self, method: &str, path: &str, token: &str, body: &str) -> Result<String> {
        let request = request(&self.address, method, path, token, body);
        self.stream.get_mut().write_all(&request)?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server closed the connection");
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status.is_empty() {
                text.clone_into(&mut status);
            }
            if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("content-length")?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        let answer = String::from_utf8(answer)?;
        ensure!(status.starts_with("HTTP/1.1 2"), "{method} {path}: {status}\n{answer}");
        Ok(answer)
    }
}

/// A request that reads.
pub(super) fn get(address: &str, path: &str, token: &str) -> Vec<u8> {
    request(address, "GET", path, token, "")
}

fn request(address: &str, method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let about_body = if method == "GET" {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    let accept = "application/vnd.atlas.2024-08-05+json";
    format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n{authorization}{about_body}\r\n{body}")
        .into_bytes()
}
