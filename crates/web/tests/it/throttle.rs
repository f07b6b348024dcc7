//! Guessing passwords is slow, and keeps nobody from signing in who knows theirs.

use reqwest::header::SET_COOKIE;
use reqwest::{Response, StatusCode};

use crate::browser::Browser;
use crate::house::{House, PASSWORD};

const OWNER: &str = "owner@shop.example";

async fn try_once(browser: &Browser, name: &str, password: &str) -> Response {
    browser.post("/sign-in", &[("user_name", name), ("password", password)]).await
}

/// Whether there were too many tries; else the password was wrong.
async fn is_late(answer: Response) -> bool {
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = answer.text().await.unwrap();
    assert_ne!(text.contains("Too many tries"), text.contains("password is wrong"), "{text}");
    text.contains("Too many tries")
}

#[tokio::test]
async fn wrong_tries_from_elsewhere_keep_nobody_out() {
    let house = House::open().await;
    house.customer("shop").await;
    let guesser = Browser::new(&house).from([127, 0, 0, 9]);
    for _ in 0..6 {
        assert!(!is_late(try_once(&guesser, OWNER, "wrong").await).await);
    }
    assert!(is_late(try_once(&guesser, OWNER, PASSWORD).await).await);
    assert_eq!(try_once(&Browser::new(&house), OWNER, PASSWORD).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_browser_that_was_signed_in_passes_guesses_from_everywhere() {
    let house = House::open().await;
    house.customer("shop").await;
    let first = try_once(&Browser::new(&house), OWNER, PASSWORD).await;
    let cookies = first.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let mark = cookies.filter(|cookie| cookie.contains("-known=")).collect::<String>();
    assert!(mark.contains("HttpOnly") && mark.contains("Max-Age"), "{mark}");
    let mark = mark.split(';').next().unwrap();
    for name in [OWNER, "nobody@shop.example"] {
        for last in 10..60 {
            assert!(!is_late(try_once(&Browser::new(&house).from([127, 0, 1, last]), name, "wrong").await).await);
        }
        assert!(is_late(try_once(&Browser::new(&house), name, PASSWORD).await).await, "{name}");
    }
    let elsewhere = || Browser::new(&house).with_cookie(mark);
    assert!(is_late(try_once(&elsewhere(), "nobody@shop.example", PASSWORD).await).await, "the mark is of one name");
    assert_eq!(try_once(&elsewhere(), OWNER, PASSWORD).await.status(), StatusCode::SEE_OTHER);
}
