//! Pages: a link inside the repository leads somewhere.

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
    fn a_link_leads_somewhere() {
        let page = "See [a](a.md#part), [b](../b.md), [web](https://example.com) and [here](#x).";
        let text = Text { path: "docs/x.md".to_owned(), content: page.to_owned() };
        let found = check(&[text], &|path| path == "docs/a.md");
        assert_eq!(found, [Finding::at("docs/x.md", "the link to `../b.md` leads nowhere")]);
    }
}
