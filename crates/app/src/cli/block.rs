//! `byleave block` and `unblock`: the organization's switch.

use byleave_api::byleave::{Settings, SettingsPatch};

use super::Caller;
use super::fault::Outcome;

/// Sets the block.
pub(super) async fn run(caller: &Caller, restrict: bool) -> Outcome<()> {
    let path = format!("/organizations/{}/settings", caller.organization().await?);
    let patch = SettingsPatch { restrict_employee_access: Some(restrict), longest_grant_ms: None };
    let settings: Settings = caller.client.patch(&path, &patch).await?;
    caller.take(&settings.anchors);
    caller.output.print(&settings, |settings| {
        let unchanged = if settings.anchors.is_empty() { " (it was so before)" } else { "" };
        if settings.restrict_employee_access {
            format!(
                "support is blocked{unchanged}: it enters production servers only under a grant\n\
                 this can lengthen the time support needs, and can hurt the availability of clusters"
            )
        } else {
            format!("support is not blocked{unchanged}: it may read logs and enter nodes without a grant")
        }
    })
}
