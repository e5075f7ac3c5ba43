//! The engine of a Tidings node: conversations, outbox, swarm and store.

pub mod event;
pub mod handle;
pub mod ids;
pub mod network;
pub mod node;
pub mod wire;
