//! JSON over HTTPS: one request, one bounded answer, no redirect followed.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use url::{Host, Url};
use zeroize::Zeroizing;

/// An answer is whole within this.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// The longest answer that is read: the longest key sets in use have some 30 kB.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// GitHub answers only who says what program asks.
const AGENT: HeaderValue = HeaderValue::from_static("tidings");

/// Why a server gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No server can be asked safely.
    #[error("there is no TLS: {0}")]
    NoTls(String),
    /// It is not an address that is asked.
    #[error("{0} is not an https address (http is for this machine only)")]
    NotSecure(String),
    /// There was no connection, or it broke.
    #[error("{host} was not reached: {reason}")]
    Unreachable {
        /// The server's name.
        host: String,
        /// The innermost reason.
        reason: String,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    TooSlow(String),
    /// The answer is too long.
    #[error("the answer of {0} is too long")]
    TooLong(String),
    /// It refuses.
    #[error("{host} answered with status {status}")]
    Refused {
        /// The server's name.
        host: String,
        /// The status of its answer.
        status: u16,
    },
    /// The answer is not what such a server answers.
    #[error("the answer of {host} is not what was expected: {reason}")]
    Unexpected {
        /// The server's name.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Asks servers.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    /// With the authorities that browsers trust (the list of Mozilla's that this version was built with).
    ///
    /// # Errors
    /// [`AskError::NoTls`].
    pub fn new() -> Result<Self, AskError> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider);
        let builder = builder.map_err(|error| AskError::NoTls(error.to_string()))?;
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector) })
    }

    /// The bytes of a JSON document.
    ///
    /// # Errors
    /// Any [`AskError`]; [`AskError::Refused`] for every status but 200.
    pub async fn json_bytes(&self, url: &Url, bearer: Option<&Zeroizing<String>>) -> Result<Vec<u8>, AskError> {
        let host = host(url);
        let mut request = Request::get(url.as_str()).header(ACCEPT, "application/json");
        if let Some(bearer) = bearer {
            let value = Zeroizing::new(format!("Bearer {}", bearer.as_str()));
            let unfit = |_| AskError::Unexpected { host: host.clone(), reason: "its token is no text".to_owned() };
            let mut value = HeaderValue::from_str(&value).map_err(unfit)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Vec::new()).map_err(|_| AskError::NotSecure(url.to_string()))?;
        let answer = self.exchange(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(AskError::Refused { host, status: status.as_u16() }),
        }
    }

    /// A JSON document.
    ///
    /// # Errors
    /// Any [`AskError`].
    pub async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        bearer: Option<&Zeroizing<String>>,
    ) -> Result<T, AskError> {
        let bytes = self.json_bytes(url, bearer).await?;
        let unexpected = |error: serde_json::Error| AskError::Unexpected { host: host(url), reason: error.to_string() };
        serde_json::from_slice(&bytes).map_err(unexpected)
    }

    /// One request and its whole answer, whatever the status.
    pub(super) async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, AskError> {
        let url = checked(&request.uri().to_string())?;
        let host = host(&url);
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().insert(USER_AGENT, AGENT);
        let whole = async {
            let answer = self.client.request(request).await;
            let answer =
                answer.map_err(|error| AskError::Unreachable { host: host.clone(), reason: innermost(&error) })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    AskError::TooLong(host.clone())
                } else {
                    AskError::Unreachable { host: host.clone(), reason: innermost(error.as_ref()) }
                }
            })?;
            Ok(Response::from_parts(head, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(WAIT_MAX, whole).await.unwrap_or_else(|_| Err(AskError::TooSlow(host.clone())))
    }
}

/// An address that may be asked: over TLS, or on this machine.
///
/// # Errors
/// [`AskError::NotSecure`].
pub(super) fn checked(text: &str) -> Result<Url, AskError> {
    let refused = || AskError::NotSecure(text.chars().take(200).collect());
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" if is_plain => Ok(url),
        "http" if is_plain && is_here => Ok(url),
        _ => Err(refused()),
    }
}

/// The name of the server, for sentences.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_secure_or_on_this_machine_is_asked() {
        for url in ["https://accounts.example", "https://accounts.example:8443/a?b=c", "http://127.0.0.1:8080/x"] {
            assert!(checked(url).is_ok(), "{url}");
        }
        assert!(checked("http://[::1]:80/").is_ok() && checked("http://localhost:80/").is_ok());
        for url in [
            "http://accounts.example",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "https://me:secret@accounts.example",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "no address",
            "",
        ] {
            assert!(matches!(checked(url), Err(AskError::NotSecure(_))), "{url}");
        }
    }
}
