//! Who may come in by the browser's door (docs/decisions/0001): the right host, this node's own page, a session.
//!
//! The host is checked on every request, files of the page included: a page of another site that makes its own name
//! resolve to this machine is sent away. What carries the cookie has to come from this node's own page. The unix
//! socket is guarded by its file mode instead and uses none of this.

pub(crate) mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, HOST, HeaderName, LOCATION, ORIGIN, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use futures::FutureExt;
use tidings_node::handle::Refused;
use tidings_node::ids::AccountId;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Sleep;

use crate::error::{Error, RequestError};
use crate::router::App;
use crate::session::tokens::Opens;

/// The cookie that holds a session's secret.
pub(crate) const COOKIE_NAME: &str = "tidings_session";
/// How long a browser keeps it: browsers cut anything longer to 400 days.
const COOKIE_AGE_S: u32 = 400 * 24 * 60 * 60;
/// How many characters of the account's id name its host: 40 bits tell the nodes of one machine apart.
const HOST_ID_CHARS: usize = 10;
/// So many sign-ins may fail in a window of [`FAILED_SIGN_INS_WINDOW`]. A guess: a token has 256 bits.
const FAILED_SIGN_INS_MAX: u32 = 10;
/// The window in which they are counted.
const FAILED_SIGN_INS_WINDOW: Duration = Duration::from_mins(1);

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The hosts at which the browser's door answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    /// Where the page lives: `<id>.localhost:PORT`. Cookies set there reach no other port and no other node.
    pub(crate) page_host: String,
    /// Where programs may come in: the address itself.
    pub(crate) address_host: String,
}

impl Door {
    /// The door of an account's node at a bound address.
    pub(crate) fn new(account: AccountId, bound: SocketAddr) -> Self {
        let id: String = account.to_string().chars().take(HOST_ID_CHARS).collect();
        // A browser leaves the default port out of `Host` and `Origin`.
        if bound.port() == 80 {
            let address = bound.to_string();
            let address_host = address.strip_suffix(":80").unwrap_or(&address).to_owned();
            return Self { page_host: format!("{id}.localhost"), address_host };
        }
        Self { page_host: format!("{id}.localhost:{}", bound.port()), address_host: bound.to_string() }
    }

    /// Where the page is.
    pub(crate) fn page_url(&self) -> String {
        format!("http://{}", self.page_host)
    }

    /// The link that signs a browser in: a fragment is sent to no server, so the token is in nobody's log.
    pub(crate) fn sign_in_url(&self, token: &str) -> String {
        format!("{}/#sign-in={token}", self.page_url())
    }

    /// The host that a request is addressed to, if it is one of ours.
    fn host<'a>(&self, parts: &'a Parts) -> Result<&'a str, RequestError> {
        let host = only(&parts.headers, &HOST).ok().flatten().ok_or(RequestError::WrongHost)?;
        let is_ours =
            |host: &str| host.eq_ignore_ascii_case(&self.page_host) || host.eq_ignore_ascii_case(&self.address_host);
        // RFC 9112 §3.2.2: an address with a host in it overrides the header, so both have to be ours.
        let named_twice = parts.uri.authority().is_some_and(|authority| !is_ours(authority.as_str()));
        if is_ours(host) && !named_twice { Ok(host) } else { Err(RequestError::WrongHost) }
    }

    /// Refuses what another site's page sent, by what browsers say and pages cannot forge.
    ///
    /// With the cookie, a write or an upgrade has to bring `Sec-Fetch-Site` or `Origin`; whichever is there has to
    /// be right. The site is judged, never the mode.
    fn same_site(&self, parts: &Parts) -> Result<(), RequestError> {
        let host = self.host(parts)?;
        let site = only(&parts.headers, &SEC_FETCH_SITE)?;
        let origin = only(&parts.headers, &ORIGIN)?;
        let changes = !matches!(parts.method, Method::GET | Method::HEAD) || parts.headers.contains_key(UPGRADE);
        let site_fits = match site {
            None | Some("same-origin") => true,
            // Typed by the person, or opened from a bookmark.
            Some("none") => !changes,
            Some(_) => false,
        };
        let origin_fits = origin
            .is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|from| from.eq_ignore_ascii_case(host)));
        let silent = site.is_none() && origin.is_none();
        // Beside a token the cookie counts for nothing, and no page of another site can send a token along.
        let by_cookie = parts.headers.contains_key(COOKIE) && !tokens::brings(&parts.headers);
        if !site_fits || !origin_fits || (silent && changes && by_cookie) {
            return Err(RequestError::ForbiddenOrigin);
        }
        Ok(())
    }

    /// A browser that opened the page at the bare address is sent to the page's own host, because cookies set at the
    /// address reach every other port of this machine. Programs are left alone.
    fn moved(&self, parts: &Parts) -> Option<Response> {
        let host = self.host(parts).ok()?;
        let navigates = parts.headers.get(&SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate");
        if !navigates || parts.method != Method::GET || host.eq_ignore_ascii_case(&self.page_host) {
            return None;
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let location = HeaderValue::from_str(&format!("http://{}{path}", self.page_host)).ok()?;
        Some((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response())
    }
}

/// The one value of a header: `None` where it is missing; twice, or not text, is nobody's honest request.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RequestError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RequestError::ForbiddenOrigin);
    }
    value.to_str().map(Some).map_err(|_| RequestError::ForbiddenOrigin)
}

/// Lets in only what is addressed to this node; outermost at the browser's door.
pub(crate) async fn check_host(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(error) = door.host(&parts) {
        return error.into_response();
    }
    if let Some(moved) = door.moved(&parts) {
        return moved;
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Lets into the API only what another site's page cannot have sent.
pub(crate) async fn check_site(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match door.same_site(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}

/// Lets in only who is signed in, or brings a token for which these routes are open; tells the route which it is.
pub(crate) async fn check_visitor(
    State((app, opens)): State<(App, Opens)>,
    mut request: Request,
    next: Next,
) -> Response {
    match tokens::brought(request.headers()).map(|text| text.map(str::to_owned)) {
        Ok(None) => {}
        Ok(Some(text)) => return tokens::check(&app, opens, text, request, next).await,
        Err(error) => return error.into_response(),
    }
    let jar = CookieJar::from_headers(request.headers());
    let Some(cookie) = jar.get(COOKIE_NAME) else { return RequestError::NotSignedIn.into_response() };
    match app.handle.session(cookie.value()).await {
        Ok(session) => {
            request.extensions_mut().insert(SignedIn(session));
            next.run(request).await
        }
        // The node speaks of sign-in links; this request did not bring one.
        Err(Refused::NotSignedIn) => RequestError::NotSignedIn.into_response(),
        Err(refused) => Error::from(refused).into_response(),
    }
}

/// The session by which a request came in; absent on the unix socket.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn(pub(crate) tidings_node::handle::Session);

/// The header that signs a browser in. No `Domain`, so the cookie stays on the host that set it.
pub(crate) fn cookie(token: &str) -> String {
    format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_AGE_S}")
}

/// The header that signs it out.
pub(crate) fn no_cookie() -> String {
    format!("{COOKIE_NAME}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

/// Counts sign-ins that failed. Attempts run one after the other, so that many at once cannot pass the count.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    failed: Mutex<FailedSignIns>,
}

/// The failures of the running window.
#[derive(Debug, Default)]
pub(crate) struct FailedSignIns {
    count: u32,
    window: Option<std::pin::Pin<Box<Sleep>>>,
}

impl SignIns {
    /// The right to try once: hold it until the attempt is over.
    pub(crate) async fn attempt(&self) -> Result<MutexGuard<'_, FailedSignIns>, RequestError> {
        let mut failed = self.failed.lock().await;
        if failed.window.as_mut().is_some_and(|window| window.as_mut().now_or_never().is_some()) {
            *failed = FailedSignIns::default();
        }
        if failed.count >= FAILED_SIGN_INS_MAX {
            return Err(RequestError::TooManySignIns { wait_s: FAILED_SIGN_INS_WINDOW.as_secs() });
        }
        Ok(failed)
    }
}

impl FailedSignIns {
    /// The attempt failed.
    pub(crate) fn failed(&mut self) {
        self.count += 1;
        self.window.get_or_insert_with(|| Box::pin(tokio::time::sleep(FAILED_SIGN_INS_WINDOW)));
    }
}

#[cfg(test)]
mod tests;
