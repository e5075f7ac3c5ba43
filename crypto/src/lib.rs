//! Keys, cards, groups and the vault of Tidings: bytes in, bytes and decisions out.
//!
//! Nothing here reads a clock, a file, a socket or the operating system's randomness:
//! times and random number generators are arguments.

pub mod identity;
