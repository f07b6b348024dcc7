//! The "…" menu of a cluster, with the labels of the procedure that Byleave follows. It opens without scripts.

use byleave_core::name::VendorName;
use byleave_core::policy::Action;
use byleave_store::cluster::ClusterRow;
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::path;
use super::visitor::Visitor;
use super::when::full;

/// The menu.
pub(super) fn menu(vendor: &VendorName, visitor: &Visitor, row: &ClusterRow) -> Markup {
    let (project, name, id) = (row.cluster.project, &row.cluster.name, row.cluster.id);
    html! {
        details.menu #(format!("menu-{id}")) name="menu" {
            summary #(format!("menu-{id}-summary")) aria-label=(format!("Actions for {name}")) { (icon(Icon::Dots)) }
            div.sheet {
                (grant_entry(vendor, visitor, row))
                @if let Some(grant) = &row.grant {
                    p { (icon(Icon::Clock)) span {
                        "Access expires on " (full(grant.expires_at))
                        @if !row.blocked { ". Standing access stays: support is not blocked." }
                    } }
                    @if visitor.may_in(Action::Revoke, project) {
                        a.ends #(format!("revoke-{id}")) href=(path::revoke(project, name)) data-dialog {
                            (icon(Icon::Lock))
                            "Revoke Temporary Infrastructure Access to " (vendor) " Support"
                        }
                    }
                }
                hr;
                a href=(path::cluster(project, name)) { (icon(Icon::Server)) "Nodes, logs and activity" }
            }
        }
    }
}

/// What is granted here most likely: sync data where support may reach the rest anyway, else infrastructure. The dialogue
/// offers all that can be granted.
fn grant_entry(vendor: &VendorName, visitor: &Visitor, row: &ClusterRow) -> Markup {
    let (project, name, id) = (row.cluster.project, &row.cluster.name, row.cluster.id);
    let sync = !row.blocked && row.cluster.has_sync_data();
    let what = if sync { "Sync Data" } else { "Infrastructure" };
    html! {
        @if !visitor.may_in(Action::Grant, project) {
            p { (icon(Icon::Info)) span { "Your role does not allow granting here." } }
        } @else {
            a #(format!("grant-{id}")) href=(path::grant(project, name, sync)) data-dialog {
                (icon(Icon::Unlock))
                "Grant Temporary " (what) " Access to " (vendor) " Support"
            }
        }
    }
}
