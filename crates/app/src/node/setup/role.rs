//! The second wall around sync data: a role of the database's own that reads the named databases only, taken from the
//! gateway's address only. `byleave node setup` prints what makes it; nothing here runs it.

use byleave_core::name::SyncDatabase;

use super::Wanted;

/// What a person pastes into `mongosh`, signed in as somebody who may make roles and users; `None` where the inventory
/// names no sync databases.
pub(super) fn snippet(wanted: &Wanted) -> Option<String> {
    let databases: Vec<SyncDatabase> = wanted.sync_databases.iter().filter_map(|name| name.parse().ok()).collect();
    if databases.is_empty() {
        return None;
    }
    let quoted = |names: Vec<&str>| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let exact = quoted(databases.iter().map(SyncDatabase::as_str).filter(|name| !name.ends_with('*')).collect());
    let prefixes = quoted(databases.iter().filter_map(|name| name.as_str().strip_suffix('*')).collect());
    let gateways = quoted(wanted.gateways.iter().map(String::as_str).collect());
    Some(format!(
        "\
// The gateway's role in the database, once per cluster: paste this into mongosh on its primary.
// A role names databases one by one: run the second half again (updateRole) when a prefix matches new ones.
const exact = [{exact}], prefixes = [{prefixes}];
const there = db.adminCommand({{ listDatabases: 1, nameOnly: true }}).databases.map((one) => one.name);
const names = exact.concat(there.filter((name) => prefixes.some((prefix) => name.startsWith(prefix))));
const privileges = names.map((name) => ({{
  resource: {{ db: name, collection: '' }},
  actions: ['find', 'listCollections', 'listIndexes', 'collStats', 'dbStats'],
}}));
const admin = db.getSiblingDB('admin');
admin.createRole({{ role: 'byleaveSyncRead', privileges, roles: [] }});
admin.createUser({{
  user: 'byleave-gateway', pwd: passwordPrompt(), roles: ['byleaveSyncRead'], mechanisms: ['SCRAM-SHA-256'],
  authenticationRestrictions: [{{ clientSource: [{gateways}] }}],
}});
// later: admin.updateRole('byleaveSyncRead', {{ privileges }});
"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_names_only_what_the_inventory_names_and_only_the_gateway() {
        let wanted = Wanted { gateways: vec!["10.0.0.5/32".to_owned()], ..Wanted::default() };
        assert_eq!(snippet(&wanted), None, "a cluster without sync data has no such role");
        let databases = vec!["state".to_owned(), "appsync_*".to_owned(), "admin".to_owned(), "x'); drop(".to_owned()];
        let text = snippet(&Wanted { sync_databases: databases, ..wanted }).unwrap();
        assert!(text.contains("exact = ['state'], prefixes = ['appsync_']"), "{text}");
        assert!(text.contains("clientSource: ['10.0.0.5/32']") && !text.contains("drop("), "{text}");
        for write in ["insert", "update'", "remove", "readWrite", "anyAction", "'read'"] {
            assert!(!text.contains(write), "{write}: {text}");
        }
    }
}
