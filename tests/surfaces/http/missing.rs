//! What a person gets where there is nothing: a page with a way on. Programs get JSON.

use super::client::request;
use super::made::{options, served, shown, start};

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[test]
fn a_browser_gets_a_page_with_a_link_to_the_board_and_a_program_json() {
    let made = start(options(None));
    for path in ["/nonsense", "/runbook", "/runbook/", "/runbook/Other", "/exposure/", "/%3Cb%3Ex"]
    {
        let page = request(made.address(), "GET", path, &[BROWSER]).is(404);
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert!(page.headers["content-security-policy"].contains("style-src 'self'"), "{path}");
        assert!(page.body.contains("<a href=\"/\">To the board</a>"), "{path}");
        assert!(page.body.contains("<a href=\"/runbook/README\">"), "{path}");
        assert!(!page.body.contains("nonsense") && !page.body.contains("<b>"), "{path}");
        for accept in ["*/*", "application/json"] {
            let answer = request(made.address(), "GET", path, &[("Accept", accept)]).is(404);
            assert_eq!(answer.code(), "not_found", "{path}");
        }
    }
    for path in ["/api/v1/nonsense", "/api/v1/windows/none", "/in/none"] {
        let answer = request(made.address(), "GET", path, &[BROWSER]);
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    }
}

#[test]
fn who_has_not_signed_in_is_led_to_the_board_whether_or_not_there_is_something() {
    let made = start(options(Some("a-token-for-tests")));
    let bodies = ["/nonsense", "/metrics"].map(|path| {
        let page = request(made.address(), "GET", path, &[BROWSER]).is(401);
        assert_eq!(page.headers["www-authenticate"], "Bearer");
        assert!(page.body.contains("<a href=\"/\">To the board</a>"), "{path}");
        page.body
    });
    assert_eq!(bodies[0], bodies[1]);
    request(made.address(), "GET", "/runbook/Other", &[BROWSER]).is(404);
}

#[test]
fn a_process_that_only_takes_deliveries_has_no_board_to_lead_to() {
    let mut shown = shown(1);
    shown.only_receives = true;
    let made = served(options(None), shown);
    let answer = request(made.address(), "GET", "/nonsense", &[BROWSER]).is(404);
    assert_eq!(answer.code(), "not_found");
}
