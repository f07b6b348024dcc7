//! Links to the activity page: they lead through sign-in to the part of the feed that was asked for.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::json;

use crate::house::{House, PASSWORD, text};

fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Follows a link as somebody who is not signed in yet, and tells what they read.
async fn follow(house: &House, link: &str) -> String {
    let browser = browser();
    let origin = house.nobody().url("");
    let to = |answer: &reqwest::Response| answer.headers()[LOCATION].to_str().unwrap().to_owned();
    let answer = browser.get(link).send().await.unwrap();
    assert!(answer.status().is_redirection(), "{}", answer.status());
    let sign_in = to(&answer);
    let (page, next) = sign_in.split_once("?next=").unwrap();
    let next = percent_encoding::percent_decode_str(next).decode_utf8().unwrap().into_owned();
    let form = [("user_name", "owner@shop.example"), ("password", PASSWORD), ("next", next.as_str())];
    let body = serde_urlencoded(&form);
    let sent = browser.post(format!("{origin}{page}")).header("content-type", "application/x-www-form-urlencoded");
    let answer = sent.body(body).send().await.unwrap();
    assert_eq!(format!("{origin}{}", to(&answer)), link, "sign-in leads back");
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let answer = browser.get(link).header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

fn serde_urlencoded(form: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
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
