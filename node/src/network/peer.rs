//! Between libp2p's peer ids and the keys that the rest of the node knows.

use libp2p::PeerId;
use libp2p::identity::{KeyType, Keypair, PublicKey, ed25519};
use zeroize::Zeroizing;

use crate::ids::PeerKey;

/// The multihash code of "these bytes are the key itself".
const IDENTITY_MULTIHASH: u64 = 0;

/// The peer id of a key; `None` where the bytes are no point of the curve.
pub(super) fn peer_id(peer: &PeerKey) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&peer.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The Ed25519 key inside a peer id; `None` for a peer id of any other kind of key.
pub(super) fn peer_key(peer: &PeerId) -> Option<PeerKey> {
    let hash: &libp2p::multihash::Multihash<64> = peer.as_ref();
    if hash.code() != IDENTITY_MULTIHASH {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    if key.key_type() != KeyType::Ed25519 {
        return None;
    }
    let key = PeerKey(key.try_into_ed25519().ok()?.to_bytes());
    // One key, one id: a second encoding of the same key would be a second peer.
    (peer_id(&key)? == *peer).then_some(key)
}

/// The key pair of a seed. libp2p wipes its own copy when it is dropped.
pub(super) fn keypair(seed: &Zeroizing<[u8; 32]>) -> Option<Keypair> {
    Keypair::ed25519_from_bytes(Zeroizing::new(**seed).as_mut_slice()).ok()
}

/// The public key of a seed, for tests.
#[cfg(test)]
pub(super) fn peer_key_of_seed(seed: [u8; 32]) -> PeerKey {
    peer_key(&keypair(&Zeroizing::new(seed)).unwrap().public().to_peer_id()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_to_a_peer_id_and_back() {
        let key = peer_key_of_seed([3; 32]);
        assert_ne!(key, PeerKey([0; 32]));
        assert_eq!(peer_key(&peer_id(&key).unwrap()), Some(key));
    }

    #[test]
    fn a_peer_id_that_is_not_an_ed25519_key_is_refused() {
        assert_eq!(peer_key(&PeerId::random()), None);
        let hashed = libp2p::multihash::Multihash::wrap(0x12, &[7; 32]).unwrap();
        assert_eq!(peer_key(&PeerId::from_multihash(hashed).unwrap()), None);
    }
}
