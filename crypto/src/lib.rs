//! Keys, cards, groups and the vault of Tidings: bytes in, bytes and decisions out.
//!
//! Nothing here reads a clock, a file, a socket or the operating system's randomness:
//! times and random number generators are arguments, and one seed gives the same bytes.
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions)]
#![cfg_attr(test, expect(clippy::string_slice, reason = "a failed test should say where"))]

pub mod card;
pub mod codec;
pub mod envelope;
pub mod epoch_id;
pub mod group;
pub mod id;
pub mod identity;
pub mod proof;
pub mod vault;

#[cfg(test)]
mod tests;
