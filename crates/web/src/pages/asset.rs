//! The files that pages refer to: one sheet, one script, one drawing, compiled into the binary.
//!
//! A file's address holds the hash of its content, so a browser may keep it for ever and never shows an old script
//! with a new page. Nothing here depends on who asks.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// One file.
pub(super) struct Asset {
    name: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, content: &'static str) -> Self {
        let hash: String = Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("{stem}-{hash}.{ending}"), kind, content }
    }

    /// Where the browser finds it.
    pub(super) fn url(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The sheet.
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("app", "css", "text/css; charset=utf-8", include_str!("app.css")));
/// The script.
pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("app", "js", "text/javascript; charset=utf-8", include_str!("app.js")));
/// The drawing in the browser's tab.
pub(super) static MARK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("mark", "svg", "image/svg+xml", include_str!("mark.svg")));

/// Answers with the file of this name.
pub(super) async fn get(Path(name): Path<String>) -> Response {
    match [&STYLE, &SCRIPT, &MARK].into_iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers =
                [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
