//! The settings of an organization: the block, contacts, the longest life of secrets, and a refusal by name for what is
//! not enforced here.

use axum::response::Response;
use byleave_api::atlas::{CustomSessionTimeouts, OrganizationSettings, OrganizationSettingsPatch};
use byleave_api::error::ErrorCode;
use byleave_core::name::Contact;
use byleave_core::policy::{Action, Resource};
use byleave_core::setting::{SecretHours, SecretHoursError};
use byleave_store::organization::OrganizationRow;
use byleave_store::setting::SettingsPatch;

use crate::api::byleave::change_settings;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::OrgPath;
use crate::api::show::parse;

/// Shows them.
pub(super) async fn get(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.tagged(&row.tag(), &show(&row))
}

/// Changes what is named, all of it or nothing, and answers with all settings.
pub(super) async fn patch(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.may(Action::Block, Resource::Organization(id))?;
    let body: OrganizationSettingsPatch = body.json(&caller.app).await?;
    refuse_what_is_not_enforced(&body)?;
    let patch = read(&body)?;
    if patch.is_more_than_the_block() {
        caller.may(Action::ChangeSettings, Resource::Organization(id))?;
    }
    let row = change_settings(&caller, id, patch).await?.value;
    caller.with_tag(&row.tag(), &show(&row))
}

fn read(body: &OrganizationSettingsPatch) -> Result<SettingsPatch, Failure> {
    let contact = |field, text: &str| parse::<Contact>(field, text);
    let hours = |hours| SecretHours::new(hours).map_err(refuse_hours);
    let security = |text: &String| match text.as_str() {
        "" => Ok(None),
        text => contact("securityContact", text).map(Some),
    };
    let operations = |text: &Option<String>| text.as_deref().map(|text| contact("operationsContact", text)).transpose();
    Ok(SettingsPatch {
        blocked: body.restrict_employee_access,
        longest: None,
        longest_secret: body.max_service_account_secret_validity_in_hours.map(hours).transpose()?,
        security_contact: body.security_contact.as_ref().map(security).transpose()?,
        operations_contact: body.operations_contact.as_ref().map(operations).transpose()?,
    })
}

fn refuse_hours(error: SecretHoursError) -> Failure {
    Failure::field(ErrorCode::ValidationError, "maxServiceAccountSecretValidityInHours", error.to_string())
}

/// Refuses settings that would promise what nobody keeps.
fn refuse_what_is_not_enforced(patch: &OrganizationSettingsPatch) -> Result<(), Failure> {
    let timeouts = patch.custom_session_timeouts.as_ref().is_some_and(|set| *set != CustomSessionTimeouts::default());
    let asked = [
        ("apiAccessListRequired", patch.api_access_list_required, "nothing here demands an access list of every key"),
        ("customSessionTimeouts", Some(timeouts), "web sessions last 12 hours, whatever is set"),
        ("genAIFeaturesEnabled", patch.gen_ai_features_enabled, "there are no such features here"),
        ("multiFactorAuthRequired", patch.multi_factor_auth_required, "nothing here asks for a second factor"),
        ("streamsCrossGroupEnabled", patch.streams_cross_group_enabled, "there are no streams here"),
    ];
    match asked.into_iter().find(|(_, asked, _)| *asked == Some(true)) {
        None => Ok(()),
        Some((name, _, why)) => Err(Failure::field(
            ErrorCode::SettingNotEnforced,
            name,
            format!("is not enforced here ({why}), so it is not stored either; nothing was changed"),
        )),
    }
}

fn show(row: &OrganizationRow) -> OrganizationSettings {
    OrganizationSettings {
        api_access_list_required: false,
        gen_ai_features_enabled: false,
        max_service_account_secret_validity_in_hours: row.longest_secret.hours(),
        multi_factor_auth_required: false,
        operations_contact: row.operations_contact.as_ref().map(ToString::to_string),
        restrict_employee_access: row.blocked,
        security_contact: row.security_contact.as_ref().map(ToString::to_string).unwrap_or_default(),
        streams_cross_group_enabled: false,
    }
}
