//! What needs no server: help, completions, mistakes on the command line, a server that is not there.

use crate::server::Person;

/// A port on which nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

/// The names of the commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names =
        lines.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Walks all commands and calls `check` for each that has none below it.
fn walk(person: &Person, path: &mut Vec<String>, check: &mut dyn FnMut(&[String], &str)) {
    let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
    args.push("--help");
    let help = person.run(&args).ok();
    let below = commands(&help);
    if below.is_empty() {
        check(path, &help);
    }
    for name in below {
        path.push(name);
        walk(person, path, check);
        path.pop();
    }
}

#[test]
fn every_command_shows_an_example() {
    let mut seen = Vec::new();
    walk(&Person::new(), &mut Vec::new(), &mut |path, help| {
        let line = format!("byleave {}", path.join(" "));
        assert!(help.contains("Example") || help.contains("The file, TOML"), "{line} shows no example:\n{help}");
        seen.push(line);
    });
    for wanted in ["byleave revoke", "byleave employees keys add", "byleave evidence verify", "byleave serve"] {
        assert!(seen.iter().any(|line| line == wanted), "{wanted} is missing: {seen:?}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let text = Person::new().run(&["completions", shell]).ok();
        assert!(text.contains("revoke") && text.contains("sessions"), "{shell}");
    }
    Person::new().run(&["completions", "abacus"]).fails(2);
}

#[test]
fn mistakes_on_the_command_line_are_usage() {
    let person = Person::new();
    for (args, named) in [
        (vec!["grant"], "CLUSTER"),
        (vec!["grant", "Shop", "--for", "25h"], "24h"),
        (vec!["grant", "Shop", "--for", "soon"], "--for"),
        (vec!["grant", "Shop", "--type", "everything"], "logs"),
        (vec!["grants", "--server", "ftp://x"], "https://"),
        (vec!["grants", "--token", "t", "--server", "http://byleave.example"], "clear"),
        (vec!["sign-in", "mia@harbour.example", "--server", "http://192.0.2.2:18099"], "clear"),
        (vec!["grants", "--public-key", "abcdefgh"], "BYLEAVE_PRIVATE_KEY"),
        (vec!["users", "invite", "ada@shop.example"], "--role"),
        (vec!["sessions", "end"], "SESSION"),
        (vec!["sessions", "end", "../x"], "letters"),
        (vec!["api", "get", "//evil.example/x"], "`/`"),
        (vec!["organizations", "longest-grant", "2d"], "TIME"),
        (vec!["fly"], "fly"),
    ] {
        let err = person.run(&args).fails(2);
        assert!(err.contains(named), "{args:?}: {err}");
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let person = Person::new().with("BYLEAVE_SERVER", NOBODY);
    for args in [vec!["grants"], vec!["revoke", "Shop"], vec!["block"], vec!["api", "GET", "/api/byleave/v1/health"]] {
        let err = person.run(&args).fails(5);
        assert!(err.contains(NOBODY) && err.contains("--server"), "{args:?}: {err}");
    }
    let err = person.run(&["grants", "--output", "json"]).fails(5);
    let fault: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(fault["exit"], 5, "{fault}");
}

#[test]
fn a_mistake_in_an_inventory_is_told_with_its_line() {
    let person = Person::new().with("BYLEAVE_SERVER", NOBODY);
    let file = person.home().join("inventory.toml");
    std::fs::write(
        &file,
        "[[cluster]]\norganization = \"A\"\nproject = \"P\"\nname = \"Shop!\"\nhost = \"shop.example\"\n",
    )
    .unwrap();
    let err = person.run(&["inventory", "plan", file.to_str().unwrap(), "--token", "t"]).fails(2);
    assert!(err.contains("inventory.toml:4: `name`") && err.contains("`Shop!`"), "{err}");
}

#[test]
fn doctor_names_what_is_wrong() {
    let person = Person::new().with("BYLEAVE_SERVER", NOBODY);
    let missing = person.home().join("none");
    let ran = person.run(&["doctor", "--data", missing.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("WRONG  data directory"), "{}", ran.out);
}
