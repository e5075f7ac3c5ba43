//! Who people are elsewhere, as the API tells it.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::{Api, Contact, json_bytes};
use crate::failure::Failure;

/// A proof of who somebody is elsewhere, and how it stands.
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Identity {
    pub(crate) identity: String,
    pub(crate) standing: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made_at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// An issuer whose word counts here, said to this program.
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Issuer {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) own: bool,
}

/// What the browser came back with.
#[derive(Serialize)]
pub(crate) struct CameBack {
    pub(crate) code: String,
    pub(crate) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<String>,
}

#[derive(Deserialize)]
struct Subject {
    subject: String,
}

#[derive(Deserialize)]
struct Begun {
    url: String,
}

impl Api {
    pub(crate) async fn identities(&self) -> Result<Vec<Identity>, Failure> {
        self.get("identities").await
    }

    pub(crate) async fn identities_of(&self, account: &str) -> Result<Vec<Identity>, Failure> {
        self.get(&format!("contacts/{account}/identities")).await
    }

    pub(crate) async fn check_identities_of(&self, account: &str) -> Result<Vec<Identity>, Failure> {
        self.post(&format!("contacts/{account}/identities/check"), &serde_json::json!({}), None).await
    }

    /// Where the browser goes to sign in; it comes back to `back`.
    pub(crate) async fn begin_identity(&self, issuer: &str, back: &str) -> Result<String, Failure> {
        let body = serde_json::json!({ "issuer": issuer, "back": back });
        Ok(self.post::<Begun>("identities/begin", &body, None).await?.url)
    }

    pub(crate) async fn finish_identity(&self, came: &CameBack) -> Result<Identity, Failure> {
        self.post("identities/finish", came, None).await
    }

    /// The contacts of whom it is verified that they are called so elsewhere.
    pub(crate) async fn contacts_called(&self, identity: &str) -> Result<Vec<Contact>, Failure> {
        self.get(&format!("contacts?identity={}", in_query(identity))).await
    }

    /// The subject of the mail that proves an address.
    pub(crate) async fn begin_mail(&self) -> Result<String, Failure> {
        Ok(self.post::<Subject>("identities/mail/begin", &serde_json::json!({}), None).await?.subject)
    }

    pub(crate) async fn finish_mail(&self, message: &[u8]) -> Result<Identity, Failure> {
        let body = serde_json::json!({ "message": data_encoding::BASE64.encode(message) });
        self.post("identities/mail/finish", &body, None).await
    }

    pub(crate) async fn unlink_identity(&self, identity: &str) -> Result<(), Failure> {
        self.exchange(Method::DELETE, &format!("identities/{identity}"), None, None).await.map(drop)
    }

    pub(crate) async fn issuers(&self) -> Result<Vec<Issuer>, Failure> {
        self.get("issuers").await
    }

    pub(crate) async fn accept_issuer(&self, issuer: &Issuer, secret: Option<&str>) -> Result<(), Failure> {
        let mut body = serde_json::to_value(issuer).unwrap_or_default();
        if let (Some(secret), Some(object)) = (secret, body.as_object_mut()) {
            object.insert("client_secret".to_owned(), secret.into());
        }
        self.exchange(Method::PUT, "issuers", Some(json_bytes(&body)?), None).await.map(drop)
    }

    pub(crate) async fn reject_issuer(&self, issuer: &str, client_id: &str) -> Result<(), Failure> {
        let path = format!("issuers?issuer={}&client_id={}", in_query(issuer), in_query(client_id));
        self.exchange(Method::DELETE, &path, None, None).await.map(drop)
    }
}

/// A text as a value in the query of an address.
fn in_query(text: &str) -> String {
    let shown = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(shown).collect()
}
