//! Links to the activity page: they lead through sign-in to the part of the feed that was asked for.

use reqwest::header::LOCATION;
use serde_json::json;

use crate::browser::Browser;
use crate::house::{House, text};

/// Follows a link as somebody who is not signed in yet, and tells what they read.
async fn follow(house: &House, link: &str) -> String {
    let (browser, origin) = (Browser::new(house), house.nobody().url(""));
    let path = link.strip_prefix(&origin).unwrap();
    let answer = browser.get(path).await;
    assert!(answer.status().is_redirection(), "{}", answer.status());
    let sign_in = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    let next = sign_in.split_once("?next=").unwrap().1;
    let next = percent_encoding::percent_decode_str(next).decode_utf8().unwrap();
    let (browser, led) = Browser::sign_in(house, "owner@shop.example", &next).await;
    assert_eq!(led, path, "sign-in leads back");
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_link_leads_to_the_part_of_the_feed_that_was_asked_for() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    house.clock.advance(60_000);
    let grant = format!("{}:grant", shop.own_cluster());
    shop.owner.post(&grant, json!({ "grantType": "CLUSTER_DATABASE_LOGS" })).await.created();
    house.clock.advance(60_000);
    shop.owner.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.ok();

    let path = format!("/api/atlas/v2/groups/{}/activityFeed", shop.project);
    let query = "eventType=EMPLOYEE_ACCESS_GRANTED&eventType=TEAM_CREATED&clusterName=Cluster0\
                 &minDate=2026-11-23T18:00:30Z&maxDate=2026-11-23T19:01:00%2B01:00";
    let answer = key.get(&format!("{path}?{query}")).await;
    assert_eq!(answer.header("content-type"), "application/vnd.atlas.2025-03-12+json;charset=utf-8");
    let answer = answer.ok();
    assert_eq!(answer["links"], json!([{ "href": key.url(&path), "rel": "self" }]));
    let page = follow(&house, &text(&answer["link"])).await;
    assert!(page.contains("granted Acme support access"), "{page}");
    assert!(!page.contains("revoked"), "{page}");
    for chosen in ["Not everything is shown", "Project Production.", "Clusters Cluster0.", "TEAM_CREATED"] {
        assert!(page.contains(chosen), "{chosen}: {page}");
    }

    let path = format!("/api/atlas/v2/orgs/{}/activityFeed", shop.organization);
    let link = text(&key.get(&path).await.ok()["link"]);
    assert_eq!(link, key.url("/activity"));
    let link = text(&key.get(&format!("{path}?eventType=ORG_CREATED")).await.ok()["link"]);
    let page = follow(&house, &link).await;
    assert!(page.contains("entry-0") && !page.contains("granted Acme"), "{page}");
    let link = text(&key.get(&format!("{path}?eventType=TEAM_CREATED")).await.ok()["link"]);
    assert!(follow(&house, &link).await.contains("Nothing has happened yet."));
}

#[tokio::test]
async fn filters_that_cannot_be_are_refused_by_name() {
    let house = House::open().await;
    let (shop, other) = (house.customer("shop").await, house.customer("other").await);
    let many = ["EMPLOYEE_ACCESS_GRANTED"; 21].join(",");
    let of_project = format!("/api/atlas/v2/groups/{}/activityFeed", shop.project);
    let of_organization = format!("/api/atlas/v2/orgs/{}/activityFeed", shop.organization);
    for path in [&of_project, &of_organization] {
        for (query, code, named) in [
            ("eventType=grant.given", "INVALID_ENUM_VALUE", "grant.given"),
            ("eventType=GRANT_EXPIRED", "INVALID_ENUM_VALUE", "GRANT_EXPIRED"),
            (&format!("eventType={many}"), "INVALID_QUERY_PARAMETER", "eventType"),
            ("minDate=soon", "INVALID_QUERY_PARAMETER", "minDate"),
            ("maxDate=1", "INVALID_QUERY_PARAMETER", "maxDate"),
            ("minDate=2026-11-23T18:00:00Z&minDate=2026-11-23T18:00:00Z", "INVALID_QUERY_PARAMETER", "minDate"),
        ] {
            let detail = shop.owner.get(&format!("{path}?{query}")).await.refused(400, code);
            assert!(detail.contains(named), "{detail}");
        }
        house.administrator().get(path).await.refused(403, "USER_UNAUTHORIZED");
        let code = if path == &of_project { "GROUP_NOT_FOUND" } else { "ORG_NOT_FOUND" };
        other.owner.get(&format!("{path}?minDate=soon")).await.refused(404, code);
    }
    let detail =
        shop.owner.get(&format!("{of_project}?clusterName=a%20b")).await.refused(400, "INVALID_QUERY_PARAMETER");
    assert!(detail.contains("`clusterName`"), "{detail}");
    let early = crate::client::Call::new(reqwest::Method::GET, &of_project)
        .header("accept", "application/vnd.atlas.2024-11-13+json");
    shop.owner.send(early).await.refused(406, "INVALID_VERSION_DATE");
}

#[tokio::test]
async fn the_pages_call_what_was_removed_by_its_name() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let roles = || json!({ "orgRoles": ["ORG_OWNER"] });
    let (key, max) = (house.key(&shop, roles()).await, house.person(&shop, "max@shop.example", roles()).await);
    let grant = format!("{}:grant", shop.own_cluster());
    key.post(&grant, json!({ "grantType": "CLUSTER_DATABASE_LOGS" })).await.created();
    max.post(&grant, json!({ "grantType": "CLUSTER_DATABASE_LOGS" })).await.created();
    let session = house.session(&shop).await;
    let (public, cluster) = (key.keys().0.to_owned(), format!("/projects/{}/clusters/Cluster0", shop.project));
    let of = format!("/api/byleave/v1/organizations/{}", shop.organization);
    let remove = async |what: &str, name: &str, value: &str| {
        let all = shop.owner.get(&format!("{of}/{what}")).await.ok();
        let one = all["results"].as_array().unwrap().iter().find(|one| one[name] == value).unwrap();
        shop.owner.delete(&format!("{of}/{what}/{}", text(&one["id"]))).await.succeeds();
    };
    remove("apiKeys", "publicKey", &public).await;
    remove("users", "userName", "max@shop.example").await;
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "/").await;
    let read = async |path: &str| browser.get(path).await.text().await.unwrap();
    let page = read(&cluster).await;
    let link = format!("support access to <a href=\"{cluster}\">Cluster0</a> until");
    for told in [&format!("<td data-label=\"By\">the API key <code>{public}</code></td>"), "max@shop.example", &link] {
        assert!(page.contains(told), "{told}: {page}");
    }

    let nothing = json!({ "clusters": [], "prune": true });
    house.administrator().post("/api/byleave/v1/inventory:apply", nothing).await.ok();
    let page = read("/activity").await;
    for told in [
        &format!("API key <code>{public}</code></span> granted Acme support access to Cluster0 (removed since) until"),
        "max@shop.example</span> granted Acme support access to Cluster0 (removed since) until",
        &format!("removed the API key <code>{public}</code>."),
        "removed max@shop.example from the organization.",
        "removed the cluster Cluster0.",
        &format!("to <code>{}</code> of Cluster0 (removed since).", shop.host),
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains(&cluster), "no link to what is not there: {page}");
    let page = read("/sessions").await;
    assert!(page.contains("Cluster0 (removed since)<br>") && !page.contains(&cluster), "{page}");
    let page = read(&format!("/sessions/{session}")).await;
    assert!(page.contains("<dd>Cluster0 (removed since)</dd>") && !page.contains(&cluster), "{page}");
}

#[tokio::test]
async fn clusters_without_their_project_are_no_address_of_the_feed() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    assert_eq!(browser.get("/activity?clusters=Cluster0").await.status(), 404);
    let path = format!("/activity?clusters=Cluster0&project={}", shop.project);
    assert_eq!(browser.get(&path).await.status(), 200);
}
