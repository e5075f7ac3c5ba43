//! Two sets that differ are found to, by the sums and by the messages; and nobody is asked twice for one thing.

use tidings_crypto::envelope::Week;
use tidings_crypto::identity::NodeId;

use super::*;

const GROUP: GroupId = GroupId([1; 16]);

fn peer(byte: u8) -> PeerKey {
    PeerKey([byte; 32])
}

fn id(number: u64) -> EnvelopeId {
    EnvelopeId(*blake3::hash(&number.to_be_bytes()).as_bytes())
}

fn sets(numbers: impl IntoIterator<Item = u64>) -> Sets {
    let mut sets = Sets::default();
    sets.read(numbers.into_iter().map(|number| (GROUP, 1 + number / 100, Week(2_900), id(number))), []);
    sets
}

fn items(numbers: impl IntoIterator<Item = u64>) -> Vec<Item> {
    numbers.into_iter().map(|number| (1 + number / 100, id(number))).collect()
}

/// Carries messages to and fro until the one that began knows all; and how many it sent.
fn reconcile(here: &[Item], there: &[Item]) -> (Vec<EnvelopeId>, Vec<EnvelopeId>, u32) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut message = begin(here);
    let mut rounds = 0;
    while let Some(sent) = message {
        rounds += 1;
        let found = go_on(here, &respond(there, &sent).unwrap()).unwrap();
        ours.extend(found.only_here);
        theirs.extend(found.only_there);
        message = found.message;
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    (ours, theirs, rounds)
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<EnvelopeId> {
    let mut ids: Vec<EnvelopeId> = numbers.into_iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn equal_sets_have_equal_fingerprints_in_whatever_order_they_came() {
    let week = Week(2_890);
    let one = sets(0..500).fingerprint(GROUP, 1, week);
    assert_eq!(one, sets((0..500).rev()).fingerprint(GROUP, 1, week));
    assert_ne!(one, sets(0..499).fingerprint(GROUP, 1, week));
    assert_ne!(one, sets((0..500).chain([499])).fingerprint(GROUP, 1, week), "it counts");
    let mut grown = sets(0..499);
    grown.add(GROUP, 5, Week(2_900), id(499));
    assert_eq!(one, grown.fingerprint(GROUP, 1, week));
}

#[test]
fn what_is_of_before_both_were_in_and_of_old_weeks_is_not_compared() {
    let (all, mut late) = (sets(0..500), sets(300..500));
    assert_eq!(all.fingerprint(GROUP, 4, Week(2_890)), late.fingerprint(GROUP, 1, Week(2_890)));
    assert_eq!(all.fingerprint(GROUP, 1, Week(2_901)), Sets::default().fingerprint(GROUP, 1, Week(0)));
    let (ann, ben) = (NodeId([1; 32]), NodeId([2; 32]));
    assert_eq!(late.from(GROUP, [ann, ben]), 1, "no founding commit");
    late.came_in(GROUP, ben, 4);
    assert_eq!((late.from(GROUP, [ann, ben]), late.from(GROUP, [ann, ann])), (4, 1));
}

#[test]
fn the_name_of_a_group_is_the_same_on_both_sides_and_another_for_every_pair() {
    let key = pair_key(GROUP, peer(1), peer(2));
    assert_eq!(key, pair_key(GROUP, peer(2), peer(1)));
    assert_ne!(key, pair_key(GROUP, peer(1), peer(3)));
    assert_ne!(key, pair_key(GroupId([2; 16]), peer(1), peer(2)));
}

#[test]
fn a_reconciliation_finds_what_is_missing_on_either_side() {
    assert_eq!(reconcile(&items(0..40), &items(0..40)), (vec![], vec![], 1));
    let (here, there, rounds) = reconcile(&items(0..1_000), &items((0..990).chain(2_000..2_005)));
    assert_eq!((here, there), (ids(990..1_000), ids(2_000..2_005)));
    assert!(rounds <= 3, "{rounds}");
    let (here, there, rounds) = reconcile(&[], &items(0..20_000));
    assert_eq!((here, there), (vec![], ids(0..20_000)));
    assert!(rounds <= 8, "{rounds} messages of {MESSAGE_BYTES_MAX} bytes");
}

#[test]
fn what_is_malformed_ends_a_reconciliation() {
    for message in [&[][..], &[0x61, 0, 0, 2, 200], &[0x40], &[0x61, 1, 99], &[0x61, 0, 0, 9]] {
        assert_eq!((respond(&items(0..9), message), go_on(&items(0..9), message)), (None, None), "{message:?}");
    }
}

fn comparing(ours: u8, theirs: u8) -> Comparing {
    Comparing { group: GROUP, from: 1, ours: [ours; 16], theirs: [theirs; 16] }
}

#[test]
fn two_sets_that_differ_for_good_are_reconciled_once() {
    let mut partners = Partners::default();
    partners.connected(peer(1), true, 0);
    partners.looked_at(peer(1), true, 0, 1_000, 0);
    partners.compared(peer(1), comparing(1, 2));
    let going = Reconciling::new(partners.next_group(peer(1)).unwrap());
    partners.ended(peer(1), &going, true, 2_000);
    partners.compared(peer(1), comparing(1, 2));
    assert_eq!(partners.next_group(peer(1)), None);
    assert!(!partners.is_to_compare(peer(1), GROUP, [1; 16]));
    assert!(partners.is_to_compare(peer(1), GROUP, [3; 16]), "it has changed here");
    partners.compared(peer(1), comparing(1, 3));
    assert_eq!(partners.next_group(peer(1)), Some(comparing(1, 3)), "and there");
}

#[test]
fn nothing_is_asked_while_nothing_changes() {
    let mut partners = Partners::default();
    partners.connected(peer(1), true, 0);
    assert_eq!(partners.due_ms(0), Some(1_000));
    partners.looked_at(peer(1), true, 7, 1_000, 5);
    assert_eq!(partners.due_ms(8), None, "an answer is awaited");
    partners.answered(peer(1));
    assert_eq!(partners.due_ms(7), None);
    assert_eq!(partners.due_ms(8), Some(301_005));
    partners.failed(peer(1), 400_000);
    assert_eq!(partners.due_ms(7), Some(460_000));
}

#[test]
fn what_one_was_asked_for_is_not_asked_of_another_until_it_fails() {
    let mut partners = Partners::default();
    for number in [1, 2] {
        partners.connected(peer(number), true, 0);
    }
    assert_eq!(partners.want(peer(1), ids(0..5), 0), (ids(0..5), false));
    assert_eq!(partners.want(peer(2), ids(0..5), 1_000), (vec![], true));
    assert_eq!(partners.want(peer(1), ids(0..5), 40_000), (vec![], false), "it had its time");
    assert_eq!(partners.want(peer(2), ids(0..5), 40_000), (ids(0..5), false));
    partners.disconnected(peer(2));
    assert_eq!(partners.want(peer(1), ids(0..5), 41_000), (ids(0..5), false));
}

#[test]
fn what_a_peer_does_not_take_is_not_offered_again() {
    let mut partners = Partners::default();
    partners.declined(peer(1), id(1), true);
    for _ in 0..2 {
        partners.declined(peer(1), id(2), false);
        assert!(partners.may_offer(peer(1), id(2)), "it may come in time");
    }
    partners.declined(peer(1), id(2), false);
    assert_eq!([1, 2, 3].map(|number| partners.may_offer(peer(1), id(number))), [false, false, true]);
    assert!(partners.may_offer(peer(2), id(1)));
}

#[test]
fn a_gap_is_asked_about_a_few_times_and_no_longer() {
    let mut partners = Partners::default();
    partners.gap(GROUP, None, 0);
    assert_eq!(partners.due_ms(0), None, "nobody is there");
    partners.connected(peer(1), true, 0);
    partners.looked_at(peer(1), false, 0, 0, 0);
    assert_eq!(partners.due_ms(0), Some(5_000));
    for now_ms in [5_000, 35_000, 215_000] {
        assert_eq!(partners.due_gaps(now_ms), [(GROUP, vec![])]);
        partners.ask_about_gap(GROUP, &[peer(1)], now_ms, 3);
        assert_eq!(partners.take_due(0, now_ms), [peer(1)]);
        assert!(partners.is_to_compare(peer(1), GROUP, [0; 16]));
        partners.looked_at(peer(1), false, 0, now_ms, 0);
    }
    assert_eq!(partners.due_ms(0), None);
}

#[test]
fn a_peer_that_asks_without_end_is_told_to_ask_later() {
    let mut partners = Partners::default();
    partners.connected(peer(1), true, 0);
    let answered = (0..2_000).filter(|_| partners.may_answer(peer(1), 5)).count();
    assert_eq!(answered, 1_000);
    assert!(partners.may_answer(peer(1), 60_005));
    partners.worked(peer(1), 5_000_000);
    assert!(!partners.may_answer(peer(1), 60_006), "large sets cost more");
}

#[test]
fn who_brings_what_cannot_be_placed_is_asked_once_in_a_minute() {
    let mut partners = Partners::default();
    partners.connected(peer(1), true, 0);
    partners.looked_at(peer(1), false, 0, 1_000, 0);
    let mut asked = 0;
    for now_ms in (2_000..122_000).step_by(1_000) {
        partners.puzzled_by(peer(1), &[GROUP], now_ms);
        for due in partners.take_due(0, now_ms) {
            assert!(partners.is_to_compare(due, GROUP, [0; 16]));
            partners.looked_at(due, false, 0, now_ms, 0);
            asked += 1;
        }
    }
    assert_eq!(asked, 2);
}
