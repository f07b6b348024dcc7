//! What a path names: ids, names and verbs, parsed once. Percent-encoding is decoded once, by the router; whatever is
//! left of it breaks the rule of a name.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use byleave_api::error::ErrorCode;
use byleave_core::id::{IdError, OrgId, ProjectId, ServiceAccountId};
use byleave_core::name::{ClusterName, HostName, ProjectName};
use byleave_core::network::{Network, NetworkError};
use byleave_store::account::Through;
use byleave_store::proof::Tile;

use crate::api::error::Failure;
use crate::app::App;

/// The organization of `{orgId}`.
pub struct OrgPath(pub OrgId);

/// The project of `{groupId}`.
pub struct GroupPath(pub ProjectId);

/// The name of `{groupName}`.
pub struct GroupNamePath(pub ProjectName);

/// The host of `{groupId}` and `{hostname}`.
pub struct HostPath {
    /// The project.
    pub project: ProjectId,
    /// The host's name.
    pub host: HostName,
}

/// The cluster of `{groupId}` and `{clusterName}`.
pub struct ClusterPath {
    /// The project.
    pub project: ProjectId,
    /// The name of the cluster.
    pub name: ClusterName,
}

/// The cluster and the verb of `{groupId}` and `{clusterAndVerb}`.
pub struct ClusterVerbPath {
    /// The cluster; the rule that its name breaks, if it does.
    pub cluster: ClusterPath,
    /// What follows the last colon.
    pub verb: String,
}

/// The id of `{id}`.
pub struct IdPath<T>(pub T);

/// The id and the verb of `{idAndVerb}`.
pub struct IdVerbPath<T> {
    /// The id.
    pub id: T,
    /// What follows the last colon.
    pub verb: String,
}

/// The organization and the verb of `{orgAndVerb}`.
pub struct OrgVerbPath {
    /// The organization.
    pub id: OrgId,
    /// What follows the last colon.
    pub verb: String,
}

/// The id of `{key}`, below another one.
pub struct KeyPath<T>(pub T);

/// The tile of `{*tile}`.
pub struct TilePath(pub Tile);

/// The organization of `{orgId}` or the project of `{groupId}`, whichever the path has.
pub struct ThroughPath(pub Through);

/// The service account of `{clientId}`.
pub struct ClientPath(pub ServiceAccountId);

/// The service account and the verb of `{clientAndVerb}`.
pub struct ClientVerbPath {
    /// The service account.
    pub id: ServiceAccountId,
    /// What follows the last colon.
    pub verb: String,
}

/// The id of `{apiUserId}`.
pub struct ApiKeyPath<T>(pub T);

/// The id of `{secretId}`.
pub struct SecretPath<T>(pub T);

/// The address or network of `{ipAddress}`.
pub struct AddressPath(pub Network);

/// The text of `{text}`.
pub struct TextPath(pub String);

/// The text and the verb of `{textAndVerb}`.
pub struct TextVerbPath {
    /// The text.
    pub text: String,
    /// What follows the last colon.
    pub verb: String,
}

/// Reads one parameter of the path; where other methods take a verb after it, it has the longer name.
async fn parameter(parts: &mut Parts, app: &Arc<App>, name: &str) -> Result<String, Failure> {
    let malformed = |error: RawPathParamsRejection| no_text(&error.body_text());
    let parameters = RawPathParams::from_request_parts(parts, app).await.map_err(malformed)?;
    let is = |key: &str| match name {
        "clusterName" => matches!(key, "clusterName" | "clusterAndVerb"),
        "clientId" => matches!(key, "clientId" | "clientAndVerb"),
        "id" => matches!(key, "id" | "idAndVerb"),
        "text" => key == "textAndVerb",
        name => key == name,
    };
    let found = parameters.iter().find(|(key, _)| is(key)).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| Failure::not_found(parts.uri.path()))
}

/// Refuses a parameter that is no text; the router names it between backticks, by the longer name.
fn no_text(error: &str) -> Failure {
    let (code, name) = match error.split('`').nth(1).unwrap_or_default() {
        "orgId" | "orgAndVerb" => (ErrorCode::InvalidOrgId, "orgId"),
        "groupId" => (ErrorCode::InvalidGroupId, "groupId"),
        "clusterAndVerb" => (ErrorCode::InvalidAttribute, "clusterName"),
        "id" | "idAndVerb" => (ErrorCode::InvalidId, "id"),
        "key" => (ErrorCode::InvalidId, "key"),
        "apiUserId" => (ErrorCode::InvalidId, "apiUserId"),
        "clientId" | "clientAndVerb" => (ErrorCode::InvalidId, "clientId"),
        "secretId" => (ErrorCode::InvalidId, "secretId"),
        "textAndVerb" => (ErrorCode::InvalidAttribute, "text"),
        name => (ErrorCode::InvalidAttribute, name),
    };
    Failure::field(code, name, "must be UTF-8")
}

fn id<T: FromStr<Err = IdError>>(code: ErrorCode, name: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: IdError| Failure::field(code, name, error.to_string()))
}

fn cluster(name: &str) -> Result<ClusterName, Failure> {
    name.parse().map_err(|_| Failure::field(ErrorCode::InvalidAttribute, "clusterName", ClusterName::RULE))
}

fn client(text: &str) -> Result<ServiceAccountId, Failure> {
    ServiceAccountId::from_client_id(text)
        .map_err(|error| Failure::field(ErrorCode::InvalidId, "clientId", error.to_string()))
}

/// Splits at the last colon: a name never holds one.
fn split(parts: &Parts, text: &str) -> Result<(String, String), Failure> {
    let (name, verb) = text.rsplit_once(':').ok_or_else(|| Failure::not_found(parts.uri.path()))?;
    Ok((name.to_owned(), verb.to_owned()))
}

impl FromRequestParts<Arc<App>> for OrgPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "orgId").await?;
        id(ErrorCode::InvalidOrgId, "orgId", &text).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for GroupPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "groupId").await?;
        id(ErrorCode::InvalidGroupId, "groupId", &text).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for GroupNamePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "groupName").await?;
        let refuse = |_| Failure::field(ErrorCode::InvalidAttribute, "groupName", ProjectName::RULE);
        text.parse().map(Self).map_err(refuse)
    }
}

impl FromRequestParts<Arc<App>> for HostPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let GroupPath(project) = GroupPath::from_request_parts(parts, app).await?;
        let text = parameter(parts, app, "hostname").await?;
        let refuse = |_| Failure::field(ErrorCode::InvalidAttribute, "hostname", HostName::RULE);
        Ok(Self { project, host: text.parse().map_err(refuse)? })
    }
}

impl FromRequestParts<Arc<App>> for ThroughPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        match parameter(parts, app, "orgId").await {
            Ok(text) => id(ErrorCode::InvalidOrgId, "orgId", &text).map(Through::Organization).map(Self),
            Err(_) => {
                let GroupPath(project) = GroupPath::from_request_parts(parts, app).await?;
                Ok(Self(Through::Project(project)))
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for ClientPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        client(&parameter(parts, app, "clientId").await?).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for ClientVerbPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "clientAndVerb").await?;
        let (text, verb) = split(parts, &text)?;
        Ok(Self { id: client(&text)?, verb })
    }
}

impl<T: FromStr<Err = IdError> + Send> FromRequestParts<Arc<App>> for ApiKeyPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        id(ErrorCode::InvalidId, "apiUserId", &parameter(parts, app, "apiUserId").await?).map(Self)
    }
}

impl<T: FromStr<Err = IdError> + Send> FromRequestParts<Arc<App>> for SecretPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        id(ErrorCode::InvalidId, "secretId", &parameter(parts, app, "secretId").await?).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for AddressPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "ipAddress").await?;
        let refuse = |rule: String| Failure::field(ErrorCode::InvalidAttribute, "ipAddress", rule);
        text.parse().map(Self).map_err(|error: NetworkError| refuse(error.to_string()))
    }
}

impl FromRequestParts<Arc<App>> for ClusterPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let GroupPath(project) = GroupPath::from_request_parts(parts, app).await?;
        let name = cluster(&parameter(parts, app, "clusterName").await?)?;
        Ok(Self { project, name })
    }
}

impl FromRequestParts<Arc<App>> for ClusterVerbPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let GroupPath(project) = GroupPath::from_request_parts(parts, app).await?;
        let text = parameter(parts, app, "clusterAndVerb").await?;
        let (name, verb) = split(parts, &text)?;
        Ok(Self { cluster: ClusterPath { project, name: cluster(&name)? }, verb })
    }
}

impl<T: FromStr<Err = IdError> + Send> FromRequestParts<Arc<App>> for IdPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        id(ErrorCode::InvalidId, "id", &parameter(parts, app, "id").await?).map(Self)
    }
}

impl<T: FromStr<Err = IdError> + Send> FromRequestParts<Arc<App>> for IdVerbPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "idAndVerb").await?;
        let (text, verb) = split(parts, &text)?;
        Ok(Self { id: id(ErrorCode::InvalidId, "id", &text)?, verb })
    }
}

impl FromRequestParts<Arc<App>> for OrgVerbPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "orgAndVerb").await?;
        let (text, verb) = split(parts, &text)?;
        Ok(Self { id: id(ErrorCode::InvalidOrgId, "orgId", &text)?, verb })
    }
}

impl<T: FromStr<Err = IdError> + Send> FromRequestParts<Arc<App>> for KeyPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        id(ErrorCode::InvalidId, "key", &parameter(parts, app, "key").await?).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for TextPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        parameter(parts, app, "text").await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for TextVerbPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "textAndVerb").await?;
        let (text, verb) = split(parts, &text)?;
        Ok(Self { text, verb })
    }
}

impl FromRequestParts<Arc<App>> for TilePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let text = parameter(parts, app, "tile").await?;
        text.parse().map(Self).map_err(|_| Failure::not_found(parts.uri.path()))
    }
}
