//! What is forged, damaged, or against the rules is refused, changes nothing, and never panics.

use openmls::prelude::{
    Extension, Extensions, GroupContext, MlsGroup, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    UnknownExtension, tls_codec::Serialize,
};
use openmls_traits::OpenMlsProvider;
use rand_core::Rng;

use super::world::*;
use crate::{
    envelope::{Content, WelcomeContent},
    epoch_id::EpochId,
    group::{
        authenticated::{Authenticated, Claims},
        commit::{Plan, stage},
        framing::CommitFrame,
        key_package::{NodeSigner, parse},
        policy::POLICY_EXTENSION,
        provider::Provider,
        state::load,
        storage::Overlay,
        *,
    },
    identity::{AccountKey, LocalNode, NodeCertificate, NodeKeys, NotValidNow},
};

/// Has a member do in its head what it may not: `act` gets the loaded group and says the bytes to send.
fn forge(
    node: &mut Node,
    authenticated: &Authenticated,
    act: impl FnOnce(&mut MlsGroup, &Provider<'_>, &EpochState) -> Vec<u8>,
) -> Content {
    let epoch = node.group.head();
    let state = &node.group.states[&epoch];
    let mut rows = state.rows.copy_for_child();
    let mut group = load(&rows, &GROUP.to_mls()).unwrap();
    let provider = Provider::seeded(Overlay::writing(&mut rows), &mut node.rng);
    group.set_aad(authenticated.encode());
    Content { epoch, message: act(&mut group, &provider, state) }
}

fn commit_at(node: &Node, committed_at_ms: u64) -> Authenticated {
    let claims = Claims { moment: at(committed_at_ms), evidence: vec![] };
    Authenticated::Commit { parent: node.group.head(), claims }
}

/// A commit that its author did not check, by whoever `me` claims to be.
fn forged_commit(node: &mut Node, me: Option<&LocalNode>, plan: Plan, committed_at_ms: u64) -> Content {
    let authenticated = commit_at(node, committed_at_ms);
    let me = clone_node(me.unwrap_or(&node.me));
    forge(node, &authenticated, |group, provider, state| stage(group, provider, &me, state, plan).unwrap().0)
}

pub(super) fn clone_node(me: &LocalNode) -> LocalNode {
    let LocalNode { account, keys, certificate } = me;
    let account = AccountKey::from_seed(account.seed());
    LocalNode { account, keys: clone_keys(keys), certificate: certificate.clone() }
}

fn clone_keys(keys: &NodeKeys) -> NodeKeys {
    let mut writer = crate::codec::Writer::new();
    keys.write(&mut writer);
    NodeKeys::read(&mut crate::codec::Reader::new(writer.written())).unwrap()
}

/// The receiver refuses it for this reason, is not changed by it, and goes on.
pub(super) fn assert_refused(nodes: &mut [Node], content: &Content, refusal: Refusal) {
    let (last, others) = nodes.split_last_mut().unwrap();
    let (head, tree) = (last.group.head(), last.group.tree().nodes().count());
    last.group.take_changes();
    assert_eq!(last.group.receive(content, NOW_MS), Received::Refused(refusal));
    assert!(last.group.take_changes().is_empty(), "a refusal changed something");
    assert_eq!((last.group.head(), last.group.tree().nodes().count()), (head, tree));
    let content = others[0].send("still here");
    assert_eq!(last.read(&content), "still here");
}

#[test]
fn a_commit_that_turns_its_author_into_somebody_else_is_refused() {
    let mut nodes = nodes(3, 80);
    let stranger = local_node(&mut rng(81));
    let (not_before_ms, not_after_ms) = (NOW_MS - YEAR_MS, NOW_MS + YEAR_MS);

    // The same key, but certified by another account.
    let keys = clone_keys(&nodes[0].me.keys);
    let certificate = NodeCertificate::issue(&stranger.account, &keys, 1, not_before_ms, not_after_ms);
    let account = AccountKey::from_seed(stranger.account.seed());
    let other_account = LocalNode { account, keys, certificate };
    let content = forged_commit(&mut nodes[0], Some(&other_account), Plan::default(), NOW_MS);
    assert_refused(&mut nodes, &content, Refusal::IdentityChanged);

    // Somebody else's certificate over the own key.
    let account = AccountKey::from_seed(stranger.account.seed());
    let keys = clone_keys(&nodes[0].me.keys);
    let stolen = LocalNode { account, keys, certificate: nodes[1].me.certificate.clone() };
    let content = forged_commit(&mut nodes[0], Some(&stolen), Plan::default(), NOW_MS);
    assert_refused(&mut nodes, &content, Refusal::Leaf(BadLeaf::OtherKey));

    // An own commit of that kind is not even made.
    let node = &mut nodes[0];
    assert!(matches!(node.group.update(&stolen, NOW_MS, &mut node.rng), Err(CommitError::Library(_))));
}

#[test]
fn a_certificate_must_be_valid_when_the_commit_is_made_whenever_it_arrives() {
    let mut nodes = nodes(2, 82);
    let late = NOW_MS + 2 * YEAR_MS;
    let expired = NotValidNow::Expired { not_after_ms: NOW_MS + YEAR_MS };
    let content = forged_commit(&mut nodes[0], None, Plan::default(), late);
    assert_refused(&mut nodes, &content, Refusal::NotValid(expired));
    let node = &mut nodes[0];
    assert_eq!(node.group.update(&node.me, late, &mut node.rng), Err(CommitError::NotValidNow(expired)));

    let (package, _) = KeyPackage::generate(&local_node(&mut rng(83)), Suite::Classic, true, &mut rng(84)).unwrap();
    assert_eq!(KeyPackage::check(&package.bytes, late), Err(BadKeyPackage::NotValidNow(expired)));
    assert!(KeyPackage::check(&package.bytes, NOW_MS).is_ok());
    let mut short = local_node(&mut rng(85));
    short.certificate = NodeCertificate::issue(&short.account, &short.keys, 1, 0, NOW_MS - 1);
    let (package, _) = KeyPackage::generate(&short, Suite::Classic, true, &mut rng(86)).unwrap();
    let plan = Plan { added: vec![parse(&package.bytes).unwrap().0], ..Plan::default() };
    let content = forged_commit(&mut nodes[0], None, plan, NOW_MS);
    assert_refused(&mut nodes, &content, Refusal::NotValid(NotValidNow::Expired { not_after_ms: NOW_MS - 1 }));
}

#[test]
fn nobody_uses_a_certificate_over_another_key() {
    let mut rng = rng(87);
    let (anna, mut mallory) = (local_node(&mut rng), local_node(&mut rng));
    mallory.certificate = anna.certificate.clone();
    let (package, _) = KeyPackage::generate(&mallory, Suite::Classic, true, &mut rng).unwrap();
    assert_eq!(KeyPackage::check(&package.bytes, NOW_MS), Err(BadKeyPackage::Leaf(BadLeaf::OtherKey)));
    assert!(Group::create(&mallory, GROUP, &group_policy(), Suite::Classic, &mut rng).is_err());
}

#[test]
fn a_third_account_cannot_be_forced_into_a_direct_conversation() {
    let (anna, ben) = direct_pair(88);
    let mut nodes = [anna, ben];
    let (package, _) = KeyPackage::generate(&local_node(&mut rng(90)), Suite::Classic, true, &mut rng(91)).unwrap();
    let plan = Plan { added: vec![parse(&package.bytes).unwrap().0], ..Plan::default() };
    let content = forged_commit(&mut nodes[0], None, plan, NOW_MS);
    assert_refused(&mut nodes, &content, Refusal::Forbidden(Forbidden::ThirdAccount));
    let leaf = openmls::prelude::LeafNodeIndex::new(0);
    let content = forged_commit(&mut nodes[1], None, Plan { removed: vec![leaf], ..Plan::default() }, NOW_MS);
    nodes.reverse();
    assert_refused(&mut nodes, &content, Refusal::Forbidden(Forbidden::RemovalFromDirect));
}

#[test]
fn what_is_not_used_here_is_refused() {
    let mut nodes = nodes(2, 92);
    let keys = clone_keys(&nodes[0].me.keys);
    let authenticated = commit_at(&nodes[0], NOW_MS);

    let content = forge(&mut nodes[0], &authenticated, |group, provider, _| {
        let policy = Extension::Unknown(POLICY_EXTENSION, UnknownExtension(b"no policy".to_vec()));
        let extensions: Extensions<GroupContext> = vec![policy::required_capabilities(), policy].try_into().unwrap();
        let builder = group.commit_builder().force_self_update(true);
        let builder = builder.propose_group_context_extensions(extensions).unwrap();
        let builder = builder.load_psks(provider.storage()).unwrap();
        let built = builder.build(provider.rand(), provider.crypto(), &NodeSigner(&keys), |_| true).unwrap();
        built.stage_commit(provider).unwrap().commit().to_bytes().unwrap()
    });
    assert_refused(&mut nodes, &content, Refusal::Policy);

    let (package, _) = KeyPackage::generate(&local_node(&mut rng(93)), Suite::Classic, true, &mut rng(94)).unwrap();
    let package = parse(&package.bytes).unwrap().0;
    let content = forge(&mut nodes[0], &authenticated, |group, provider, _| {
        let added = group.add_members_without_update(provider, &NodeSigner(&keys), &[package]).unwrap();
        added.0.to_bytes().unwrap()
    });
    assert_refused(&mut nodes, &content, Refusal::NoPath);

    let content = forge(&mut nodes[0], &authenticated, |group, provider, _| {
        group.leave_group(provider, &NodeSigner(&keys)).unwrap().to_bytes().unwrap()
    });
    assert_refused(&mut nodes, &content, Refusal::Malformed);

    let info = {
        let state = &nodes[0].group.states[&nodes[0].group.head()];
        let group = load(&state.rows, &GROUP.to_mls()).unwrap();
        let crypto = provider::Crypto::default();
        group.export_group_info(&crypto, &NodeSigner(&keys), true).unwrap().tls_serialize_detached().unwrap()
    };
    let content = Content { epoch: nodes[0].group.head(), message: info };
    assert_refused(&mut nodes, &content, Refusal::Malformed);
}

#[test]
fn a_commit_is_public_and_a_message_is_private() {
    let mut nodes = nodes(2, 120);
    let me = clone_node(&nodes[0].me);
    let make_private = |group: &mut MlsGroup, provider: &Provider<'_>| {
        let config = MlsGroupJoinConfig::builder().wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY).build();
        group.set_configuration(provider.storage(), &config).unwrap();
    };
    let authenticated = commit_at(&nodes[0], NOW_MS);
    let content = forge(&mut nodes[0], &authenticated, |group, provider, state| {
        make_private(group, provider);
        stage(group, provider, &me, state, Plan::default()).unwrap().0
    });
    assert_refused(&mut nodes, &content, Refusal::Malformed);
    let content = forge(&mut nodes[0], &authenticated, |group, provider, _| {
        make_private(group, provider);
        group.leave_group(provider, &NodeSigner(&me.keys)).unwrap().to_bytes().unwrap()
    });
    assert_refused(&mut nodes, &content, Refusal::Malformed);
}

#[test]
fn a_commit_keeps_its_name_whatever_is_done_to_its_tags() {
    let mut nodes = nodes(2, 121);
    let update = nodes[0].update();
    let intact = &update.content.message;
    let id = |message: &[u8]| CommitFrame::read(message).map(|frame| frame.id);
    assert_eq!(id(intact), Ok(update.epoch));
    for from_end in 1..=intact.len() {
        let mut content = update.content.clone();
        let at = content.message.len() - from_end;
        content.message[at] ^= 1;
        let named = id(&content.message);
        if from_end <= 66 && from_end % 33 != 0 {
            assert_eq!(named, Ok(update.epoch));
        } else {
            assert_ne!(named, Ok(update.epoch));
        }
        assert!(matches!(nodes[1].group.receive(&content, NOW_MS), Received::Refused(_)));
    }
    assert!(nodes[1].follow(&update.content));
}

#[test]
fn a_message_cannot_be_moved_to_another_epoch() {
    let mut nodes = nodes(2, 95);
    let old = nodes[0].group.head();
    let update = nodes[0].update();
    nodes[1].follow(&update.content);
    let mut content = nodes[0].send("here");
    content.epoch = old;
    assert_refused(&mut nodes, &content, Refusal::Relabelled);
    let keys = clone_keys(&nodes[0].me.keys);
    let relabelled = Authenticated::Message { epoch: old };
    let mut content = forge(&mut nodes[0], &relabelled, |group, provider, _| {
        group.create_message(provider, &NodeSigner(&keys), b"there").unwrap().to_bytes().unwrap()
    });
    assert_refused(&mut nodes, &content, Refusal::Relabelled);
    content.epoch = old;
    assert_refused(&mut nodes, &content, Refusal::Invalid);
    content.epoch = EpochId([0; 32]);
    assert_refused(&mut nodes, &content, Refusal::Relabelled);
}

#[test]
fn a_member_cannot_write_in_anothers_name() {
    let mut nodes = nodes(3, 96);
    let authenticated = Authenticated::Message { epoch: nodes[0].group.head() };
    let mallory = clone_keys(&nodes[1].me.keys);
    // In Anna's own state, which a member could compute, but signed with another key.
    let content = forge(&mut nodes[0], &authenticated, |group, provider, _| {
        group.create_message(provider, &NodeSigner(&mallory), b"trust me").unwrap().to_bytes().unwrap()
    });
    assert_refused(&mut nodes, &content, Refusal::Invalid);
}

#[test]
fn messages_of_other_groups_are_refused() {
    let mut nodes = nodes(2, 97);
    let mut rng = rng(98);
    let me = local_node(&mut rng);
    let mut other = Group::create(&me, GroupId([8; 16]), &group_policy(), Suite::Classic, &mut rng).unwrap();
    let content = other.encrypt(&me, b"x", &mut rng).unwrap();
    assert_refused(&mut nodes, &content, Refusal::OtherGroup);
}

#[test]
fn every_commit_of_an_equivocating_committer_is_taken_and_one_wins_in_every_order() {
    let mut nodes = nodes(3, 99);
    nodes[0].save();
    let fork = nodes[0].group.head();
    let mut commits = Vec::new();
    for _ in 0..3 {
        nodes[0].restart();
        commits.push(nodes[0].update().content);
    }
    let mut heads = Vec::new();
    for (node, order) in [(1, [0, 1, 2]), (2, [2, 0, 1])] {
        for commit in order {
            assert!(matches!(nodes[node].group.receive(&commits[commit], NOW_MS), Received::Committed { .. }));
        }
        heads.push(nodes[node].group.head());
        assert_eq!(nodes[node].group.tree().children(fork).count(), 3);
        nodes[node].save();
        nodes[node].restart();
    }
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn damaged_bytes_never_panic_and_never_pass() {
    let mut nodes = nodes(3, 110);
    let mut chance = rng(111);
    let message = nodes[0].send("intact");
    let commit = nodes[0].update().content;
    let gone = nodes.pop().unwrap();
    let removal = nodes[1].remove(&gone.me).content;
    nodes.push(gone);
    let receiver = nodes.last_mut().unwrap();
    receiver.group.take_changes();
    for content in [&message, &commit, &removal] {
        for at in 0..content.message.len() {
            let mut damaged = (*content).clone();
            damaged.message[at] ^= 1 << (chance.next_u32() % 8);
            assert!(matches!(receiver.group.receive(&damaged, NOW_MS), Received::Refused(_) | Received::Unreadable));
            damaged.message.truncate(at);
            assert!(matches!(receiver.group.receive(&damaged, NOW_MS), Received::Refused(_)));
        }
        let mut longer = (*content).clone();
        longer.message.push(0);
        assert!(matches!(receiver.group.receive(&longer, NOW_MS), Received::Refused(_)));
    }
    assert!(receiver.group.take_changes().is_empty());
    assert_eq!(receiver.read(&message), "intact");
    receiver.follow(&commit);
    assert!(matches!(receiver.group.receive(&removal, NOW_MS), Received::RemovedHere { summary: Some(_) }));
}

#[test]
fn rubbish_is_refused() {
    let mut nodes = nodes(2, 112);
    let mut chance = rng(113);
    let intact = nodes[0].send("x").message;
    for _ in 0..2000 {
        let length = chance.next_u32() as usize % 300;
        let mut message = vec![0; length];
        chance.fill_bytes(&mut message);
        if chance.next_u32().is_multiple_of(2) {
            let keep = length.min(intact.len()).min(1 + chance.next_u32() as usize % 80);
            message[..keep].copy_from_slice(&intact[..keep]);
        }
        let content = Content { epoch: nodes[1].group.head(), message };
        assert!(matches!(nodes[1].group.receive(&content, NOW_MS), Received::Refused(_)));
        assert!(KeyPackage::check(&content.message, NOW_MS).is_err());
        assert!(KeyPackageSecret::decode(&content.message).is_err());
        assert!(EpochRow::decode(&content.message).is_err());
    }
}

#[test]
fn an_invitation_that_is_not_what_it_says_is_refused() {
    let mut anna = Node::found(114, &group_policy());
    let (me, other) = (local_node(&mut rng(115)), local_node(&mut rng(116)));
    let (package, secret) = KeyPackage::generate(&me, Suite::Classic, true, &mut anna.rng).unwrap();
    let committed = anna.group.add(&anna.me, &[&package.bytes], NOW_MS, &mut anna.rng).unwrap();
    let welcome = committed.welcome.unwrap().of(&me.node_id()).unwrap();
    let content = WelcomeContent {
        group: GROUP.0,
        epoch: committed.epoch,
        welcome: welcome.clone(),
        apart: None,
        inviter_card: vec![],
        above: Vec::new(),
    };
    let lookup = |_: &[u8; 32]| Some(secret.clone());
    let reason = |me: &LocalNode, content: &WelcomeContent, now_ms| Group::join(me, content, lookup, now_ms).err();
    assert_eq!(reason(&me, &content, NOW_MS), None);
    assert_eq!(Group::join(&me, &content, |_| None, NOW_MS).err(), Some(JoinError::NoKeyPackage));
    assert_eq!(reason(&other, &content, NOW_MS), Some(JoinError::NoKeyPackage));
    let expired = NotValidNow::Expired { not_after_ms: NOW_MS + YEAR_MS };
    assert_eq!(reason(&me, &content, NOW_MS + 2 * YEAR_MS), Some(JoinError::NotValidNow(expired)));
    let elsewhere = WelcomeContent { group: [9; 16], ..content.clone() };
    assert_eq!(reason(&me, &elsewhere, NOW_MS), Some(JoinError::OtherGroup));
    let (_, wrong_secret) = KeyPackage::generate(&me, Suite::Classic, true, &mut anna.rng).unwrap();
    let wrong = Group::join(&me, &content, |_| Some(wrong_secret.clone()), NOW_MS).err();
    assert_eq!(wrong, Some(JoinError::Damaged));
    for at in (0..welcome.len()).step_by(3) {
        let mut damaged = content.clone();
        damaged.welcome[at] ^= 0x10;
        assert!(reason(&me, &damaged, NOW_MS).is_some());
        damaged.welcome.truncate(at);
        assert!(reason(&me, &damaged, NOW_MS).is_some());
    }
}

#[test]
fn a_damaged_key_package_is_refused() {
    let (package, _) = KeyPackage::generate(&local_node(&mut rng(117)), Suite::Classic, true, &mut rng(118)).unwrap();
    assert!(package.bytes.len() < 1024, "{} bytes", package.bytes.len());
    for at in 0..package.bytes.len() {
        let mut damaged = package.bytes.clone();
        damaged[at] ^= 1;
        assert!(KeyPackage::check(&damaged, NOW_MS).is_err());
    }
    let long = vec![0; KEY_PACKAGE_BYTES_MAX + 1];
    assert_eq!(KeyPackage::check(&long, NOW_MS), Err(BadKeyPackage::TooLong { bytes: KEY_PACKAGE_BYTES_MAX + 1 }));
}

#[test]
fn a_message_that_is_too_long_is_not_encrypted() {
    let mut nodes = nodes(2, 119);
    let node = &mut nodes[0];
    node.group.take_changes();
    let long = vec![0; PAYLOAD_BYTES_MAX + 1];
    let error = node.group.encrypt(&node.me, &long, &mut node.rng).unwrap_err();
    assert_eq!(error, EncryptError::TooLong { bytes: long.len() });
    assert!(node.group.take_changes().is_empty());
    let longest = vec![0; PAYLOAD_BYTES_MAX];
    let content = node.group.encrypt(&node.me, &longest, &mut node.rng).unwrap();
    assert!(matches!(nodes[1].group.receive(&content, NOW_MS), Received::Message { .. }));
}

#[test]
fn a_node_to_which_no_welcome_can_be_sealed_is_not_added() {
    let mut anna = Node::found(440, &group_policy());
    let mut me = local_node(&mut rng(441));
    let mut bytes = me.certificate.encode();
    bytes[65..97].fill(0); // The mailbox key.
    let signed_bytes = bytes.len() - 64;
    let signature = me.account.sign("tidings v1 node certificate", &bytes[..signed_bytes]);
    bytes[signed_bytes..].copy_from_slice(&signature.0);
    me.certificate = NodeCertificate::decode(&bytes).unwrap();
    let (package, _) = KeyPackage::generate(&me, Suite::Classic, true, &mut anna.rng).unwrap();
    assert_eq!(KeyPackage::check(&package.bytes, NOW_MS), Err(BadKeyPackage::Mailbox));
    let refused = anna.group.add(&anna.me, &[&package.bytes], NOW_MS, &mut anna.rng);
    assert_eq!(refused, Err(CommitError::KeyPackage(BadKeyPackage::Mailbox)));
}
