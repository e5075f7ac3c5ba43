//! Bundles, out and in: one part at a time, so that the largest needs no more memory than the smallest.

use std::collections::BTreeSet;
use std::io::SeekFrom;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeek, AsyncSeekExt as _};

use super::{Handle, Refused};
use crate::engine::bundles::PARCELS_AT_ONCE;
pub use crate::engine::bundles::{BundlePlace, BundleScope, ParcelFate};
use crate::engine::{Command, Reply};
use crate::wire::bundle::{BadBundle, BundleReader, BundleWriter};

/// So much of a file is read at once.
const READ_BYTES: usize = 64 * 1024;
/// So many bytes of parcels are taken at once, one parcel more or less.
const UNPACKED_BYTES: usize = 900 * 1024;
/// What cannot be read when it comes may be readable once the rest is here: it is tried so often more.
const AGAIN_MAX: u32 = 4;
/// So many of them at the most.
const AGAIN_PARCELS_MAX: usize = 100_000;

impl From<BadBundle> for Refused {
    fn from(bad: BadBundle) -> Self {
        Self::BadBundle(bad.to_string())
    }
}

/// A bundle that is being made.
#[derive(Debug)]
pub struct BundleOut {
    handle: Handle,
    scope: BundleScope,
    /// How to go on, with whom; none once all is in it.
    at: Option<(BundlePlace, Option<BundleWriter>)>,
}

impl BundleOut {
    /// The file's next bytes; none after its last. A file without its last bytes is none.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        let Some((at, writer)) = self.at.take() else { return Ok(None) };
        let (mut writer, mut bytes) = writer.map_or_else(BundleWriter::begin, |writer| (writer, Vec::new()));
        let command = Command::PackBundle { scope: self.scope.clone(), at };
        let Reply::Packed(packed) = self.handle.ask(command).await? else { return Err(Refused::Stopped) };
        for parcel in &packed.parcels {
            let Some(framed) = writer.parcel(parcel) else {
                bytes.extend(writer.end(true));
                return Ok(Some(bytes));
            };
            bytes.extend(framed);
        }
        match packed.next {
            Some(next) => self.at = Some((next, Some(writer))),
            None => bytes.extend(writer.end(false)),
        }
        Ok(Some(bytes))
    }
}

/// What became of a bundle's parcels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BundleTaken {
    /// For this node, and new.
    pub new: u64,
    /// For this node, and here before.
    pub known: u64,
    /// For this node, and not readable yet: something or somebody is missing that it needs.
    pub later: u64,
    /// For this node, and of no use to it any more.
    pub useless: u64,
    /// For others.
    pub others: u64,
}

impl BundleTaken {
    fn count(&mut self, fate: ParcelFate) {
        let of = match fate {
            ParcelFate::New => &mut self.new,
            ParcelFate::Known => &mut self.known,
            ParcelFate::Later => &mut self.later,
            ParcelFate::Useless => &mut self.useless,
            ParcelFate::Other => &mut self.others,
        };
        *of = of.saturating_add(1);
    }
}

impl Handle {
    /// A bundle of what these people are owed, to be carried there by hand.
    pub fn bundle_out(&self, scope: BundleScope) -> BundleOut {
        BundleOut { handle: self.clone(), scope, at: Some((BundlePlace::Begin, None)) }
    }

    /// Takes a bundle: all of the file is looked at before anything of it is taken.
    pub async fn bundle_in<F: AsyncRead + AsyncSeek + Unpin + Send>(
        &self,
        mut file: F,
    ) -> Result<BundleTaken, Refused> {
        let mut parcels = Parcels::of(&mut file).await?;
        while parcels.next().await?.is_some() {}
        parcels.reader.finish()?;

        let mut taken = BundleTaken::default();
        let mut waiting: BTreeSet<u64> = BTreeSet::new();
        self.unpack(&mut file, None, &mut |number, fate| {
            if fate == ParcelFate::Later && waiting.len() < AGAIN_PARCELS_MAX {
                waiting.insert(number);
            } else {
                taken.count(fate);
            }
        })
        .await?;
        for _ in 0..AGAIN_MAX {
            let again = std::mem::take(&mut waiting);
            let before = again.len();
            if before == 0 {
                break;
            }
            self.unpack(&mut file, Some(&again), &mut |number, fate| {
                if fate == ParcelFate::Later {
                    waiting.insert(number);
                } else {
                    taken.count(fate);
                }
            })
            .await?;
            if waiting.len() == before {
                break;
            }
        }
        taken.later = taken.later.saturating_add(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
        Ok(taken)
    }

    /// Takes the parcels of a file, or of them those with these numbers, and says what became of each.
    async fn unpack<F: AsyncRead + AsyncSeek + Unpin + Send>(
        &self,
        file: &mut F,
        only: Option<&BTreeSet<u64>>,
        tell: &mut (dyn FnMut(u64, ParcelFate) + Send),
    ) -> Result<(), Refused> {
        let mut parcels = Parcels::of(file).await?;
        let (mut numbers, mut some, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        let mut number = 0_u64;
        loop {
            let parcel = parcels.next().await?;
            let is_last = parcel.is_none();
            if let Some(parcel) = parcel {
                if only.is_none_or(|only| only.contains(&number)) {
                    bytes = bytes.saturating_add(parcel.len());
                    numbers.push(number);
                    some.push(parcel);
                }
                number = number.saturating_add(1);
            }
            if !some.is_empty() && (is_last || some.len() >= PARCELS_AT_ONCE || bytes >= UNPACKED_BYTES) {
                bytes = 0;
                let command = Command::UnpackBundle(std::mem::take(&mut some));
                let Reply::Unpacked(fates) = self.ask(command).await? else { return Err(Refused::Stopped) };
                for (number, fate) in numbers.drain(..).zip(fates) {
                    tell(number, fate);
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The parcels of a file, from its beginning.
struct Parcels<'file, F> {
    file: &'file mut F,
    reader: BundleReader,
    buffer: Vec<u8>,
}

impl<'file, F: AsyncRead + AsyncSeek + Unpin + Send> Parcels<'file, F> {
    async fn of(file: &'file mut F) -> Result<Self, Refused> {
        file.seek(SeekFrom::Start(0)).await.map_err(|error| unreadable(&error))?;
        Ok(Self { file, reader: BundleReader::default(), buffer: vec![0; READ_BYTES] })
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        loop {
            if let Some(parcel) = self.reader.parcel()? {
                return Ok(Some(parcel));
            }
            let count = self.file.read(&mut self.buffer).await.map_err(|error| unreadable(&error))?;
            if count == 0 {
                return Ok(None);
            }
            self.reader.feed(self.buffer.get(..count).unwrap_or_default())?;
        }
    }
}

fn unreadable(error: &std::io::Error) -> Refused {
    Refused::BadBundle(format!("the bundle cannot be read: {error}"))
}
