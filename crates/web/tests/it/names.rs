//! Names with odd characters: kept where the rule takes them, refused by the rule where it does not.

use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn a_cluster_name_in_a_path_is_decoded_once() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let clusters = format!("/api/atlas/v2/groups/{}/clusters", shop.project);
    key.get(&format!("{clusters}/%43luster0")).await.ok();
    key.post_nothing(&format!("{clusters}/Cluster0%3ArevokeMongoDBEmployeeAccess")).await.done();
    for odd in [
        "Cluster0%20",
        "Cluster0%00",
        "%2543luster0",
        "..%2fCluster0",
        "Cluster0%2f",
        "Cluster0%0a",
        "%c3%a4",
        "-a",
        "a-",
        "Cluster0%e2%80%ae",
        "a.b",
        "a_b",
        "%ff",
        "%3cscript%3e",
        "%27",
        "Cluster0:",
        "Cluster0;x",
        "Cluster0%3fx",
        &"x".repeat(65),
    ] {
        key.get(&format!("{clusters}/{odd}")).await.refused(400, "INVALID_ATTRIBUTE");
    }
    for odd in ["Cluster0%20", "Cluster0:x", "%2543luster0", "%ff", "", "%3a", ":"] {
        key.post_nothing(&format!("{clusters}/{odd}:revokeMongoDBEmployeeAccess"))
            .await
            .refused(400, "INVALID_ATTRIBUTE");
    }
    for verb in
        ["grant", "revokeMongoDBEmployeeAccess%20", "REVOKEMONGODBEMPLOYEEACCESS", "%67rantMongoDBEmployeeAccesS", ""]
    {
        key.post_nothing(&format!("{clusters}/Cluster0:{verb}")).await.refused(404, "RESOURCE_NOT_FOUND");
    }
    key.post_nothing(&format!("{clusters}/Cluster0")).await.refused(404, "RESOURCE_NOT_FOUND");
    for odd in ["/../", "//", "/%2e%2e/"] {
        assert!(key.get(&format!("{clusters}{odd}Cluster0")).await.status.is_client_error());
    }
}

#[tokio::test]
async fn free_texts_travel_unchanged() {
    let house = House::open().await;
    let administrator = house.administrator();
    for (index, name) in
        ["<b>&amp;\"'", "日本 🏯", "O'Brien; DROP TABLE", "a\\u0000b", "%s%n{}", "é"].iter().enumerate()
    {
        let owner = format!("o{index}@odd.example");
        let body = json!({ "name": name, "ownerUserName": owner });
        let invited = administrator.post("/api/byleave/v1/organizations", body).await.created();
        let path = format!("/api/byleave/v1/invitations/{}", invited["token"].as_str().unwrap());
        assert_eq!(house.nobody().get(&path).await.ok()["organizationName"], *name);
    }
    for name in ["", " a", "a ", "a\nb", "a\0b", "a\u{202e}b", "a\u{200b}b", "\u{feff}", &"x".repeat(65)] {
        let body = json!({ "name": name, "ownerUserName": "odd@odd.example" });
        let detail = administrator.post("/api/byleave/v1/organizations", body).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.starts_with("field `name` must have 1 to 64 characters"), "{detail}");
    }
    for owner in ["", "Mia@odd.example", "mia", "mia@", "a b@c.d", "<a>@b.c"] {
        let body = json!({ "name": "Odd", "ownerUserName": owner });
        let detail = administrator.post("/api/byleave/v1/organizations", body).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.starts_with("field `ownerUserName` must be an e-mail address"), "{detail}");
    }
}
