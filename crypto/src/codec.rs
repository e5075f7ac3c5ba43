//! The length-checked reader and writer behind every encoding of this crate (PROTOCOL §1.1).
//!
//! Integers are big-endian; what varies in length has its length in front as a `u32`.
//! An encoding is canonical: one value has one encoding, and bytes left over are refused.
//! The reader never allocates on the word of a length: it hands out slices of its input.

/// Why bytes are not the encoding of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end before the value does.
    #[error("it is cut off")]
    Truncated,
    /// Bytes follow the value.
    #[error("{bytes} bytes too many follow it")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Something is longer than its limit.
    #[error("{what} is longer than {limit}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its limit, in bytes or in items.
        limit: usize,
    },
    /// A version that this program does not know.
    #[error("it has version {found}, and this program knows {known}")]
    Version {
        /// The version found.
        found: u8,
        /// The version known.
        known: u8,
    },
    /// A field with a value that it cannot have.
    #[error("{what} is not valid")]
    Invalid {
        /// Which field.
        what: &'static str,
    },
}

/// Reads an encoding from its beginning.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the version byte and refuses every other than `known`.
    pub fn version(&mut self, known: u8) -> Result<(), Malformed> {
        let found = self.u8()?;
        if found == known { Ok(()) } else { Err(Malformed::Version { found, known }) }
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    /// Reads two bytes.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads four bytes.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads eight bytes.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    /// Reads exactly `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a length and that many bytes, `limit` at most.
    pub fn bytes(&mut self, what: &'static str, limit: usize) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= limit);
        self.take(length.ok_or(Malformed::TooLong { what, limit })?)
    }

    /// Reads a length and that many bytes of UTF-8, `limit` at most.
    pub fn text(&mut self, what: &'static str, limit: usize) -> Result<&'a str, Malformed> {
        str::from_utf8(self.bytes(what, limit)?).map_err(|_| Malformed::Invalid { what })
    }

    /// Reads how many items follow, `limit` at most.
    pub fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, Malformed> {
        let count = usize::from(self.u16()?);
        if count <= limit { Ok(count) } else { Err(Malformed::TooLong { what, limit }) }
    }

    /// Takes everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Says that the value ends here.
    pub fn finish(self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(Malformed::Trailing { bytes }),
        }
    }
}

/// Writes an encoding.
///
/// The caller keeps to the limits of what it writes; a length that its field cannot hold is written
/// as the field's highest, which every reader refuses.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Writer {
    /// Without what was written, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("written", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `capacity` bytes: within it, nothing is copied or left behind in memory.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// Writes one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.array(&[value])
    }

    /// Writes two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.array(&value.to_be_bytes())
    }

    /// Writes four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.array(&value.to_be_bytes())
    }

    /// Writes eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.array(&value.to_be_bytes())
    }

    /// Writes bytes whose number the reader knows.
    pub fn array(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Writes a length and the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).array(bytes)
    }

    /// Writes how many items follow.
    pub fn count(&mut self, count: usize) -> &mut Self {
        self.u16(u16::try_from(count).unwrap_or(u16::MAX))
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let mut writer = Writer::new();
        writer.u8(1).u16(2).u32(3).u64(4).array(&[5; 3]).bytes(b"six").bytes("sieben".as_bytes()).count(8);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        reader.version(1).unwrap();
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u32(), Ok(3));
        assert_eq!(reader.u64(), Ok(4));
        assert_eq!(reader.array(), Ok([5; 3]));
        assert_eq!(reader.bytes("six", 3), Ok(b"six".as_slice()));
        assert_eq!(reader.text("seven", 6), Ok("sieben"));
        assert_eq!(reader.count("eight", 8), Ok(8));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_length_over_its_limit_or_over_the_input_is_refused() {
        let mut writer = Writer::new();
        writer.bytes(b"four");
        let bytes = writer.into_bytes();
        let too_long = Malformed::TooLong { what: "it", limit: 3 };
        assert_eq!(Reader::new(&bytes).bytes("it", 3), Err(too_long));
        assert_eq!(Reader::new(&bytes[..7]).bytes("it", 4), Err(Malformed::Truncated));
        assert_eq!(Reader::new(&[0xff; 4]).bytes("it", usize::MAX), Err(Malformed::Truncated));
        assert_eq!(Reader::new(&[0, 4]).count("it", 3), Err(too_long));
    }

    #[test]
    fn bytes_left_over_and_unknown_versions_are_refused() {
        let mut reader = Reader::new(&[2, 0]);
        assert_eq!(reader.version(1), Err(Malformed::Version { found: 2, known: 1 }));
        assert_eq!(reader.finish(), Err(Malformed::Trailing { bytes: 1 }));
    }
}
