//! The settings of an organization: the block, and a refusal by name for what is not enforced here.

use axum::response::Response;
use byleave_api::atlas::{OrganizationSettings, OrganizationSettingsPatch};
use byleave_api::error::ErrorCode;
use byleave_core::policy::{Action, Resource};
use byleave_store::organization::OrganizationRow;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::OrgPath;
use crate::api::shut::shut;
use crate::door::Scope;

/// Shows them.
pub(super) async fn get(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.ok(&show(&row))
}

/// Changes what is named and answers with all.
pub(super) async fn patch(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.may(Action::Block, Resource::Organization(id))?;
    let patch: OrganizationSettingsPatch = body.json(&caller.app).await?;
    refuse_what_is_not_enforced(&patch)?;
    let (store, actor, now) = (caller.app.store.clone(), caller.actor.clone(), caller.now.clone());
    let row = match patch.restrict_employee_access {
        None => row,
        Some(true) => {
            let write = async move { store.block(&actor, &now, id).await };
            shut(&caller, Scope::Organization(id), "the block", write).await?.value
        }
        Some(false) => {
            caller.may(Action::Unblock, Resource::Organization(id))?;
            let row = caller.ask(store.unblock(&actor, &now, id)).await?.value;
            caller.app.door.unlatch(Scope::Organization(id));
            row
        }
    };
    caller.ok(&show(&row))
}

/// Refuses settings that would promise what nobody keeps.
fn refuse_what_is_not_enforced(patch: &OrganizationSettingsPatch) -> Result<(), Failure> {
    let flags = [
        ("apiAccessListRequired", patch.api_access_list_required),
        ("genAIFeaturesEnabled", patch.gen_ai_features_enabled),
        ("multiFactorAuthRequired", patch.multi_factor_auth_required),
        ("streamsCrossGroupEnabled", patch.streams_cross_group_enabled),
    ];
    let texts = [
        ("customSessionTimeouts", patch.custom_session_timeouts.is_some()),
        ("maxServiceAccountSecretValidityInHours", patch.max_service_account_secret_validity_in_hours.is_some()),
        ("operationsContact", patch.operations_contact.is_some()),
        ("securityContact", patch.security_contact.as_deref().is_some_and(|text| !text.is_empty())),
    ];
    let asked = flags.into_iter().map(|(name, value)| (name, value == Some(true))).chain(texts);
    match asked.into_iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::field(
            ErrorCode::SettingNotEnforced,
            name,
            "is not enforced here, so it is not stored either; nothing was changed",
        )),
    }
}

const fn show(row: &OrganizationRow) -> OrganizationSettings {
    OrganizationSettings {
        api_access_list_required: false,
        gen_ai_features_enabled: false,
        multi_factor_auth_required: false,
        restrict_employee_access: row.blocked,
        streams_cross_group_enabled: false,
    }
}
