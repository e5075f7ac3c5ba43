//! The built page, embedded (a debug build reads it from disk), and the headers that fence it in.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::error::RequestError;
use crate::session::Door;

/// The built page (`web-ui/app` builds it; it is committed, so that cargo needs no Node.js).
#[derive(RustEmbed)]
#[folder = "dist/"]
struct Dist;

const INDEX: &str = "index.html";
/// Files in here have a hash of their content in their name.
const HASHED: &str = "assets/";

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// An icon or a manifest: its name stays when it changes.
const FOR_AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
const NOT_AT_ALL: HeaderValue = HeaderValue::from_static("no-store");

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// A file of the page; every other address outside the API is the page itself, which knows its own addresses.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return RequestError::NotFound.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = RequestError::MethodNotAllowed.into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let name = path.trim_start_matches('/');
    if name.starts_with('.') {
        return RequestError::NotFound.into_response();
    }
    match file(name) {
        Some(found) => found,
        // An old page that asks for a script of another version must not be given a document.
        None if name.starts_with(HASHED) => RequestError::NotFound.into_response(),
        None => file(INDEX).unwrap_or_else(|| RequestError::NotFound.into_response()),
    }
}

fn file(name: &str) -> Option<Response> {
    let file = Dist::get(name)?;
    let media_type = match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let cache = match name {
        INDEX => NOT_AT_ALL,
        hashed if hashed.starts_with(HASHED) => FOR_EVER,
        _ => FOR_AN_HOUR,
    };
    let mut response = Response::new(Body::from(file.data.into_owned()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_str(&media_type).ok()?);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    Some(response)
}

/// What the page may do: load its own files, talk to its own node, and nothing else.
pub(crate) fn content_security_policy(door: &Door) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         connect-src 'self' ws://{}; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'",
        door.page_host
    );
    // A host is made of hexadecimal digits, `.localhost` and a port: always a valid header.
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// The headers of every answer, refusals included. What says nothing of caching is not kept.
pub(crate) fn fence(mut response: Response, policy: &HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(COOP, HeaderValue::from_static("same-origin"));
    headers.insert(CORP, HeaderValue::from_static("same-origin"));
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static("camera=(self), microphone=(), geolocation=()"));
    headers.entry(CACHE_CONTROL).or_insert(NOT_AT_ALL);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use tidings_node::ids::AccountId;

    async fn answer(method: Method, path: &str) -> Response {
        let request = axum::http::Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        serve(request).await
    }

    #[tokio::test]
    async fn every_address_outside_the_api_is_the_page() {
        for path in ["/", "/c/0123", "/settings/profile", "/%2e%2e/Cargo.toml", "//evil.example"] {
            let page = answer(Method::GET, path).await;
            assert_eq!(page.status(), StatusCode::OK, "{path}");
            assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
            assert_eq!(page.headers()[CACHE_CONTROL], "no-store", "{path}");
        }
    }

    #[tokio::test]
    async fn a_hashed_file_that_is_gone_is_not_the_page() {
        assert_eq!(answer(Method::GET, "/assets/index-old.js").await.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn what_is_hidden_in_the_built_folder_stays_there() {
        for path in ["/.sources.sha256", "/../Cargo.toml"] {
            assert_eq!(answer(Method::GET, path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn an_unknown_address_of_the_api_is_not_the_page() {
        for path in ["/api", "/api/", "/api/v2/status"] {
            assert_eq!(answer(Method::GET, path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn the_page_is_only_read() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert_eq!(answer(method, "/").await.status(), StatusCode::METHOD_NOT_ALLOWED);
        }
    }

    #[tokio::test]
    async fn hashed_files_are_kept_for_ever_and_have_their_media_type() {
        for name in Dist::iter().filter(|name| name.starts_with(HASHED)) {
            let found = answer(Method::GET, &format!("/{name}")).await;
            assert_eq!(found.headers()[CACHE_CONTROL], FOR_EVER, "{name}");
            assert_ne!(found.headers()[CONTENT_TYPE], "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn every_answer_is_fenced_in_and_not_kept_unless_it_says_so() {
        let door = Door::new(AccountId([0xab; 32]), "127.0.0.1:7373".parse().unwrap());
        let policy = content_security_policy(&door);
        let text = policy.to_str().unwrap();
        assert!(text.starts_with("default-src 'none'; script-src 'self'; "), "{text}");
        assert!(text.contains("connect-src 'self' ws://ababababab.localhost:7373; "), "{text}");
        assert!(!text.contains("unsafe"), "{text}");
        let fenced = fence(RequestError::NotFound.into_response(), &policy);
        assert_eq!(fenced.headers()[CONTENT_SECURITY_POLICY], policy);
        assert_eq!(fenced.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(fenced.headers()[COOP], "same-origin");
        assert_eq!(fenced.headers()[CORP], "same-origin");
        assert_eq!(fenced.headers()[CACHE_CONTROL], "no-store");
    }
}
