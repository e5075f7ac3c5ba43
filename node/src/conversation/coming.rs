//! Welcomes whose tail travels in envelopes of its own (PROTOCOL §4.5): put together here.
//!
//! Nothing of it is durable, and so none of its envelopes is answered *taken* before all are here and the Welcome was
//! taken: whoever sends them keeps them until then. They come in one push, or in two.

use std::collections::{BTreeMap, VecDeque};

use tidings_crypto::codec::{Reader, Writer};
use tidings_crypto::envelope::{APART_ENVELOPES_MAX, ENVELOPE_BYTES_MAX, Envelope, EnvelopeId, WelcomeContent};
use tidings_crypto::identity::NodeKeys;

use super::receive::Arrival;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::store::StoreError;

/// So many Welcomes are put together at once, a megabyte each: beyond that the oldest comes again.
const COMING_MAX: usize = 4;
/// What is kept of a Welcome begins with this, where it is more than one envelope; an envelope begins with its version.
const MANY: u8 = 0;

/// A Welcome of which not all is here.
#[derive(Debug)]
pub(crate) struct ComingWelcome {
    envelope: Envelope,
    content: WelcomeContent,
    rest: BTreeMap<EnvelopeId, Envelope>,
}

/// The Welcomes that are being put together.
#[derive(Debug, Default)]
pub(crate) struct Coming(VecDeque<ComingWelcome>);

impl Coming {
    /// A Welcome that names envelopes which it needs.
    fn expect(&mut self, envelope: &Envelope, content: WelcomeContent) {
        if self.0.iter().any(|coming| coming.envelope == *envelope) {
            return;
        }
        self.0.push_back(ComingWelcome { envelope: envelope.clone(), content, rest: BTreeMap::new() });
        if self.0.len() > COMING_MAX {
            self.0.pop_front();
        }
    }

    /// Whether some Welcome needs this envelope.
    pub(crate) fn needs(&self, envelope: EnvelopeId) -> bool {
        self.0.iter().any(|coming| coming.names().contains(&envelope))
    }

    /// Puts an envelope to the Welcomes that need it, and takes out one that is whole now.
    fn add(&mut self, envelope: &Envelope) -> Option<ComingWelcome> {
        for coming in &mut self.0 {
            if coming.names().contains(&envelope.id()) {
                coming.rest.insert(envelope.id(), envelope.clone());
            }
        }
        let whole = self.0.iter().position(|coming| coming.rest.len() == coming.names().len())?;
        self.0.remove(whole)
    }
}

impl ComingWelcome {
    fn names(&self) -> &[EnvelopeId] {
        self.content.apart.as_ref().map_or(&[], |apart| &apart.envelopes)
    }

    /// All its envelopes as one value to keep.
    fn to_keep(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(MANY).count(self.rest.len().saturating_add(1)).bytes(self.envelope.bytes());
        for envelope in self.rest.values() {
            writer.bytes(envelope.bytes());
        }
        writer.into_bytes()
    }
}

/// Opens what was kept of a Welcome: its one envelope, or all of them.
pub(crate) fn open_kept(bytes: &[u8], keys: &NodeKeys) -> Option<WelcomeContent> {
    let mut reader = Reader::new(bytes);
    if reader.u8().ok()? != MANY {
        return Envelope::decode(bytes).ok()?.open_welcome(keys).ok();
    }
    let count = reader.count("envelopes", APART_ENVELOPES_MAX.saturating_add(1)).ok()?;
    let envelopes = (0..count).map(|_| Envelope::decode(reader.bytes("an envelope", ENVELOPE_BYTES_MAX).ok()?).ok());
    let envelopes = envelopes.collect::<Option<Vec<_>>>()?;
    let (first, rest) = envelopes.split_first()?;
    let mut content = first.open_welcome(keys).ok()?;
    content.complete(rest).ok()?;
    Some(content)
}

impl State {
    /// A Welcome whose tail travels apart: it is taken when that is here.
    pub(crate) fn await_rest(&mut self, envelope: &Envelope, content: WelcomeContent) -> Arrival {
        self.coming.expect(envelope, content);
        Arrival::Later
    }

    /// An envelope that a Welcome needs.
    pub(crate) async fn receive_rest(
        &mut self,
        batch: &mut Batch<'_, '_>,
        envelope: &Envelope,
    ) -> Result<Arrival, StoreError> {
        let Some(mut whole) = self.coming.add(envelope) else { return Ok(Arrival::Later) };
        let rest: Vec<Envelope> = whole.rest.values().cloned().collect();
        let kept = whole.to_keep();
        if whole.content.complete(&rest).is_err() {
            return Ok(Arrival::Refused);
        }
        let arrival = self.take_welcome(batch, whole.content, &kept).await?;
        if arrival == Arrival::Taken {
            for taken in rest.iter().chain([&whole.envelope]) {
                batch.remember(taken.id());
            }
        }
        Ok(arrival)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use tidings_crypto::envelope::{Apart, EpochId, MESSAGE_BYTES_MAX, TopicSecret};

    use super::*;

    fn welcome(keys: &NodeKeys, seed: u8) -> (Envelope, WelcomeContent, Vec<Envelope>) {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let (epoch, secret) = (EpochId([seed; 32]), TopicSecret::from_bytes([seed; 32]));
        let (apart, rest) = Apart::seal(secret, epoch, &vec![seed; MESSAGE_BYTES_MAX + 1]).unwrap();
        let content = WelcomeContent {
            group: [1; 16],
            epoch,
            welcome: vec![2],
            apart: Some(apart),
            inviter_card: vec![3],
            above: Vec::new(),
        };
        let envelope = Envelope::seal_welcome(&keys.mailbox_public(), &content, &mut rng).unwrap();
        (envelope, content, rest)
    }

    fn keys() -> NodeKeys {
        NodeKeys::generate(&mut ChaCha20Rng::from_seed([99; 32]))
    }

    #[test]
    fn a_welcome_is_whole_when_all_that_it_names_is_here_in_any_order_and_is_kept_whole() {
        let keys = keys();
        let (envelope, content, rest) = welcome(&keys, 1);
        let mut coming = Coming::default();
        assert!(coming.add(&rest[0]).is_none() && !coming.needs(rest[0].id()), "nobody asked for it");
        coming.expect(&envelope, content.clone());
        coming.expect(&envelope, content.clone());
        assert!(coming.needs(rest[0].id()));
        assert!(coming.add(&rest[1]).is_none());
        assert!(coming.add(&rest[1]).is_none(), "the same one again");
        let whole = coming.add(&rest[0]).unwrap();
        assert!(!coming.needs(rest[0].id()));
        let mut expected = content;
        expected.complete(&rest).unwrap();
        assert_eq!(open_kept(&whole.to_keep(), &keys), Some(expected));
        assert_eq!(open_kept(envelope.bytes(), &keys).map(|content| content.apart.is_some()), Some(true));
        assert_eq!(open_kept(&whole.to_keep()[..100], &keys), None);
    }

    #[test]
    fn who_sends_many_beginnings_fills_no_memory() {
        let keys = keys();
        let mut coming = Coming::default();
        for seed in 0..50 {
            let (envelope, content, _) = welcome(&keys, seed);
            coming.expect(&envelope, content);
            assert!(coming.0.len() <= COMING_MAX);
        }
    }
}
