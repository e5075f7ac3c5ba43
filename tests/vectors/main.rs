//! Vectors: bytes that others published, and bytes of our own that a second implementation can be held to.
//!
//! The published ones lie outside the project (`../shared/vectors`, or where `TIDINGS_VECTORS` says); where they are
//! missing, that is said on the standard error. Ours are the `.json` files beside this one; a change to one of them is
//! a change of the protocol. `TIDINGS_WRITE_VECTORS=1` writes what is missing or differs.

#![cfg(test)]

mod hpke;
mod ours;
mod proofs;
mod wycheproof;

use data_encoding::HEXLOWER;
use serde_json::Value;

/// The bytes of a hexadecimal field.
fn hex(case: &Value, field: &str) -> Vec<u8> {
    let text = case[field].as_str().unwrap_or_else(|| panic!("{field} is text in {case}"));
    HEXLOWER.decode(text.as_bytes()).unwrap_or_else(|_| panic!("{field} is hexadecimal in {case}"))
}

/// A hexadecimal field of a known length.
fn hex_array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    hex(case, field).try_into().unwrap_or_else(|_| panic!("{field} has {N} bytes in {case}"))
}

/// Randomness that was written down: what the code under test draws, in the order in which it draws it.
struct Script(std::collections::VecDeque<u8>);

impl Script {
    fn of(parts: &[&[u8]]) -> Self {
        Self(parts.concat().into())
    }
}

impl rand_core::TryRng for Script {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill_with(|| self.0.pop_front().expect("no more is drawn than was written down"));
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Script {}
