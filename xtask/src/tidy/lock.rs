//! What gets linked: one SQLite, of the release with the fix of the WAL corruption; one provider of TLS; and a count
//! of packages that does not grow unnoticed.

use anyhow::{Context, Result};

use super::Finding;

/// The first bundled SQLite (3.51.3) that does not corrupt a database in WAL mode.
const SQLITE: (&str, &str) = ("libsqlite3-sys", "0.40.0");

/// Packages that would bring a second cryptographic library.
const BANNED: &[&str] = &["native-tls", "openssl", "openssl-sys"];
/// One more, which the lock file names although nothing links it: a weak feature of this package could.
const RING: (&str, &str) = ("ring", "rustls-webpki");

/// Checks the lock file, and that the README tells its size.
///
/// # Errors
/// If the lock file cannot be read.
pub(super) fn check(lock: &str, readme: &str) -> Result<Vec<Finding>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock names no packages")?;
    let field = |package: &toml::Value, name: &str| {
        package.get(name).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    };
    let names: Vec<(String, String)> =
        packages.iter().map(|package| (field(package, "name"), field(package, "version"))).collect();
    let mut findings = Vec::new();
    let sqlite: Vec<&str> =
        names.iter().filter(|(name, _)| name == SQLITE.0).map(|(_, version)| version.as_str()).collect();
    if sqlite != [SQLITE.1] {
        let rule = format!("{} has to be there once, in version {}: found {sqlite:?}", SQLITE.0, SQLITE.1);
        findings.push(Finding::at("Cargo.lock", rule));
    }
    for (name, _) in names.iter().filter(|(name, _)| BANNED.contains(&name.as_str())) {
        findings.push(Finding::at("Cargo.lock", format!("`{name}`: aws-lc-rs is our only cryptographic library")));
    }
    for (package, (name, _)) in packages.iter().zip(&names).filter(|(_, (name, _))| name.as_str() != RING.1) {
        let needs = package.get("dependencies").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if needs.iter().any(|need| need.as_str() == Some(RING.0)) {
            let rule = format!("`{name}` needs `{}`: aws-lc-rs is our only cryptographic library", RING.0);
            findings.push(Finding::at("Cargo.lock", rule));
        }
    }
    let count = format!("{} packages", names.len());
    if !readme.contains(&count) {
        findings.push(Finding::at("README.md", format!("has to say that the lock file names {count}")));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(packages: &[(&str, &str)], readme: &str) -> usize {
        let lock: String = packages
            .iter()
            .map(|(name, version)| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n"))
            .collect();
        check(&lock, readme).unwrap().len()
    }

    #[test]
    fn there_is_one_sqlite_of_the_right_release() {
        assert_eq!(found(&[SQLITE], "1 packages"), 0);
        assert_eq!(found(&[("libsqlite3-sys", "0.36.0")], "1 packages"), 1);
        assert_eq!(found(&[SQLITE, ("libsqlite3-sys", "0.30.1")], "2 packages"), 1);
        assert_eq!(found(&[("a", "1.0.0")], "1 packages"), 1);
    }

    #[test]
    fn there_is_one_cryptographic_library() {
        assert_eq!(found(&[SQLITE, ("native-tls", "0.1.0"), ("openssl-sys", "0.9.0")], "3 packages"), 2);
        assert_eq!(found(&[SQLITE, ("ring", "0.17.0")], "2 packages"), 0, "it is named, and linked by nothing");
        let needs = "1.0.0\"\ndependencies = [\"ring\"]\nsource = \"";
        assert_eq!(found(&[SQLITE, ("rustls-webpki", needs)], "2 packages"), 0);
        assert_eq!(found(&[SQLITE, ("rustls", needs)], "2 packages"), 1);
    }

    #[test]
    fn the_readme_tells_how_many_packages_there_are() {
        assert_eq!(found(&[SQLITE], "2 packages"), 1);
    }
}
