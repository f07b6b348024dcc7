//! HTTP/1.1 on one kept connection: as little of it as a load needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

/// One connection.
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Wire {
    /// Connects.
    pub(super) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), address: address.to_owned() })
    }

    /// Reads something; answers the body.
    pub(super) fn get(&mut self, path: &str, token: &str) -> Result<String> {
        self.call("GET", path, token, "")
    }

    /// Does something; answers the body.
    pub(super) fn post(&mut self, path: &str, token: &str, body: &str) -> Result<String> {
        self.call("POST", path, token, body)
    }

    fn call(&mut self, method: &str, path: &str, token: &str, body: &str) -> Result<String> {
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/vnd.atlas.2024-08-05+json\r\n{authorization}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
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
