//! The engine of a Tidings node: conversations, outbox, swarm and store.
//!
//! [`node::Node`] runs it; [`handle::Handle`] is what everything else holds. How the parts hang together is told in
//! `docs/ARCHITECTURE.md`.

pub mod backup;
pub mod conversation;
pub mod doctor;
pub mod engine;
pub mod event;
mod event_log;
pub mod handle;
mod home;
pub mod ids;
mod mailbox;
pub mod network;
pub mod node;
pub mod outbox;
pub mod providers;
pub mod store;
pub mod sync;
pub mod wire;
