//! `byleave api`: any call of the API, for what has no command, and for scripts.

use std::io::Read;

use anyhow::Context;
use byleave_api::path::ATLAS;
use clap::Args;
use reqwest::Method;

use super::Caller;
use super::client::{ATLAS_JSON, Request};
use super::fault::{Fault, Outcome};
use super::output;

/// What `api` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave api GET /api/atlas/v2/orgs\n  \
    byleave api POST '/api/byleave/v1/groups/…/clusters/Shop:grant' -d '{\"grantType\":\"CLUSTER_DATABASE_LOGS\"}'\n  \
    byleave api PATCH /api/atlas/v2/orgs/…/settings -d @settings.json\n\n\
    Prints the body of the answer. An error answer in JSON goes to standard output, too, and the exit\n\
    code tells it.")]
pub(crate) struct Api {
    /// GET, POST, PATCH, PUT or DELETE
    #[arg(value_name = "METHOD", ignore_case = true, value_parser = ["GET", "POST", "PATCH", "PUT", "DELETE"])]
    method: String,
    /// The path, with query
    path: String,
    /// The body: JSON, @file, or @- for standard input
    #[arg(short = 'd', long, value_name = "JSON")]
    body: Option<String>,
    /// The media type to ask for
    #[arg(long, value_name = "TYPE")]
    accept: Option<String>,
}

/// Calls.
pub(super) async fn run(caller: &Caller, args: Api) -> Outcome<()> {
    if !args.path.starts_with('/') || args.path.starts_with("//") {
        return Err(Fault::usage(format!(
            "the path `{}` must begin with one `/`, such as /api/atlas/v2/orgs",
            args.path
        )));
    }
    let method = Method::from_bytes(args.method.to_uppercase().as_bytes()).context("the method is none")?;
    let usual = if args.path.starts_with(ATLAS) { ATLAS_JSON } else { "application/json" };
    let body = args.body.as_deref().map(read_body).transpose()?;
    let accept = args.accept.as_deref().unwrap_or(usual);
    let request = Request { method, path: args.path.clone(), accept, body, tag: None };
    let answer = caller.client.ask(&request).await?;
    let pretty =
        serde_json::from_slice::<serde_json::Value>(&answer.body).and_then(|json| serde_json::to_vec_pretty(&json));
    if let (Err(_), false) = (&pretty, answer.status.is_success()) {
        // A page for people, which says no more than the status does.
        let fault = caller.client.refusal(&request, &answer);
        return Err(match args.path.starts_with("/api/") {
            true => fault,
            false => fault.advise("paths of the API begin with /api/atlas/v2/ or /api/byleave/v1/"),
        });
    }
    let mut text = pretty.unwrap_or_else(|_| answer.body.clone());
    if !text.is_empty() {
        text.push(b'\n');
    }
    output::write(&text)?;
    caller.client.judge(&request, answer).map(|_| ())
}

fn read_body(text: &str) -> Outcome<Vec<u8>> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text.as_bytes().to_vec()) };
    if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read the body from standard input")?;
        return Ok(bytes);
    }
    Ok(std::fs::read(file).with_context(|| format!("cannot read `{file}`"))?)
}
