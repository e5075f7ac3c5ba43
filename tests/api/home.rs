//! Somebody's node with both doors open, and the ways to come in.

use serde_json::{Value, json};
use tempfile::TempDir;
use tidings_node::node::{Config, Node};
use tidings_web_ui::{Options, Server};

use crate::client::{Client, Door};

/// A running node and its doors; dropping it ends them.
pub(crate) struct Home {
    pub(crate) account: String,
    pub(crate) address: String,
    pub(crate) page_host: String,
    pub(crate) server: Server,
    node: Node,
    dir: TempDir,
}

impl Home {
    pub(crate) async fn start(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (node, server, account) = open(&dir, name).await;
        let address = server.http_url().strip_prefix("http://").unwrap().to_owned();
        let page_host = server.host_url().strip_prefix("http://").unwrap().to_owned();
        Self { account, address, page_host, server, node, dir }
    }

    /// Stops the node and starts it again on the same home.
    pub(crate) async fn restart(self, name: &str) -> Self {
        let dir = self.stop().await;
        let (node, server, account) = open(&dir, name).await;
        let address = server.http_url().strip_prefix("http://").unwrap().to_owned();
        let page_host = server.host_url().strip_prefix("http://").unwrap().to_owned();
        Self { account, address, page_host, server, node, dir }
    }

    /// Stops the node; its home stays.
    pub(crate) async fn stop(self) -> TempDir {
        self.server.shutdown().await;
        self.node.shutdown().await;
        self.dir
    }

    /// The person's own programs: the unix socket.
    pub(crate) fn socket(&self) -> Client {
        Client::new(Door::Unix(self.dir.path().join("api.sock"))).with("host", "tidings")
    }

    /// A program at the TCP door that names the right host and says nothing else.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(Door::Tcp(self.address.clone())).with("host", &self.page_host)
    }

    /// This node's own page before it is signed in: what a browser sends with every request of it.
    pub(crate) fn page(&self) -> Client {
        let origin = format!("http://{}", self.page_host);
        self.stranger().with("origin", &origin).with("sec-fetch-site", "same-origin")
    }

    /// A fresh one-time token.
    pub(crate) async fn token(&self) -> String {
        let link = self.socket().post("/api/v1/sign-in-links", &json!({})).await.ok();
        let url = link["url"].as_str().unwrap();
        let (page, token) = url.split_once("/#sign-in=").unwrap();
        assert_eq!(page, self.server.host_url());
        token.to_owned()
    }

    /// This node's own page, signed in.
    pub(crate) async fn browser(&self) -> Client {
        let reply = self.page().post("/api/v1/sign-in", &json!({ "token": self.token().await })).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        let cookie = reply.header("set-cookie").split(';').next().unwrap();
        self.page().with("cookie", cookie)
    }

    /// Adds another home's owner by their whole card.
    pub(crate) async fn add(&self, other: &Self) -> Value {
        let card = other.socket().get("/api/v1/card").await.ok();
        self.socket().post("/api/v1/contacts", &json!({ "link": card["link"] })).await.ok()
    }

    /// The direct conversation with another home's owner.
    pub(crate) async fn conversation_with(&self, other: &Self) -> String {
        let body = json!({ "contacts": [other.account] });
        let conversation = self.socket().post("/api/v1/conversations", &body).await.ok();
        conversation["conversation"].as_str().unwrap().to_owned()
    }

    /// Sends a text; it is durable when this returns.
    pub(crate) async fn send(&self, conversation: &str, text: &str) -> Value {
        let path = format!("/api/v1/conversations/{conversation}/messages");
        let reply = self.socket().post(&path, &json!({ "text": text })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    }
}

async fn open(dir: &TempDir, name: &str) -> (Node, Server, String) {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let new = Config::new(dir.path().to_owned());
    let config = Config { name: Some(name.to_owned()), listen, mdns: false, upnp: false, ..new };
    let node = Box::pin(Node::start(config)).await.unwrap();
    let handle = node.handle();
    let account = handle.status().await.unwrap().account;
    let http = "127.0.0.1:0".parse().unwrap();
    let socket = dir.path().join("api.sock");
    let server = tidings_web_ui::serve(Options { handle, account, http, socket }).await.unwrap();
    (node, server, account.to_string())
}

/// Two people who know each other and have a conversation: Ada started it.
pub(crate) async fn ada_and_bob() -> (Home, Home, String) {
    let (ada, bob) = (Home::start("Ada").await, Home::start("Bob").await);
    ada.add(&bob).await;
    bob.add(&ada).await;
    let conversation = ada.conversation_with(&bob).await;
    (ada, bob, conversation)
}
