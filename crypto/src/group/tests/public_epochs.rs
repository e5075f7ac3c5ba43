//! What is public of an epoch is enough to verify a commit on it, and nothing in it is secret.

use openmls::prelude::{MlsMessageIn, ProtocolMessage, tls_codec::DeserializeBytes};

use super::world::*;
use crate::{
    envelope::Content,
    group::{
        authenticated::{Authenticated, Claims},
        framing::CommitFrame,
        public_epoch::PublicEpoch,
        *,
    },
};

fn public_head(node: &Node) -> PublicEpoch {
    let rows = node.group.states[&node.group.head()].rows.public();
    PublicEpoch::of_rows(&rows, &GROUP.to_mls(), &Known::new()).unwrap()
}

fn unpack(content: &Content) -> (ProtocolMessage, Claims) {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(&content.message).unwrap();
    let frame = CommitFrame::read(&content.message).unwrap();
    let Ok(Authenticated::Commit { claims, .. }) = Authenticated::decode(frame.authenticated) else { panic!() };
    (message.try_into_protocol_message().unwrap(), claims)
}

#[test]
fn a_commit_is_verified_and_judged_by_what_is_public() {
    let mut nodes = nodes(4, 400);
    let public = public_head(&nodes[0]);
    assert_eq!(public.members, nodes[0].group.members());
    let gone = nodes.pop().unwrap();
    let removal = nodes[1].remove(&gone.me);
    let Received::Committed { summary, .. } = nodes[0].group.receive(&removal.content, NOW_MS) else { panic!() };
    let (message, claims) = unpack(&removal.content);
    let (checked, staged) = public.receive(GROUP, message, &claims).unwrap();
    assert_eq!((&checked.committer, &checked.removed), (&summary.committer, &summary.removed));
    // What follows is verified too, by those who never had any secret of it.
    let (next, rows) = public.advance(staged).unwrap();
    assert_eq!(next.members, nodes[0].group.members());
    assert!(PublicEpoch::of_rows(&rows.public(), &GROUP.to_mls(), &Known::new()).is_ok());
    let update = nodes[2].group.receive(&removal.content, NOW_MS);
    assert!(matches!(update, Received::Committed { .. }));
    let (message, claims) = unpack(&nodes[2].update().content);
    assert_eq!(next.receive(GROUP, message, &claims).unwrap().0.committer.node, nodes[2].me.node_id());
}

#[test]
fn the_own_commit_of_a_forgotten_state_is_verified_by_what_is_public() {
    let mut nodes = nodes(2, 401);
    nodes[0].save();
    let update = nodes[0].update();
    nodes[0].restart();
    assert_eq!(nodes[0].group.receive(&update.content, NOW_MS), Received::Late(update.epoch));
    assert_eq!(nodes[0].group.standing(), Standing::Stranded, "the group is where only its lost keys lead");
    let (message, claims) = unpack(&update.content);
    let (checked, _) = public_head(&nodes[0]).receive(GROUP, message, &claims).unwrap();
    assert_eq!(checked.committer.node, nodes[0].me.node_id());
}

#[test]
fn what_was_changed_is_refused_by_what_is_public_but_for_the_tags() {
    let mut nodes = nodes(2, 402);
    let public = public_head(&nodes[0]);
    let content = nodes[1].update().content;
    let intact = unpack(&content).1;
    for from_end in 1..=content.message.len() {
        let mut message = content.message.clone();
        let at = message.len() - from_end;
        message[at] ^= 1;
        let Ok(decoded) = MlsMessageIn::tls_deserialize_exact_bytes(&message) else { continue };
        let Ok(decoded) = decoded.try_into_protocol_message() else { continue };
        let is_tag = from_end <= 66;
        assert!(is_tag || public.receive(GROUP, decoded, &intact).is_err(), "{from_end} from the end");
    }
}

#[test]
fn nothing_that_is_public_opens_a_message() {
    let mut nodes = nodes(2, 403);
    let content = nodes[0].send("for members");
    let head = nodes[1].group.head();
    let rows = nodes[1].group.states[&head].rows.public();
    assert!(state::load(&rows, &GROUP.to_mls()).is_err());
    let message = MlsMessageIn::tls_deserialize_exact_bytes(&content.message).unwrap();
    let claims = Claims { moment: at(NOW_MS), evidence: vec![] };
    let received = public_head(&nodes[1]).receive(GROUP, message.try_into_protocol_message().unwrap(), &claims);
    assert_eq!(received.err(), Some(Refusal::Invalid));
}
