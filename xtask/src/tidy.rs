//! `cargo xtask tidy`: what the compiler and clippy do not check.
//!
//! Each rule is a pure function from texts to findings, tested by breaking it. Read next: [`manifests`] (direction of
//! dependencies), [`sources`] (budgets, clocks, words), [`lock`] (what is linked).

mod lock;
mod manifests;
mod papers;
mod sources;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A text of the workspace, named from its root.
pub(crate) struct Text {
    path: String,
    content: String,
}

/// A broken rule: where, and which.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding(String);

impl Finding {
    fn at(path: &str, rule: impl std::fmt::Display) -> Self {
        Self(format!("{path}: {rule}"))
    }

    fn line(path: &str, line: usize, rule: impl std::fmt::Display) -> Self {
        Self(format!("{path}:{line}: {rule}"))
    }
}

/// Reads the workspace and checks every rule.
///
/// # Errors
/// If a file cannot be read, or how many rules are broken (each was printed).
pub(crate) fn run(root: &Path) -> Result<()> {
    let texts = read(root)?;
    let lock = text(&texts, "Cargo.lock")?;
    let readme = text(&texts, "README.md")?;
    let mut findings = manifests::check(&texts)?;
    findings.extend(sources::check(&texts));
    findings.extend(lock::check(&lock.content, &readme.content)?);
    findings.extend(papers::check(&texts, &|path| root.join(path).exists()));
    for Finding(finding) in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => {
            eprintln!("tidy: {} files keep every rule", texts.len());
            Ok(())
        }
        count => bail!("{count} findings"),
    }
}

fn text<'t>(texts: &'t [Text], path: &str) -> Result<&'t Text> {
    texts.iter().find(|text| text.path == path).with_context(|| format!("`{path}` is missing"))
}

/// Reads every text that a rule looks at: Rust, TOML, Markdown, the lock file.
fn read(root: &Path) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("`{}`", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && (!name.starts_with('.') || name == ".config") {
                    folders.push(path);
                }
            } else if matters(&path) {
                texts.push(Text { path: named(root, &path), content: std::fs::read_to_string(&path)? });
            }
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(texts)
}

fn matters(path: &Path) -> bool {
    let kind = path.extension().unwrap_or_default().to_string_lossy();
    matches!(kind.as_ref(), "rs" | "toml" | "md" | "lock" | "sh" | "sql")
}

fn named(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).map_or_else(|_| PathBuf::from(path), Path::to_path_buf).to_string_lossy().into_owned()
}
