//! Bundles (PROTOCOL §6.15): a file of parcels that is carried by hand between nodes that never meet.
//!
//! A file is written and read piece by piece, in flat memory. What is cut off, altered, or followed by something is
//! refused as a whole: a reader says only at the end whether all of it was right.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use tidings_crypto::envelope::{PARCEL_BYTES_MAX, PARCEL_BYTES_MIN};

/// A bundle is at most this many bytes.
pub const BUNDLE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How every bundle begins, before its version.
const BEGINNING: &[u8; 15] = b"tidings bundle\n";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 16;
/// A length of zero, then how many parcels there were, whether more is to come, and the checksum.
const END_BYTES: usize = 4 + 8 + 1 + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 32;
const CHECKSUM_CONTEXT: &str = "tidings v1 bundle checksum";

/// Why a file is no bundle that can be taken. Nothing of it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBundle {
    /// It is something else.
    #[error("this is no bundle: one is made with `tidings bundle out FILE`")]
    Foreign,
    /// A newer program made it.
    #[error("this bundle is of a newer version of Tidings: bring this node up to date, and it can be read")]
    Newer,
    /// It ends too early.
    #[error(
        "this bundle is cut off: it ends after {parcels} whole parcels, and nothing of it was taken; copy the file again"
    )]
    CutOff {
        /// So many are whole.
        parcels: u64,
    },
    /// It is not as it was made.
    #[error(
        "this bundle is damaged: it is not as it was when it was made, and nothing of it was taken; copy the file again"
    )]
    Damaged,
    /// It is larger than a bundle may be.
    #[error("this bundle is larger than a bundle may be, 1 GiB: nothing of it was taken")]
    TooLong,
}

/// What a whole bundle says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// So many parcels are in it.
    pub parcels: u64,
    /// Whether there was more to carry than it could hold.
    pub more: bool,
}

/// Writes a bundle, piece by piece.
#[derive(Debug)]
pub struct BundleWriter {
    checksum: blake3::Hasher,
    parcels: u64,
    bytes: u64,
}

impl BundleWriter {
    /// Begins one: these bytes come first.
    pub fn begin() -> (Self, Vec<u8>) {
        let mut writer = Self { checksum: blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT), parcels: 0, bytes: 0 };
        let header = [BEGINNING.as_slice(), &[VERSION]].concat();
        writer.note(&header);
        (writer, header)
    }

    /// The bytes of one more parcel; none if it does not fit any more, or is no parcel.
    pub fn parcel(&mut self, parcel: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(parcel.len()).ok()?;
        let fits = self.bytes.saturating_add(u64::from(length)).saturating_add(wide(4 + END_BYTES)) <= BUNDLE_BYTES_MAX;
        if !fits || !(PARCEL_BYTES_MIN..=PARCEL_BYTES_MAX).contains(&parcel.len()) {
            return None;
        }
        let framed = [length.to_be_bytes().as_slice(), parcel].concat();
        self.note(&framed);
        self.parcels = self.parcels.saturating_add(1);
        Some(framed)
    }

    /// How many parcels there are so far.
    pub fn parcels(&self) -> u64 {
        self.parcels
    }

    /// The last bytes.
    pub fn end(mut self, more: bool) -> Vec<u8> {
        let said = [[0; 4].as_slice(), &self.parcels.to_be_bytes(), &[u8::from(more)]].concat();
        self.note(&said);
        [said.as_slice(), self.checksum.finalize().as_bytes()].concat()
    }

    fn note(&mut self, bytes: &[u8]) {
        self.checksum.update(bytes);
        self.bytes = self.bytes.saturating_add(wide(bytes.len()));
    }
}

/// Reads a bundle, piece by piece: what it gives out may be used only once [`BundleReader::finish`] said that all of it is
/// whole.
#[derive(Debug)]
pub struct BundleReader {
    checksum: blake3::Hasher,
    buffer: Vec<u8>,
    /// Of the buffer, what was read already.
    read: usize,
    has_begun: bool,
    parcels: u64,
    bytes: u64,
    whole: Option<Whole>,
}

impl Default for BundleReader {
    fn default() -> Self {
        Self {
            checksum: blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT),
            buffer: Vec::new(),
            read: 0,
            has_begun: false,
            parcels: 0,
            bytes: 0,
            whole: None,
        }
    }
}

impl BundleReader {
    /// Takes the file's next bytes. Read all parcels there are before the next.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), BadBundle> {
        self.bytes = self.bytes.saturating_add(wide(bytes.len()));
        if self.bytes > BUNDLE_BYTES_MAX {
            return Err(BadBundle::TooLong);
        }
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next parcel, if all of it is here.
    pub fn parcel(&mut self) -> Result<Option<Vec<u8>>, BadBundle> {
        if !self.has_begun && !self.begin()? {
            return Ok(None);
        }
        if self.whole.is_some() {
            return if self.rest().is_empty() { Ok(None) } else { Err(BadBundle::Damaged) };
        }
        let Some(length) = self.rest().first_chunk::<4>().copied() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 {
            return self.end();
        }
        if !(PARCEL_BYTES_MIN..=PARCEL_BYTES_MAX).contains(&length) {
            return Err(BadBundle::Damaged);
        }
        let Some(framed) = self.take(length.saturating_add(4)) else { return Ok(None) };
        self.checksum.update(&framed);
        self.parcels = self.parcels.saturating_add(1);
        Ok(framed.get(4..).map(<[u8]>::to_vec))
    }

    /// There are no more bytes: whether it was all.
    pub fn finish(self) -> Result<Whole, BadBundle> {
        let is_beginning = BEGINNING.starts_with(&self.buffer) && !self.buffer.is_empty();
        match self.whole {
            Some(whole) if self.rest().is_empty() => Ok(whole),
            Some(_) => Err(BadBundle::Damaged),
            None if self.has_begun || is_beginning => Err(BadBundle::CutOff { parcels: self.parcels }),
            None => Err(BadBundle::Foreign),
        }
    }

    fn begin(&mut self) -> Result<bool, BadBundle> {
        let (seen, expected) = (self.rest(), BEGINNING.as_slice());
        let common = seen.len().min(expected.len());
        if seen.get(..common) != expected.get(..common) {
            return Err(BadBundle::Foreign);
        }
        let Some(header) = self.take(HEADER_BYTES) else { return Ok(false) };
        if header.last() != Some(&VERSION) {
            return Err(BadBundle::Newer);
        }
        self.checksum.update(&header);
        self.has_begun = true;
        Ok(true)
    }

    fn end(&mut self) -> Result<Option<Vec<u8>>, BadBundle> {
        let Some(end) = self.take(END_BYTES) else { return Ok(None) };
        let (said, checksum) = end.split_last_chunk::<CHECKSUM_BYTES>().ok_or(BadBundle::Damaged)?;
        self.checksum.update(said);
        let count: [u8; 8] = said.get(4..12).and_then(|count| count.try_into().ok()).ok_or(BadBundle::Damaged)?;
        let more = match said.last() {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(BadBundle::Damaged),
        };
        let is_right = self.checksum.finalize() == blake3::Hash::from_bytes(*checksum);
        if !is_right || u64::from_be_bytes(count) != self.parcels {
            return Err(BadBundle::Damaged);
        }
        self.whole = Some(Whole { parcels: self.parcels, more });
        if self.rest().is_empty() { Ok(None) } else { Err(BadBundle::Damaged) }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.read..).unwrap_or_default()
    }

    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let taken = self.rest().get(..bytes)?.to_vec();
        self.read = self.read.saturating_add(bytes);
        Some(taken)
    }
}

/// A length as a count of bytes.
fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Reads all of it at once.
pub fn read_whole(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Whole), BadBundle> {
    let mut reader = BundleReader::default();
    reader.feed(bytes)?;
    let mut parcels = Vec::new();
    while let Some(parcel) = reader.parcel()? {
        parcels.push(parcel);
    }
    Ok((parcels, reader.finish()?))
}

/// Writes all of it at once.
pub fn write_whole(parcels: &[Vec<u8>]) -> Vec<u8> {
    let (mut writer, mut bytes) = BundleWriter::begin();
    let mut more = false;
    for parcel in parcels {
        match writer.parcel(parcel) {
            Some(framed) => bytes.extend(framed),
            None => more = true,
        }
    }
    bytes.extend(writer.end(more));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcels() -> Vec<Vec<u8>> {
        vec![vec![1; PARCEL_BYTES_MIN], vec![2; PARCEL_BYTES_MIN + 256], vec![3; PARCEL_BYTES_MIN]]
    }

    #[test]
    fn what_is_written_is_read_however_it_is_cut_into_pieces() {
        let bytes = write_whole(&parcels());
        assert_eq!(read_whole(&bytes), Ok((parcels(), Whole { parcels: 3, more: false })));
        for size in [1, 2, 3, 7, 100, 1_000] {
            let (mut reader, mut read) = (BundleReader::default(), Vec::new());
            for piece in bytes.chunks(size) {
                reader.feed(piece).unwrap();
                while let Some(parcel) = reader.parcel().unwrap() {
                    read.push(parcel);
                }
            }
            assert_eq!((reader.finish(), read), (Ok(Whole { parcels: 3, more: false }), parcels()), "{size}");
        }
        assert_eq!(read_whole(&write_whole(&[])), Ok((Vec::new(), Whole { parcels: 0, more: false })));
    }

    #[test]
    fn a_bundle_that_is_cut_off_anywhere_says_how_much_of_it_is_whole() {
        let bytes = write_whole(&parcels());
        assert_eq!(read_whole(&[]), Err(BadBundle::Foreign));
        for end in 1..bytes.len() {
            let written = parcels();
            let whole = written.iter().scan(HEADER_BYTES, |at, parcel| {
                *at += 4 + parcel.len();
                Some(*at)
            });
            let parcels = wide(whole.filter(|at| *at <= end).count());
            assert_eq!(read_whole(&bytes[..end]), Err(BadBundle::CutOff { parcels }), "{end}");
        }
    }

    #[test]
    fn a_bundle_of_which_one_bit_is_another_is_refused() {
        let bytes = write_whole(&parcels());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut touched = bytes.clone();
                touched[at] ^= 1 << bit;
                assert!(read_whole(&touched).is_err(), "byte {at}, bit {bit}");
            }
        }
        assert_eq!(read_whole(&[bytes.clone(), vec![0]].concat()), Err(BadBundle::Damaged));
        assert_eq!(read_whole(b"%PDF-1.7 and so on"), Err(BadBundle::Foreign));
        let mut newer = bytes;
        newer[15] = 2;
        assert_eq!(read_whole(&newer), Err(BadBundle::Newer));
    }

    #[test]
    fn no_bundle_is_longer_than_it_may_be() {
        let (mut writer, header) = BundleWriter::begin();
        assert_eq!(header.len(), HEADER_BYTES);
        let parcel = vec![0; PARCEL_BYTES_MAX];
        writer.bytes = BUNDLE_BYTES_MAX - wide(END_BYTES + 4 + PARCEL_BYTES_MAX);
        assert_eq!(writer.parcel(&parcel).map(|framed| framed.len()), Some(PARCEL_BYTES_MAX + 4));
        assert_eq!((writer.parcel(&parcel), writer.parcels()), (None, 1));
        assert_eq!(writer.bytes + wide(writer.end(true).len()), BUNDLE_BYTES_MAX);
        let mut reader = BundleReader { bytes: BUNDLE_BYTES_MAX, ..BundleReader::default() };
        assert_eq!(reader.feed(&[0]), Err(BadBundle::TooLong));
    }
}
