//! Bundles: nodes that are never connected, and files that somebody carries between them.

use std::collections::BTreeSet;

use tidings_node::engine::bundles::{BundlePlace, BundleScope, PARCELS_AT_ONCE, ParcelFate};
use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{MessageState, Refused};
use tidings_node::ids::{ConversationId, MessageId};
use tidings_node::wire::bundle::{BundleWriter, read_whole};
use tidings_tests::faults::Faults;
use tidings_tests::world::{Place, World};

use super::stage::{ask, assert_same, block_on, create, cut, group, run_for, send, texts, transcript};

const ALICE: Place = 0;
const BOB: Place = 1;
const CAROL: Place = 2;

/// People who never connect.
async fn apart(seed: u64, count: usize) -> World {
    let mut world = World::new(seed, count, Faults::NONE).await.unwrap();
    for place in 0..count {
        cut(&mut world, place, false);
    }
    run_for(&mut world, 1_000).await;
    world
}

async fn add(world: &mut World, at: Place, whom: Place) {
    let Ok(Reply::Card(card)) = ask(world, whom, Command::Card).await else { panic!("no card") };
    assert!(matches!(ask(world, at, Command::AddContact(card.link)).await, Ok(Reply::Contact(_))));
}

async fn out_for(world: &mut World, at: Place, scope: BundleScope) -> Result<Vec<u8>, Refused> {
    let (mut writer, mut bytes) = BundleWriter::begin();
    let mut next = Some(BundlePlace::Begin);
    while let Some(place) = next {
        let Reply::Packed(packed) = ask(world, at, Command::PackBundle { scope: scope.clone(), at: place }).await?
        else {
            panic!("no part of a bundle")
        };
        assert!(packed.parcels.len() <= PARCELS_AT_ONCE);
        bytes.extend(packed.parcels.iter().flat_map(|parcel| writer.parcel(parcel).expect("it fits")));
        next = packed.next;
    }
    bytes.extend(writer.end(false));
    Ok(bytes)
}

async fn out(world: &mut World, at: Place) -> Vec<u8> {
    out_for(world, at, BundleScope::default()).await.unwrap()
}

async fn take(world: &mut World, at: Place, bytes: &[u8]) -> Vec<ParcelFate> {
    let (parcels, _) = read_whole(bytes).unwrap();
    let mut fates = Vec::new();
    for some in parcels.chunks(PARCELS_AT_ONCE) {
        match ask(world, at, Command::UnpackBundle(some.to_vec())).await {
            Ok(Reply::Unpacked(some)) => fates.extend(some),
            other => panic!("{other:?}"),
        }
    }
    run_for(world, 1_000).await;
    fates
}

async fn carry(world: &mut World, from: Place, to: Place) -> Vec<ParcelFate> {
    let bytes = out(world, from).await;
    take(world, to, &bytes).await
}

fn count(fates: &[ParcelFate], of: ParcelFate) -> usize {
    fates.iter().filter(|fate| **fate == of).count()
}

/// All these nodes are in the same epoch.
async fn assert_same_epoch(world: &mut World, at: &[Place], id: ConversationId) {
    let mut seen = BTreeSet::new();
    for place in at {
        seen.insert(world.engine(*place).unwrap().authenticator(id).await.unwrap().expect("it is in the group"));
    }
    assert_eq!(seen.len(), 1);
}

async fn state(world: &mut World, at: Place, id: ConversationId, message: MessageId) -> MessageState {
    let all = transcript(world, at, id).await;
    all.iter().find(|one| one.id == message).map(|one| one.state).expect("the message is here")
}

#[test]
fn two_who_never_connect_meet_and_talk_by_bundles_alone_and_see_only_what_is_proved() {
    block_on(async {
        let mut world = apart(91, 2).await;
        add(&mut world, ALICE, BOB).await;
        add(&mut world, BOB, ALICE).await;
        let id = create(&mut world, &[BOB], None).await;
        let asked = send(&mut world, ALICE, id, "are you there?").await;
        let there = out(&mut world, ALICE).await;
        assert_eq!(state(&mut world, ALICE, id, asked).await, MessageState::Queued, "carried out proves nothing");
        let fates = take(&mut world, BOB, &there).await;
        assert_eq!(count(&fates, ParcelFate::New) + count(&fates, ParcelFate::Known), fates.len(), "{fates:?}");
        assert_eq!(texts(&mut world, BOB, id).await, ["are you there?"]);
        assert_eq!(state(&mut world, ALICE, id, asked).await, MessageState::Queued);

        let answered = send(&mut world, BOB, id, "I am").await;
        carry(&mut world, BOB, ALICE).await;
        assert_eq!(texts(&mut world, ALICE, id).await, ["are you there?", "I am"]);
        assert_eq!(state(&mut world, ALICE, id, asked).await, MessageState::Delivered);
        assert_eq!(state(&mut world, BOB, id, answered).await, MessageState::Queued);
        carry(&mut world, ALICE, BOB).await;
        assert_eq!(state(&mut world, BOB, id, answered).await, MessageState::Delivered);
        assert_same_epoch(&mut world, &[ALICE, BOB], id).await;

        // The same stick again.
        let fates = take(&mut world, BOB, &there).await;
        assert_eq!(count(&fates, ParcelFate::Known), fates.len(), "{fates:?}");
        assert_eq!(texts(&mut world, BOB, id).await, ["are you there?", "I am"]);
    });
}

#[test]
fn bundles_that_come_in_the_wrong_order_and_twice_lose_and_repeat_nothing() {
    block_on(async {
        let mut world = apart(92, 2).await;
        add(&mut world, ALICE, BOB).await;
        add(&mut world, BOB, ALICE).await;
        let id = create(&mut world, &[BOB], None).await;
        let mut bundles = Vec::new();
        for text in ["one", "two", "three"] {
            send(&mut world, ALICE, id, text).await;
            bundles.push(out(&mut world, ALICE).await);
        }
        // What comes before the welcome is not taken, and not lost: the file is still there.
        let (mut parcels, _) = read_whole(&bundles[2]).unwrap();
        parcels.reverse();
        let fates = ask(&mut world, BOB, Command::UnpackBundle(parcels)).await;
        let Ok(Reply::Unpacked(fates)) = fates else { panic!("no fates") };
        assert_eq!((count(&fates, ParcelFate::Later), count(&fates, ParcelFate::Other)), (3, 0), "{fates:?}");
        run_for(&mut world, 1_000).await;
        for bundle in [&bundles[2], &bundles[0], &bundles[2], &bundles[1]] {
            take(&mut world, BOB, bundle).await;
        }
        assert_eq!(texts(&mut world, BOB, id).await, ["one", "two", "three"]);

        // The later ones first, and each twice.
        for text in ["four", "five"] {
            send(&mut world, BOB, id, text).await;
        }
        let back = out(&mut world, BOB).await;
        let (mut parcels, _) = read_whole(&back).unwrap();
        parcels.reverse();
        for _ in 0..2 {
            ask(&mut world, ALICE, Command::UnpackBundle(parcels.clone())).await.unwrap();
            run_for(&mut world, 1_000).await;
        }
        assert_eq!(texts(&mut world, ALICE, id).await, ["one", "two", "three", "four", "five"]);
        carry(&mut world, ALICE, BOB).await;
        assert_eq!(texts(&mut world, BOB, id).await, texts(&mut world, ALICE, id).await);
        assert_same_epoch(&mut world, &[ALICE, BOB], id).await;
    });
}

#[test]
fn a_courier_who_is_no_member_learns_nothing_and_carries_it_on() {
    block_on(async {
        let mut world = apart(93, 3).await;
        for (one, other) in [(ALICE, BOB), (BOB, ALICE), (ALICE, CAROL), (CAROL, ALICE), (BOB, CAROL)] {
            add(&mut world, one, other).await;
        }
        let id = create(&mut world, &[BOB], None).await;
        send(&mut world, ALICE, id, "a word for Bob alone").await;
        let bundle = out(&mut world, ALICE).await;
        let fates = take(&mut world, CAROL, &bundle).await;
        // Alice's card, since she knows her, and what she cannot open.
        assert_eq!(count(&fates, ParcelFate::Known) + count(&fates, ParcelFate::New), 1, "{fates:?}");
        assert_eq!(count(&fates, ParcelFate::Other), fates.len() - 1, "{fates:?}");
        assert!(
            world
                .engine(CAROL)
                .unwrap()
                .reader()
                .conversation(
                    id,
                    &tidings_node::store::Me { account: world.account(CAROL).unwrap(), name: String::new() }
                )
                .await
                .unwrap()
                .is_none()
        );
        take(&mut world, BOB, &bundle).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["a word for Bob alone"]);

        // The file names nobody: neither who made it, nor for whom, nor of what.
        for place in [ALICE, BOB, CAROL] {
            let account = world.account(place).unwrap();
            let named = |bytes: &[u8]| bundle.windows(bytes.len()).any(|window| window == bytes);
            assert!(!named(&account.0) && !named(account.to_string().as_bytes()), "{place}");
        }
        assert!(!bundle.windows(16).any(|window| window == id.0));
        // Two bundles of the same have nothing in common but their beginning and end.
        let again = out(&mut world, ALICE).await;
        assert_eq!(again.len(), bundle.len());
        let ours: BTreeSet<Vec<u8>> = read_whole(&bundle).unwrap().0.into_iter().collect();
        assert!(read_whole(&again).unwrap().0.iter().all(|parcel| !ours.contains(parcel)));
    });
}

#[test]
fn a_bundle_for_one_holds_nothing_for_others_and_who_is_not_known_is_refused() {
    block_on(async {
        let mut world = apart(94, 3).await;
        for (one, other) in [(ALICE, BOB), (BOB, ALICE), (ALICE, CAROL), (CAROL, ALICE)] {
            add(&mut world, one, other).await;
        }
        let with_bob = create(&mut world, &[BOB], None).await;
        let with_carol = create(&mut world, &[CAROL], None).await;
        send(&mut world, ALICE, with_bob, "Bob").await;
        send(&mut world, ALICE, with_carol, "Carol").await;
        let bob = world.account(BOB).unwrap();
        let for_bob = BundleScope { accounts: BTreeSet::from([bob]), ..BundleScope::default() };
        let bundle = out_for(&mut world, ALICE, for_bob).await.unwrap();
        let fates = take(&mut world, CAROL, &bundle).await;
        assert_eq!(count(&fates, ParcelFate::Other), fates.len());
        let of_carol = BundleScope { conversations: BTreeSet::from([with_carol]), ..BundleScope::default() };
        let bundle = out_for(&mut world, ALICE, of_carol).await.unwrap();
        let fates = take(&mut world, BOB, &bundle).await;
        assert_eq!(count(&fates, ParcelFate::Other), fates.len());
        take(&mut world, CAROL, &bundle).await;
        assert_eq!(texts(&mut world, CAROL, with_carol).await, ["Carol"]);

        let stranger =
            BundleScope { accounts: BTreeSet::from([world.account(CAROL).unwrap()]), ..BundleScope::default() };
        assert_eq!(out_for(&mut world, BOB, stranger).await, Err(Refused::UnknownContact));
        let nowhere = BundleScope { conversations: BTreeSet::from([with_carol]), ..BundleScope::default() };
        assert_eq!(out_for(&mut world, BOB, nowhere).await, Err(Refused::UnknownConversation));
    });
}

#[test]
fn who_was_long_away_is_given_what_others_wrote_by_whoever_was_there() {
    block_on(async {
        let mut world = World::new(95, 3, Faults::NONE).await.unwrap();
        for other in [BOB, CAROL] {
            world.exchange_links(ALICE, other).await.unwrap();
        }
        run_for(&mut world, 5_000).await;
        let id = create(&mut world, &[BOB, CAROL], Some("Walking")).await;
        run_for(&mut world, 60_000).await;
        cut(&mut world, CAROL, false);
        run_for(&mut world, 20_000).await;
        let mut expected = vec!["Node 0 created the group".to_owned()];
        for number in 0..300 {
            let text = format!("number {number}");
            send(&mut world, if number % 3 == 0 { ALICE } else { BOB }, id, &text).await;
            run_for(&mut world, 300).await;
            expected.push(text);
        }
        run_for(&mut world, 20_000).await;
        // More than one part, and Bob, who is no contact of hers, is not asked for his.
        let fates = carry(&mut world, ALICE, CAROL).await;
        assert!(fates.len() > PARCELS_AT_ONCE, "{}", fates.len());
        assert_eq!(count(&fates, ParcelFate::Useless), 0);
        assert_eq!(texts(&mut world, CAROL, id).await, expected);
        assert_same(&mut world, &[ALICE, BOB, CAROL], id).await;
        let again = carry(&mut world, ALICE, CAROL).await;
        assert_eq!(count(&again, ParcelFate::New), 0);
        // Her receipts go back with the answer: Alice's own are delivered, and Bob's by way of the next bundle.
        carry(&mut world, CAROL, ALICE).await;
        let all = transcript(&mut world, ALICE, id).await;
        let first = all.iter().find(|message| message.text == "number 0").expect("it is here");
        assert_eq!(first.state, MessageState::Delivered);
    });
}

#[test]
fn a_group_that_changes_is_followed_by_bundles_and_a_changed_card_is_found() {
    block_on(async {
        let mut world = apart(96, 3).await;
        for (one, other) in [(ALICE, BOB), (BOB, ALICE), (ALICE, CAROL), (CAROL, ALICE)] {
            add(&mut world, one, other).await;
        }
        let id = create(&mut world, &[BOB], Some("Walking")).await;
        send(&mut world, ALICE, id, "we are two").await;
        carry(&mut world, ALICE, BOB).await;
        let accounts = vec![world.account(CAROL).unwrap()];
        group(&mut world, ALICE, Command::AddMembers { conversation: id, accounts }).await.unwrap();
        send(&mut world, ALICE, id, "we are three").await;
        ask(&mut world, ALICE, Command::SetName("Alice the Third".to_owned())).await.unwrap();
        let bundle = out(&mut world, ALICE).await;
        for place in [CAROL, BOB] {
            take(&mut world, place, &bundle).await;
        }
        assert_eq!(texts(&mut world, CAROL, id).await.last().unwrap(), "we are three");
        send(&mut world, CAROL, id, "so we are").await;
        // Carol and Bob are no contacts of each other: the key to seal to is in the group.
        let bundle = out(&mut world, CAROL).await;
        for place in [ALICE, BOB] {
            let fates = take(&mut world, place, &bundle).await;
            assert!(count(&fates, ParcelFate::New) >= 1, "{place}: {fates:?}");
        }
        for place in [ALICE, BOB] {
            assert_eq!(texts(&mut world, place, id).await.last().unwrap(), "so we are", "{place}");
        }
        carry(&mut world, BOB, ALICE).await;
        assert_same(&mut world, &[ALICE, BOB], id).await;
        assert_same_epoch(&mut world, &[ALICE, BOB, CAROL], id).await;
        let contacts = world.engine(BOB).unwrap().reader().contacts().await.unwrap();
        assert!(contacts.iter().any(|contact| contact.name == "Alice the Third"));
    });
}

#[test]
fn hostile_parcels_change_nothing() {
    block_on(async {
        let mut world = apart(97, 2).await;
        add(&mut world, ALICE, BOB).await;
        add(&mut world, BOB, ALICE).await;
        let id = create(&mut world, &[BOB], None).await;
        send(&mut world, ALICE, id, "hello").await;
        let (parcels, _) = read_whole(&out(&mut world, ALICE).await).unwrap();
        for (place, parcel) in parcels.iter().enumerate() {
            for at in (0..parcel.len()).step_by(41) {
                let mut touched = parcel.clone();
                touched[at] ^= 4;
                let fates = ask(&mut world, BOB, Command::UnpackBundle(vec![touched, parcel[..at].to_vec()])).await;
                let Ok(Reply::Unpacked(fates)) = fates else { panic!("no fates") };
                assert_eq!(fates, [ParcelFate::Other; 2], "{place} {at}");
            }
        }
        carry(&mut world, ALICE, BOB).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["hello"]);
    });
}
