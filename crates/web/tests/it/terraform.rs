//! The calls of the Terraform provider for MongoDB Atlas, as its resources make them: its versions, its bodies, and a
//! digest client that asks for a new challenge each time and takes no challenge with anything it does not know.

use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House};

/// What the provider's client asks for on paths of clusters, and on paths of organizations.
const CLUSTERS: &str = "application/vnd.atlas.2024-08-05+json";
const ORGANIZATIONS: &str = "application/vnd.atlas.2023-01-01+json";

/// The provider with the key pair of its configuration.
struct Provider {
    http: Client,
    public_key: String,
    private_key: String,
}

impl Provider {
    async fn new(house: &House, customer: &Customer) -> Self {
        let key = house.key(customer, json!({ "orgRoles": ["ORG_OWNER"] })).await;
        let (public_key, private_key) = key.keys();
        Self { http: house.nobody(), public_key: public_key.to_owned(), private_key: private_key.to_owned() }
    }

    async fn call(&self, method: Method, path: &str, version: &'static str, body: Option<&Value>) -> Answer {
        let call = || {
            let call = Call::new(method.clone(), path);
            let call = if let Some(body) = body { call.body(body.to_string()) } else { call };
            call.header("accept", version).header("content-type", version)
        };
        let asked = self.http.send(call()).await;
        let mut challenge = read(asked.header("www-authenticate"));
        asked.refused(401, "UNEXPECTED_ERROR");
        let verb = HttpMethod::from(method.as_str().to_owned());
        let context = AuthContext::new_with_method(&self.public_key, &self.private_key, path, None::<&[u8]>, verb);
        let authorization = challenge.respond(&context).unwrap().to_string();
        self.http.send(call().header("authorization", &authorization)).await
    }

    async fn grant(&self, customer: &Customer, kind: &str, until: &str) -> Answer {
        let path = format!("{}:grantMongoDBEmployeeAccess", customer.atlas_cluster());
        let body = json!({ "grantType": kind, "expirationTime": until });
        self.call(Method::POST, &path, CLUSTERS, Some(&body)).await
    }

    async fn revoke(&self, customer: &Customer) -> Answer {
        let path = format!("{}:revokeMongoDBEmployeeAccess", customer.atlas_cluster());
        self.call(Method::POST, &path, CLUSTERS, None).await
    }

    /// What a read of the grant puts into the state: its type and end; `None` takes the resource out of it.
    async fn read(&self, customer: &Customer) -> Option<(String, String)> {
        let answer = self.call(Method::GET, &customer.atlas_cluster(), CLUSTERS, None).await;
        if answer.status == 404 {
            return None;
        }
        let cluster = answer.ok();
        let grant = cluster.get("mongoDBEmployeeAccessGrant").filter(|grant| !grant.is_null())?;
        let text = |name: &str| grant[name].as_str().unwrap().to_owned();
        Some((text("grantType"), text("expirationTime")))
    }
}

/// Reads a challenge as strictly as the provider's digest client does.
fn read(challenge: &str) -> WwwAuthenticateHeader {
    let parameters = challenge.strip_prefix("Digest ").unwrap();
    for parameter in parameters.split(", ") {
        let (name, _) = parameter.split_once('=').unwrap();
        let known = ["realm", "domain", "nonce", "opaque", "stale", "algorithm", "qop"];
        assert!(known.contains(&name), "the provider fails on `{name}`");
    }
    WwwAuthenticateHeader::parse(challenge).unwrap()
}

#[tokio::test]
async fn a_grant_is_created_read_changed_imported_and_destroyed() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let provider = Provider::new(&house, &shop).await;
    assert_eq!(provider.read(&shop).await, None);

    provider.grant(&shop, "CLUSTER_DATABASE_LOGS", "2026-11-24T06:00:00Z").await.done();
    let logs = ("CLUSTER_DATABASE_LOGS".to_owned(), "2026-11-24T06:00:00Z".to_owned());
    assert_eq!(provider.read(&shop).await, Some(logs), "a second plan is empty");

    provider.grant(&shop, "CLUSTER_INFRASTRUCTURE", "2026-11-24T09:30:00Z").await.done();
    let infrastructure = ("CLUSTER_INFRASTRUCTURE".to_owned(), "2026-11-24T09:30:00Z".to_owned());
    assert_eq!(provider.read(&shop).await, Some(infrastructure), "an import reads the same");

    provider.revoke(&shop).await.done();
    assert_eq!(provider.read(&shop).await, None);
    provider.revoke(&shop).await.done();
}

#[tokio::test]
async fn after_its_end_a_grant_is_gone_and_so_is_that_of_a_cluster_that_is() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let provider = Provider::new(&house, &shop).await;
    provider.grant(&shop, "CLUSTER_INFRASTRUCTURE", "2026-11-24T17:59:00Z").await.done();
    assert!(provider.read(&shop).await.is_some());
    house.clock.advance(24 * 3_600_000);
    assert_eq!(provider.read(&shop).await, None);

    let elsewhere = Customer { cluster: "Gone".to_owned(), ..shop };
    assert_eq!(provider.read(&elsewhere).await, None);
    provider.revoke(&elsewhere).await.refused(404, "CLUSTER_NOT_FOUND");
}

#[tokio::test]
async fn what_a_configuration_gets_wrong_is_named() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let provider = Provider::new(&house, &shop).await;
    let told =
        provider.grant(&shop, "invalid_grant_type", "2026-11-24T06:00:00Z").await.refused(400, "INVALID_ENUM_VALUE");
    assert!(told.contains("invalid enumeration value invalid_grant_type"), "{told}");
    for until in ["2026-11-24T18:06:00Z", "2025-09-01T00:00:00Z"] {
        let told = provider.grant(&shop, "CLUSTER_INFRASTRUCTURE", until).await.refused(400, "VALIDATION_ERROR");
        assert!(told.contains("expirationTime"), "{told}");
    }
    assert_eq!(provider.read(&shop).await, None);
}

#[tokio::test]
async fn an_organization_is_imported_and_blocked() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let provider = Provider::new(&house, &shop).await;
    let path = format!("/api/atlas/v2/orgs/{}", shop.organization);
    let settings = format!("{path}/settings");
    let organization = provider.call(Method::GET, &path, ORGANIZATIONS, None).await.ok();
    assert_eq!(organization["name"], "Shop shop");
    let before = provider.call(Method::GET, &settings, ORGANIZATIONS, None).await.ok();
    assert_eq!(before["restrictEmployeeAccess"], false);

    // The provider sends all five whenever one of them changes; its own default for the fourth is true.
    let body = |generative: bool, block: bool| {
        json!({
            "apiAccessListRequired": before["apiAccessListRequired"],
            "multiFactorAuthRequired": before["multiFactorAuthRequired"],
            "restrictEmployeeAccess": block,
            "genAIFeaturesEnabled": generative,
            "securityContact": "",
        })
    };
    let refused = provider.call(Method::PATCH, &settings, ORGANIZATIONS, Some(&body(true, true))).await;
    let told = refused.refused(400, "SETTING_NOT_ENFORCED");
    assert!(told.contains("genAIFeaturesEnabled"), "{told}");
    for block in [true, false] {
        provider.call(Method::PATCH, &settings, ORGANIZATIONS, Some(&body(false, block))).await.ok();
        let after = provider.call(Method::GET, &settings, ORGANIZATIONS, None).await.ok();
        assert_eq!(after["restrictEmployeeAccess"], block);
    }
}
