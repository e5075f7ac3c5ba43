//! API tokens: make, list, revoke.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::Api;
use crate::failure::Failure;

/// A token, without its text.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Token {
    #[serde(rename = "token")]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) read: bool,
    pub(crate) write: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversations: Option<Vec<String>>,
    pub(crate) created_at_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at_ms: Option<u64>,
}

/// A fresh token, as it is printed for scripts as well.
#[derive(Deserialize, Serialize)]
pub(crate) struct MadeToken {
    pub(crate) text: String,
    #[serde(flatten)]
    pub(crate) token: Token,
}

/// The token to make.
#[derive(Debug, Serialize)]
pub(crate) struct NewToken<'a> {
    pub(crate) name: &'a str,
    pub(crate) read: bool,
    pub(crate) write: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conversations: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_ms: Option<u64>,
}

impl Api {
    pub(crate) async fn tokens(&self) -> Result<Vec<Token>, Failure> {
        self.get("tokens").await
    }

    pub(crate) async fn create_token(&self, new: &NewToken<'_>) -> Result<MadeToken, Failure> {
        self.post("tokens", new, None).await
    }

    pub(crate) async fn revoke_token(&self, id: &str) -> Result<(), Failure> {
        self.exchange(Method::DELETE, &format!("tokens/{id}"), None, None).await.map(drop)
    }
}
