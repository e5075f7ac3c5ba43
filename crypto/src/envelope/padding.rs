//! Size buckets (PROTOCOL §4.4): the Padmé scheme of the PURBs paper (Nikitin et al., 2019) over a floor.
//!
//! A length is rounded up so that only as many leading bits stay as say its magnitude: below 512 bytes
//! to 256 bytes, then in steps that grow with the length, with at most 12 % of waste above the floor.

use zeroize::Zeroizing;

use super::SealError;
use crate::codec::{Malformed, Reader, Writer};

/// The largest bucket.
pub const PADDED_BYTES_MAX: usize = 63 * 4096;
/// The smallest bucket and the smallest step: most texts look alike.
const STEP_BYTES_MIN: usize = 256;

/// The bucket that holds `bytes`; `None` above the largest.
pub(super) fn bucket(bytes: usize, largest: usize) -> Option<usize> {
    let magnitude = bytes.max(STEP_BYTES_MIN).ilog2();
    let kept_bits = magnitude.ilog2().saturating_add(1);
    let step = 1_usize.checked_shl(magnitude.saturating_sub(kept_bits))?.max(STEP_BYTES_MIN);
    let bucket = bytes.max(1).checked_next_multiple_of(step)?;
    (bucket <= largest).then_some(bucket)
}

/// Whether `bytes` is the size of a bucket of an envelope.
pub(super) fn is_bucket(bytes: usize) -> bool {
    is_bucket_within(bytes, PADDED_BYTES_MAX)
}

/// Whether `bytes` is the size of a bucket, up to the `largest`.
pub(super) fn is_bucket_within(bytes: usize, largest: usize) -> bool {
    bucket(bytes, largest) == Some(bytes)
}

/// Fills what was written up with zeros to its bucket in an envelope.
pub(super) fn pad(writer: Writer) -> Result<Zeroizing<Vec<u8>>, SealError> {
    pad_within(writer, PADDED_BYTES_MAX)
}

/// Fills what was written up with zeros to its bucket, up to the `largest`.
pub(super) fn pad_within(writer: Writer, largest: usize) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut bytes = Zeroizing::new(writer.into_bytes());
    let bucket = bucket(bytes.len(), largest).ok_or(SealError::TooLong { bytes: bytes.len() })?;
    bytes.resize(bucket, 0);
    Ok(bytes)
}

/// Checks that what is left is the padding that [`pad`] would have put there.
pub(super) fn check(padded_bytes: usize, reader: Reader<'_>) -> Result<(), Malformed> {
    check_within(padded_bytes, reader, PADDED_BYTES_MAX)
}

/// Checks that what is left is the padding that [`pad_within`] would have put there.
pub(super) fn check_within(padded_bytes: usize, mut reader: Reader<'_>, largest: usize) -> Result<(), Malformed> {
    let padding = reader.rest();
    let content_bytes = padded_bytes.saturating_sub(padding.len());
    if bucket(content_bytes, largest) == Some(padded_bytes) && padding.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(Malformed::Invalid { what: "the padding" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_a_bucket_that_wastes_little() {
        let mut buckets = std::collections::BTreeSet::new();
        for bytes in 0..=PADDED_BYTES_MAX {
            let padded = bucket(bytes, PADDED_BYTES_MAX).unwrap();
            assert!(padded >= bytes && is_bucket(padded), "{bytes}");
            assert!(padded - bytes <= 256 || (padded - bytes) * 100 <= bytes * 12, "{bytes} is padded to {padded}");
            buckets.insert(padded);
        }
        assert_eq!(buckets.len(), 143, "so many sizes can be told apart");
        assert_eq!(bucket(PADDED_BYTES_MAX + 1, PADDED_BYTES_MAX), None);
        assert_eq!(bucket(usize::MAX, PADDED_BYTES_MAX), None);
    }
}
