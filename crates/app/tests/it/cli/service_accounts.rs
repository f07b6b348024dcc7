//! Service accounts with the command line, and what a program gets with them.

use super::story::{INVENTORY, Story, begin_with, event_names};

#[test]
fn an_owner_makes_changes_and_removes_a_service_account() {
    let Story { server: _server, administrator, owner } = begin_with(INVENTORY);
    let accounts = |args: &[&str]| owner.run(&[&["service-accounts"], args].concat());
    let add = ["add", "pipeline", "--description", "deploys", "--role", "ORG_READ_ONLY", "--hours", "24"];
    let made = accounts(&[add.as_slice(), &["--output", "json"]].concat()).json();
    let (client, secret) = (made["clientId"].as_str().unwrap(), made["secrets"][0]["secret"].as_str().unwrap());
    assert!(client.starts_with("mdb_sa_id_") && secret.starts_with("mdb_sa_sk_"), "{client}");
    let listed = accounts(&["list"]).ok();
    assert!(listed.contains("pipeline") && listed.contains(client) && !listed.contains(secret), "{listed}");
    let second = accounts(&["secrets", "add", "pipeline"]).ok();
    assert!(second.contains("client secret  mdb_sa_sk_"), "{second}");
    let told = accounts(&["secrets", "add", client]).fails(1);
    assert!(told.contains("at most 2 secrets"), "{told}");
    let removed = accounts(&["secrets", "remove", "pipeline", made["secrets"][0]["id"].as_str().unwrap()]).ok();
    assert!(removed.contains("was removed"), "{removed}");
    accounts(&["secrets", "remove", "pipeline", "zzzz"]).fails(4);
    assert!(accounts(&["access-list", "list", "pipeline"]).ok().contains("taken from everywhere"));
    accounts(&["access-list", "add", "pipeline", "192.0.2.7", "2001:db8::/32"]).ok();
    let list = accounts(&["access-list", "list", "pipeline"]).ok();
    assert!(list.contains("192.0.2.7/32") && list.contains("2001:db8::/32"), "{list}");
    accounts(&["access-list", "remove", "pipeline", "2001:db8::/32"]).ok();
    accounts(&["access-list", "remove", "pipeline", "192.0.2.7"]).ok();
    accounts(&["access-list", "add", "pipeline", "192.0.2.7/24"]).fails(2);
    accounts(&["remove", "nobody"]).fails(4);
    accounts(&["remove", "pipeline"]).ok();
    assert!(accounts(&["list"]).ok().contains("no service accounts"));
    let refused = administrator.run(&["service-accounts", "list", "--org", "Harbour Books"]);
    assert!(matches!(refused.code, 3 | 4), "{refused:#?}");
    let names = event_names(&owner);
    for (name, times) in
        [("service_account.added", 1), ("service_account.removed", 1), ("service_account.network_added", 2)]
    {
        assert_eq!(names.iter().filter(|known| *known == name).count(), times, "{name} in {names:?}");
    }
}

#[test]
fn a_service_account_asks_with_its_client_id_and_secret() {
    let Story { server: _server, administrator: _administrator, owner } = begin_with(INVENTORY);
    let add =
        ["service-accounts", "add", "pipeline", "--description", "deploys", "--role", "ORG_OWNER", "--output", "json"];
    let made = owner.run(&add).json();
    let (id, secret) = (made["clientId"].as_str().unwrap(), made["secrets"][0]["secret"].as_str().unwrap());
    let program = owner.with("BYLEAVE_CLIENT_ID", id);
    let told = program.run(&["clusters", "list"]).fails(2);
    assert!(told.contains("--client-secret (or BYLEAVE_CLIENT_SECRET) is missing"), "{told}");
    let program = program.with("BYLEAVE_CLIENT_SECRET", secret);
    let listed = program.run(&["clusters", "list"]).ok();
    assert!(listed.contains("Shop"), "{listed}");
    program.run(&["block"]).ok();
    let wrong = program.with("BYLEAVE_CLIENT_SECRET", "mdb_sa_sk_wrong");
    let told = wrong.run(&["clusters", "list"]).fails(3);
    assert!(told.contains(id) && told.contains("secret is wrong") && !told.contains("mdb_sa_sk_wrong"), "{told}");
}
