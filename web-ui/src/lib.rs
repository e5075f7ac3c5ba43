//! The window of a Tidings node: its page and its API, on a loopback port and on a unix socket.
//!
//! It translates and guards, and decides nothing: every request becomes one call of the node's
//! [`Handle`](tidings_node::handle::Handle), every event one frame. What is serialised is in [`dto`] alone.

mod serve;

mod router;

mod session;

mod routes;

mod extract;

mod convert;
pub mod dto;
mod error;

mod assets;

#[cfg(test)]
mod generated;

pub use serve::{Options, ServeError, Server, serve};
