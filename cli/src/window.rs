//! The page and the API of the node that this process runs.

use std::net::SocketAddr;

use tidings_node::node::Node;

use crate::failure::Failure;
use crate::settings::Home;

/// What is served while `up` runs.
#[derive(Debug)]
pub(crate) struct Window {
    http: SocketAddr,
}

impl Window {
    #[expect(clippy::unused_async, reason = "until the page is there")]
    /// Serves the page at `http` and the API on the home's socket.
    pub(crate) async fn open(_node: &Node, _home: &Home, _http: SocketAddr) -> Result<Self, Failure> {
        Err(Failure::Refused("this build serves no page yet".to_owned()))
    }

    /// Where the page is served.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Finishes what is being answered, and serves no more.
    #[expect(clippy::unused_async, reason = "until the page is there")]
    pub(crate) async fn close(self) {}
}
