//! Which crate may know which: the arrows of `ARCHITECTURE.md`, as an allow-list.

use anyhow::{Context, Result};

use super::{Finding, Text};

/// What one crate may depend on.
struct Allowed {
    package: &'static str,
    ours: &'static [&'static str],
    /// Crates of others, for the crates that have to stay pure. `None` allows any.
    others: Option<&'static [&'static str]>,
}

const ALLOWED: &[Allowed] = &[
    Allowed { package: "byleave-core", ours: &[], others: Some(&["jiff", "thiserror"]) },
    Allowed {
        package: "byleave-log",
        ours: &["byleave-core"],
        others: Some(&["base64", "ed25519-dalek", "hex", "serde", "serde_json", "sha2", "thiserror"]),
    },
    Allowed {
        package: "byleave-api",
        ours: &["byleave-core"],
        others: Some(&["percent-encoding", "serde", "serde_json", "utoipa"]),
    },
    Allowed { package: "byleave-store", ours: &["byleave-core", "byleave-log"], others: None },
    Allowed { package: "byleave-gateway", ours: &["byleave-core", "byleave-wire"], others: None },
    Allowed { package: "byleave-web", ours: &["byleave-api", "byleave-core", "byleave-store"], others: None },
    Allowed {
        package: "byleave-app",
        ours: &["byleave-api", "byleave-core", "byleave-gateway", "byleave-log", "byleave-store", "byleave-web"],
        others: None,
    },
    Allowed {
        package: "byleave-wire",
        ours: &["byleave-core"],
        others: Some(&["base64", "hmac", "pbkdf2", "sha2", "subtle", "thiserror", "zeroize"]),
    },
    Allowed { package: "byleave-fuzz", ours: &["byleave-wire"], others: Some(&["libfuzzer-sys"]) },
    Allowed { package: "xtask", ours: &[], others: None },
];

/// How many crates `core` may depend on.
const CORE_DEPENDENCIES: usize = 3;

/// Checks every manifest of the workspace.
///
/// # Errors
/// If a manifest is no TOML or names no package.
pub(super) fn check(texts: &[Text]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for text in texts.iter().filter(|text| text.path.ends_with("/Cargo.toml")) {
        let manifest: toml::Table = text.content.parse().with_context(|| text.path.clone())?;
        let package = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let package = package.with_context(|| format!("{}: no package name", text.path))?;
        let Some(allowed) = ALLOWED.iter().find(|allowed| allowed.package == package) else {
            findings.push(Finding::at(&text.path, format!("`{package}` has no line in xtask/src/tidy/manifests.rs")));
            continue;
        };
        check_one(&text.path, allowed, &manifest, &mut findings);
    }
    Ok(findings)
}

fn check_one(path: &str, allowed: &Allowed, manifest: &toml::Table, findings: &mut Vec<Finding>) {
    let names = |kind: &str| -> Vec<String> {
        manifest
            .get(kind)
            .and_then(toml::Value::as_table)
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    };
    let direct = names("dependencies");
    // A test may not see what the code may not see either: it would be the way round the rule.
    let all = direct.iter().cloned().chain(names("dev-dependencies")).chain(names("build-dependencies"));
    for name in all.filter(|name| {
        name.starts_with("byleave-") && name != allowed.package && !allowed.ours.contains(&name.as_str())
    }) {
        findings.push(Finding::at(path, format!("`{}` must not know `{name}`", allowed.package)));
    }
    if let Some(others) = allowed.others {
        let foreign = direct.iter().filter(|name| !name.starts_with("byleave-"));
        for name in foreign.filter(|name| !others.contains(&name.as_str())) {
            findings.push(Finding::at(path, format!("`{}` is pure and must not depend on `{name}`", allowed.package)));
        }
    }
    if allowed.package == "byleave-core" && direct.len() > CORE_DEPENDENCIES {
        findings.push(Finding::at(path, format!("more than {CORE_DEPENDENCIES} direct dependencies")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, rest: &str) -> Vec<String> {
        let content = format!("[package]\nname = \"{package}\"\n{rest}");
        let text = Text { path: format!("crates/{package}/Cargo.toml"), content };
        check(&[text]).unwrap().into_iter().map(|Finding(finding)| finding).collect()
    }

    #[test]
    fn web_and_gateway_never_see_each_other() {
        assert_eq!(found("byleave-web", "[dependencies]\nbyleave-gateway.workspace = true").len(), 1);
        assert_eq!(found("byleave-gateway", "[dev-dependencies]\nbyleave-web.workspace = true").len(), 1);
        assert_eq!(found("byleave-web", "[dependencies]\nbyleave-store.workspace = true").len(), 0);
    }

    #[test]
    fn core_stays_pure() {
        assert_eq!(found("byleave-core", "[dependencies]\njiff = \"1\"\nthiserror = \"2\"").len(), 0);
        assert_eq!(found("byleave-core", "[dependencies]\ntokio = \"1\"").len(), 1);
        assert_eq!(found("byleave-core", "[dependencies]\na = \"1\"\nb = \"1\"\nc = \"1\"\nd = \"1\"").len(), 5);
    }

    #[test]
    fn a_crate_without_a_line_is_found() {
        assert_eq!(found("byleave-new", "").len(), 1);
    }
}
