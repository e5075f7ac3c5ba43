//! Every byte that crosses the network, other than what libp2p's own protocols say: versions, limits, framing.
//!
//! Pure: bytes in, values or a reason out. What a peer sent is parsed whole or refused whole.

pub mod bundle;
pub mod content;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod history;
pub mod join;
pub mod receipt;
pub mod request;
