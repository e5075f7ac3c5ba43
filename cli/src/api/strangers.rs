//! Strangers, who is blocked, and who was verified.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::{Api, Conversation, json_bytes, parse};
use crate::failure::Failure;

/// A conversation that somebody began who is no contact; printed as it comes.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct StrangerRequest {
    pub(crate) conversation: String,
    pub(crate) account: String,
    pub(crate) fingerprint: String,
    pub(crate) name: String,
    pub(crate) at_ms: u64,
    pub(crate) direct: bool,
    pub(crate) group_name: String,
    pub(crate) people: u64,
    pub(crate) messages: u64,
    pub(crate) met_in: Vec<String>,
}

/// Of whom nothing is wanted.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Blocked {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) at_ms: u64,
}

/// Whether a contact was verified.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Verification {
    pub(crate) contact: String,
    pub(crate) safety_number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) how: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verified_at_ms: Option<u64>,
}

impl Api {
    pub(crate) async fn requests(&self) -> Result<Vec<StrangerRequest>, Failure> {
        self.get("requests").await
    }

    pub(crate) async fn accept_request(&self, conversation: &str) -> Result<Conversation, Failure> {
        self.post(&format!("requests/{conversation}/accept"), &serde_json::json!({}), None).await
    }

    pub(crate) async fn refuse_request(&self, conversation: &str) -> Result<(), Failure> {
        self.exchange(Method::DELETE, &format!("requests/{conversation}"), None, None).await.map(drop)
    }

    pub(crate) async fn blocked(&self) -> Result<Vec<Blocked>, Failure> {
        self.get("blocked").await
    }

    pub(crate) async fn block(&self, account: &str) -> Result<(), Failure> {
        self.exchange(Method::PUT, &format!("blocked/{account}"), None, None).await.map(drop)
    }

    pub(crate) async fn unblock(&self, account: &str) -> Result<(), Failure> {
        self.exchange(Method::DELETE, &format!("blocked/{account}"), None, None).await.map(drop)
    }

    pub(crate) async fn verification(&self, account: &str) -> Result<Verification, Failure> {
        self.get(&format!("contacts/{account}/verification")).await
    }

    pub(crate) async fn verify(&self, account: &str, safety_number: &str) -> Result<Verification, Failure> {
        let body = json_bytes(&serde_json::json!({ "safety_number": safety_number }))?;
        parse(&self.exchange(Method::PUT, &format!("contacts/{account}/verification"), Some(body), None).await?)
    }

    pub(crate) async fn unverify(&self, account: &str) -> Result<Verification, Failure> {
        parse(&self.exchange(Method::DELETE, &format!("contacts/{account}/verification"), None, None).await?)
    }
}
