//! The guards of the browser's door, one request at a time; no node is asked.

use super::*;

const PAGE: &str = "ababababab.localhost:7373";
const ADDRESS: &str = "127.0.0.1:7373";

fn door() -> Door {
    Door::new(AccountId([0xab; 32]), "127.0.0.1:7373".parse().unwrap())
}

fn request(method: Method, headers: &[(&str, &str)]) -> Parts {
    let mut request = axum::http::Request::builder().method(method).uri("/api/v1/status");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn site(method: Method, headers: &[(&str, &str)]) -> Result<(), RequestError> {
    door().same_site(&request(method, headers))
}

#[test]
fn the_page_lives_at_the_beginning_of_the_account_id() {
    assert_eq!(door().page_host, PAGE);
    assert_eq!(door().address_host, ADDRESS);
}

#[test]
fn the_default_port_is_left_out_of_both_hosts() {
    let door = Door::new(AccountId([0xab; 32]), "[::1]:80".parse().unwrap());
    assert_eq!(door, Door { page_host: "ababababab.localhost".to_owned(), address_host: "[::1]".to_owned() });
}

#[test]
fn only_the_two_hosts_of_this_node_are_let_in() {
    for host in [PAGE, ADDRESS, "ABABABABAB.LOCALHOST:7373"] {
        assert_eq!(door().host(&request(Method::GET, &[("host", host)])), Ok(host));
    }
    let strangers = [
        "evil.example:7373",
        "localhost:7373",
        "ababababab.localhost",
        "ababababab.localhost:7374",
        "ababababab.localhost.:7373",
        "x.ababababab.localhost:7373",
        "127.0.0.1",
        "127.0.0.1:73730",
        "127.1:7373",
        "[::1]:7373",
        "",
        " 127.0.0.1:7373",
    ];
    for host in strangers {
        let parts = request(Method::GET, &[("host", host)]);
        assert_eq!(door().host(&parts), Err(RequestError::WrongHost), "{host:?}");
    }
    assert_eq!(door().host(&request(Method::GET, &[])), Err(RequestError::WrongHost));
    let twice = request(Method::GET, &[("host", PAGE), ("host", ADDRESS)]);
    assert_eq!(door().host(&twice), Err(RequestError::WrongHost));
}

#[test]
fn a_host_in_the_address_does_not_hide_behind_the_header() {
    let mut parts = request(Method::GET, &[("host", PAGE)]);
    parts.uri = "http://evil.example:7373/api/v1/status".parse().unwrap();
    assert_eq!(door().host(&parts), Err(RequestError::WrongHost));
    parts.uri = format!("http://{PAGE}/api/v1/status").parse().unwrap();
    assert_eq!(door().host(&parts), Ok(PAGE));
}

#[test]
fn the_page_itself_may_read_and_write() {
    let origin = format!("http://{PAGE}");
    let own = [("host", PAGE), ("cookie", "a=b"), ("sec-fetch-site", "same-origin"), ("origin", origin.as_str())];
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(site(method, &own), Ok(()));
    }
    assert_eq!(site(Method::POST, &own[..3]), Ok(()));
    assert_eq!(site(Method::GET, &own[..2]), Ok(()), "a read may come from a script");
}

#[test]
fn another_sites_page_may_not() {
    for from in ["cross-site", "same-site", "Same-Origin", ""] {
        for method in [Method::GET, Method::POST] {
            let headers = [("host", PAGE), ("sec-fetch-site", from)];
            assert_eq!(site(method, &headers), Err(RequestError::ForbiddenOrigin), "{from:?}");
        }
    }
    let origins = [
        "http://evil.example",
        "null",
        "",
        "https://ababababab.localhost:7373",
        "http://ababababab.localhost",
        "http://ababababab.localhost:7374",
        "http://127.0.0.1:7373",
        "http://ababababab.localhost:7373.evil.example",
    ];
    for origin in origins {
        for method in [Method::GET, Method::POST] {
            let headers = [("host", PAGE), ("sec-fetch-site", "same-origin"), ("origin", origin)];
            assert_eq!(site(method, &headers), Err(RequestError::ForbiddenOrigin), "{origin:?}");
        }
    }
}

#[test]
fn with_the_cookie_a_write_says_where_it_comes_from() {
    let silent = [("host", PAGE), ("cookie", "tidings_session=x")];
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        assert_eq!(site(method, &silent), Err(RequestError::ForbiddenOrigin));
    }
    assert_eq!(site(Method::POST, &silent[..1]), Ok(()), "without a cookie there is nothing to misuse");
}

#[test]
fn an_upgrade_is_guarded_like_a_write() {
    let silent = [("host", PAGE), ("cookie", "tidings_session=x"), ("upgrade", "websocket")];
    assert_eq!(site(Method::GET, &silent), Err(RequestError::ForbiddenOrigin));
    let typed = [("host", PAGE), ("upgrade", "websocket"), ("sec-fetch-site", "none")];
    assert_eq!(site(Method::GET, &typed), Err(RequestError::ForbiddenOrigin));
    let foreign = [("host", PAGE), ("upgrade", "websocket"), ("origin", "http://evil.example")];
    assert_eq!(site(Method::GET, &foreign), Err(RequestError::ForbiddenOrigin));
    let own = [("host", PAGE), ("upgrade", "websocket"), ("origin", "http://ababababab.localhost:7373")];
    assert_eq!(site(Method::GET, &own), Ok(()));
}

#[test]
fn a_person_may_type_the_address_of_something_to_read() {
    let typed = [("host", PAGE), ("cookie", "tidings_session=x"), ("sec-fetch-site", "none")];
    assert_eq!(site(Method::GET, &typed), Ok(()));
    assert_eq!(site(Method::POST, &typed), Err(RequestError::ForbiddenOrigin));
}

#[test]
fn a_browser_at_the_bare_address_is_sent_to_the_page() {
    let mut parts = request(Method::GET, &[("host", ADDRESS), ("sec-fetch-mode", "navigate")]);
    parts.uri = "/c/1?x=2".parse().unwrap();
    let moved = door().moved(&parts).unwrap();
    assert_eq!(moved.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(moved.headers()[LOCATION], "http://ababababab.localhost:7373/c/1?x=2");
    assert!(door().moved(&request(Method::GET, &[("host", ADDRESS)])).is_none(), "programs are left alone");
    let home = request(Method::GET, &[("host", PAGE), ("sec-fetch-mode", "navigate")]);
    assert!(door().moved(&home).is_none());
}

#[test]
fn the_cookie_stays_with_this_host_and_out_of_scripts() {
    let text = cookie("secret");
    assert!(text.starts_with("tidings_session=secret;"), "{text}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("Domain"), "{text}");
    assert!(no_cookie().contains("Max-Age=0"));
}

#[tokio::test]
async fn after_ten_failed_sign_ins_the_next_has_to_wait_for_the_window_to_end() {
    let sign_ins = SignIns::default();
    for _ in 0..FAILED_SIGN_INS_MAX {
        sign_ins.attempt().await.unwrap().failed();
    }
    assert_eq!(sign_ins.attempt().await.unwrap_err(), RequestError::TooManySignIns { wait_s: 60 });

    let mut over = Box::pin(tokio::time::sleep(Duration::ZERO));
    over.as_mut().await;
    sign_ins.failed.lock().await.window = Some(over);
    sign_ins.attempt().await.unwrap().failed();
    assert_eq!(sign_ins.failed.lock().await.count, 1, "a new window counts anew");
}

#[tokio::test]
async fn sign_ins_that_succeed_are_not_counted() {
    let sign_ins = SignIns::default();
    for _ in 0..100 {
        drop(sign_ins.attempt().await.unwrap());
    }
}
