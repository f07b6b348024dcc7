//! The description of the API: an OpenAPI 3.1 document, made of the routes, the types of the API and one table of
//! sentences.
//!
//! Every route has its line in a table of [`atlas`], [`account`] or [`byleave`]; what follows from a route is not
//! repeated there ([`description`]). It must never say a status that cannot happen: the tests walk every pair of
//! operation and status on a real server, and look up every answer that they get.

use std::sync::LazyLock;

use serde_json::Value;

use crate::api;
use crate::api::version::Versions;

mod account;
mod atlas;
mod byleave;
mod description;
mod document;
mod parameter;
mod schema;

use description::{Description, Section};

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(document::document);

/// The document as it is served.
pub static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());

/// Every section, Atlas's paths first.
fn sections() -> impl Iterator<Item = &'static Section> {
    atlas::SECTIONS.iter().chain(account::SECTIONS).chain(byleave::SECTIONS)
}

/// Every description that has a route, with the versions of the route.
fn described() -> impl Iterator<Item = (&'static Section, &'static Description, Versions)> {
    let all = sections().flat_map(|section| section.operations.iter().map(move |operation| (section, operation)));
    all.filter_map(|(section, operation)| {
        let versions = versions(operation.method, operation.path)?;
        Some((section, operation, versions))
    })
}

/// The versions of a route that is served.
fn versions(method: &str, path: &str) -> Option<Versions> {
    served().find(|(known, _)| *known == (method, path)).map(|(_, versions)| versions)
}

/// Every operation that is served, and its versions.
fn served() -> impl Iterator<Item = ((&'static str, &'static str), Versions)> {
    let atlas = api::atlas::OPERATIONS.iter().zip(api::atlas::VERSIONS);
    let byleave = api::byleave::OPERATIONS.iter().zip(api::byleave::VERSIONS);
    let oauth = api::oauth::OPERATIONS.iter().zip(api::oauth::VERSIONS);
    atlas.chain(byleave).chain(oauth).map(|(operation, versions)| (*operation, *versions))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_once_and_nothing_else() {
        let served: Vec<_> = served().map(|(operation, _)| operation).collect();
        let told: Vec<_> =
            sections().flat_map(|section| section.operations).map(|one| (one.method, one.path)).collect();
        let set = |all: &[(&'static str, &'static str)]| all.iter().copied().collect::<BTreeSet<_>>();
        let missing: Vec<_> = set(&served).difference(&set(&told)).copied().collect();
        let invented: Vec<_> = set(&told).difference(&set(&served)).copied().collect();
        assert_eq!((missing, invented), (vec![], vec![]), "without a description, and without a route");
        assert_eq!(set(&told).len(), told.len(), "described twice");
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        for (_, path) in served().map(|(operation, _)| operation) {
            assert_eq!(parameter::Parameter::of_path(path).count(), path.matches('{').count(), "{path}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut known = BTreeSet::new();
        for (_, operation, _) in described() {
            let name = document::operation_id(operation);
            assert!(known.insert(name.clone()), "{name}");
        }
    }
}
