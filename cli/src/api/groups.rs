//! What is asked of a conversation's membership and rules.

use hyper::Method;
use hyper::body::Bytes;
use serde::Serialize;

use super::{Api, Conversation, Group, History, Invite, Role, json_bytes, parse};
use crate::failure::Failure;

/// What to change; what is not named stays.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Patch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<History>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disappearing_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) may_invite: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) may_edit: Option<&'static str>,
}

impl Patch {
    /// Whether there is nothing to change.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(
            self,
            Self { name: None, topic: None, history: None, disappearing_s: None, may_invite: None, may_edit: None }
        )
    }
}

/// The link to make.
#[derive(Debug, Serialize)]
pub(crate) struct NewInvite {
    pub(crate) role: Role,
    pub(crate) expires_in_ms: u64,
    /// None for any number.
    pub(crate) uses: Option<u16>,
    pub(crate) approval: bool,
}

impl Api {
    pub(crate) async fn group(&self, conversation: &str) -> Result<Group, Failure> {
        self.get(&format!("conversations/{conversation}/group")).await
    }

    pub(crate) async fn change_group(&self, conversation: &str, patch: &Patch) -> Result<Group, Failure> {
        self.ask(Method::PUT, &format!("conversations/{conversation}/group"), patch).await
    }

    /// Without a picture it is taken away.
    pub(crate) async fn set_picture(
        &self,
        conversation: &str,
        picture: Option<(&str, Vec<u8>)>,
    ) -> Result<(), Failure> {
        let path = format!("conversations/{conversation}/picture");
        match picture {
            Some((media_type, bytes)) => self.upload(&path, media_type, bytes.into()).await.map(drop),
            None => self.exchange(Method::DELETE, &path, None, None).await.map(drop),
        }
    }

    pub(crate) async fn add_members(&self, conversation: &str, accounts: &[String]) -> Result<Group, Failure> {
        let body = serde_json::json!({ "accounts": accounts });
        self.ask(Method::POST, &format!("conversations/{conversation}/members"), &body).await
    }

    pub(crate) async fn remove_members(&self, conversation: &str, accounts: &[&str]) -> Result<(), Failure> {
        let body = json_bytes(&serde_json::json!({ "accounts": accounts }))?;
        self.exchange(Method::POST, &format!("conversations/{conversation}/removals"), Some(body), None).await.map(drop)
    }

    pub(crate) async fn set_role(&self, conversation: &str, account: &str, role: Role) -> Result<Group, Failure> {
        let body = serde_json::json!({ "role": role });
        self.ask(Method::PUT, &format!("conversations/{conversation}/members/{account}/role"), &body).await
    }

    pub(crate) async fn leave(&self, conversation: &str) -> Result<(), Failure> {
        let body = json_bytes(&serde_json::json!({}))?;
        self.exchange(Method::POST, &format!("conversations/{conversation}/leave"), Some(body), None).await.map(drop)
    }

    pub(crate) async fn create_invite(&self, conversation: &str, invite: &NewInvite) -> Result<Invite, Failure> {
        self.ask(Method::POST, &format!("conversations/{conversation}/invites"), invite).await
    }

    pub(crate) async fn revoke_invite(&self, conversation: &str, invite: &str) -> Result<(), Failure> {
        self.exchange(Method::DELETE, &format!("conversations/{conversation}/invites/{invite}"), None, None)
            .await
            .map(drop)
    }

    pub(crate) async fn join(&self, link: &str) -> Result<Conversation, Failure> {
        self.ask(Method::POST, "join", &serde_json::json!({ "link": link })).await
    }

    /// Lets somebody in who asks to join, or turns them away.
    pub(crate) async fn decide(&self, conversation: &str, account: &str, accept: bool) -> Result<(), Failure> {
        let body = json_bytes(&serde_json::json!({ "accept": accept }))?;
        let path = format!("conversations/{conversation}/requests/{account}");
        self.exchange(Method::POST, &path, Some(body), None).await.map(drop)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body: Bytes = json_bytes(body)?;
        parse(&self.exchange(method, path, Some(body), None).await?)
    }
}
