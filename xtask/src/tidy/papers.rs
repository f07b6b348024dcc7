//! Pages: a link inside the repository leads somewhere, and a test that is named is there.

use super::{Finding, Text};

/// Checks the relative links of every Markdown page.
pub(super) fn check(texts: &[Text], there: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for text in texts.iter().filter(|text| text.path.ends_with(".md")) {
        let folder = text.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in links(&text.content) {
            let path = target.split('#').next().unwrap_or_default();
            let outside = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            if !outside && !there(&join(folder, path)) {
                findings.push(Finding::at(&text.path, format!("the link to `{path}` leads nowhere")));
            }
        }
    }
    findings.extend(unknown_tests(texts));
    findings
}

/// The pages that promise a test for each line.
const PROMISES: &[&str] = &["docs/attacks.md", "docs/faults.md"];

/// Tests that a page names and no source has. A test's name is a sentence, so it has several words.
fn unknown_tests(texts: &[Text]) -> Vec<Finding> {
    let is_sentence = |word: &&str| {
        word.split('_').count() > 3
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let mut findings = Vec::new();
    for page in texts.iter().filter(|text| PROMISES.contains(&text.path.as_str())) {
        for name in page.content.split('`').skip(1).step_by(2).filter(is_sentence) {
            let call = format!("fn {name}(");
            if !texts.iter().any(|text| text.path.ends_with(".rs") && text.content.contains(&call)) {
                findings.push(Finding::at(&page.path, format!("there is no test `{name}`")));
            }
        }
    }
    findings
}

/// The targets of `[text](target)`.
fn links(content: &str) -> impl Iterator<Item = &str> {
    content.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_named_is_there() {
        let text = |path: &str, content: &str| Text { path: path.to_owned(), content: content.to_owned() };
        let page = text("docs/faults.md", "| a | `kill_nine` | `no_such_thing_happens`, `this_one_is_there` |");
        let source = text("crates/a/tests/it/b.rs", "#[test]\nfn this_one_is_there() {}");
        let found = check(&[page, source], &|_| true);
        assert_eq!(found, [Finding::at("docs/faults.md", "there is no test `no_such_thing_happens`")]);
    }

    #[test]
    fn a_link_leads_somewhere() {
        let page = "See [a](a.md#part), [b](../b.md), [web](https://example.com) and [here](#x).";
        let text = Text { path: "docs/x.md".to_owned(), content: page.to_owned() };
        let found = check(&[text], &|path| path == "docs/a.md");
        assert_eq!(found, [Finding::at("docs/x.md", "the link to `../b.md` leads nowhere")]);
    }
}
