//! Signing in: the token once, then a cookie that is of use here only.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use shutterlag::runtime::clock::Clock;
use shutterlag::time::Timestamp;

use super::client::{Answer, get, raw, request};
use super::made::{Made, NOW_MS, options, served, shown, start};

const TOKEN: &str = "a-token-for-tests";

fn post(address: SocketAddr, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut text = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    raw(address, format!("{text}\r\n{body}").as_bytes())
}

fn sign_in(made: &Made, headers: &[(&str, &str)]) -> String {
    let body = json!({"token": TOKEN}).to_string();
    let answer = post(made.address(), "/api/v1/session", &body, headers).is(204);
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

#[test]
fn who_signs_in_may_read_and_nothing_else() {
    let made = start(options(Some(TOKEN)));
    assert_eq!(
        get(made.address(), "/api/v1/session").is(200).json(),
        json!({"needed": true, "simulated": false})
    );
    let browser = ("User-Agent", "Browser/1");
    let cookie = sign_in(&made, &[browser]);
    assert!(!cookie.contains(TOKEN));
    let ask = |headers: &[(&str, &str)], path| request(made.address(), "GET", path, headers);
    let signed_in = [browser, ("Cookie", cookie.as_str())];
    for path in ["/api/v1/windows", "/api/v1/board/windows.csv", "/metrics", "/readyz"] {
        let answer = ask(&signed_in, path);
        assert!(answer.status != 401 && !answer.headers.contains_key("set-cookie"), "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    // A program that sends a wrong token is told so, whatever cookie it has.
    let wrong = [browser, ("Cookie", cookie.as_str()), ("Authorization", "Bearer wrong")];
    ask(&wrong, "/api/v1/windows").is(401);
    // The cookie is no token for deliveries.
    post(made.address(), "/in/events", "{}", &signed_in).is(401);
    // Signing out takes it back from the browser.
    let out = request(made.address(), "DELETE", "/api/v1/session", &signed_in).is(204);
    assert!(out.headers["set-cookie"].contains("Max-Age=0"), "{out:?}");
}

#[test]
fn a_stolen_cookie_is_of_no_use_at_another_host_or_in_another_browser() {
    let made = start(options(Some(TOKEN)));
    let browser = ("User-Agent", "Browser/1");
    let cookie = sign_in(&made, &[browser]);
    let cookie = ("Cookie", cookie.as_str());
    for headers in [
        vec![browser, cookie, ("Host", "elsewhere.example")],
        vec![("User-Agent", "Browser/2"), cookie],
        vec![cookie],
    ] {
        request(made.address(), "GET", "/api/v1/windows", &headers).is(401);
    }
    // Another server has another address, even with the same token.
    let other = start(options(Some(TOKEN)));
    request(other.address(), "GET", "/api/v1/windows", &[browser, cookie]).is(401);
    let changed = start(options(Some("another-token")));
    let host = made.address().to_string();
    let headers = [browser, cookie, ("Host", host.as_str())];
    request(changed.address(), "GET", "/api/v1/windows", &headers).is(401);
    request(other.address(), "GET", "/api/v1/windows", &headers).is(200);
}

#[test]
fn a_session_ends_an_hour_after_its_last_use() {
    static NOW: AtomicI64 = AtomicI64::new(NOW_MS);
    let mut shown = shown(10);
    shown.clock = Clock::Real(|| Timestamp::from_millis(NOW.load(Ordering::Relaxed)));
    let made = served(options(Some(TOKEN)), shown);
    let cookie = sign_in(&made, &[]);
    let ask =
        |cookie: &str| request(made.address(), "GET", "/api/v1/windows", &[("Cookie", cookie)]);
    let pass = |minutes: i64| NOW.fetch_add(minutes * 60_000, Ordering::Relaxed);
    pass(20);
    let renewed = ask(&cookie).is(200).headers["set-cookie"].clone();
    let renewed = renewed.split(';').next().unwrap();
    pass(50);
    ask(&cookie).is(401);
    ask(renewed).is(200);
    pass(10);
    ask(renewed).is(401);
}

#[test]
fn a_wrong_token_a_foreign_page_and_a_wrong_body_get_no_session() {
    let made = start(options(Some(TOKEN)));
    let right = json!({"token": TOKEN}).to_string();
    for (body, headers, status) in [
        (r#"{"token": "wrong"}"#, vec![], 401),
        (r#"{"token": ""}"#, vec![], 401),
        (&right, vec![("Origin", "https://attacker.example")], 403),
        (&right, vec![("Origin", "null")], 403),
        ("", vec![], 400),
        ("token=a-token-for-tests", vec![], 400),
        (&"x".repeat(9 << 10), vec![], 400),
    ] {
        let answer = post(made.address(), "/api/v1/session", body, &headers).is(status);
        assert!(!answer.headers.contains_key("set-cookie"), "{body}");
        assert!(!answer.body.contains(TOKEN), "{body}");
    }
    let own = format!("http://{}", made.address());
    sign_in(&made, &[("Origin", &own)]);
    let open = start(options(None));
    assert_eq!(
        get(open.address(), "/api/v1/session").is(200).json(),
        json!({"needed": false, "simulated": false})
    );
    post(open.address(), "/api/v1/session", &right, &[]).is(404);
}
