//! Which topic belongs to which group (PROTOCOL §5). Pure.
//!
//! A topic's name turns over every week. Two weeks are subscribed: this one, and the one that a clock a little off
//! would name. An envelope that waited for weeks in somebody's outbox names an older one; those are worked out when
//! they are asked for.

use std::collections::BTreeMap;

use tidings_crypto::envelope::{TopicSecret, TopicTag, Week};
use tidings_crypto::group::GroupId;

/// How many weeks back an envelope's topic is recognised, and ahead, for somebody whose clock was wrong.
const WEEKS_OFF_MAX: u32 = 60;
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// Where an envelope with some topic tag belongs.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) group: GroupId,
    pub(crate) secret: TopicSecret,
    pub(crate) week: Week,
}

/// The topics of all groups.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    secrets: BTreeMap<GroupId, Vec<TopicSecret>>,
    subscribed: BTreeMap<TopicTag, Topic>,
    turned_at_ms: u64,
}

/// What a change of topics means for the swarm.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicChanges {
    pub(crate) subscribe: Vec<TopicTag>,
    pub(crate) unsubscribe: Vec<TopicTag>,
}

impl Topics {
    /// Whether a group has just these topic secrets.
    pub(crate) fn are(&self, group: GroupId, secrets: &[TopicSecret]) -> bool {
        let known = self.secrets.get(&group).map_or(&[][..], Vec::as_slice);
        known.len() == secrets.len() && known.iter().zip(secrets).all(|(one, other)| one.as_bytes() == other.as_bytes())
    }

    /// Sets a group's topic secrets.
    pub(crate) fn set(&mut self, group: GroupId, secrets: Vec<TopicSecret>, now_ms: u64) -> TopicChanges {
        if subscribed_weeks(now_ms) != subscribed_weeks(self.turned_at_ms) {
            self.secrets.insert(group, secrets);
            return self.turn(now_ms);
        }
        let wanted = tags(group, &secrets, now_ms);
        let old = self.secrets.insert(group, secrets).unwrap_or_default();
        let old = tags(group, &old, self.turned_at_ms);
        let unsubscribe: Vec<TopicTag> = old.into_keys().filter(|tag| !wanted.contains_key(tag)).collect();
        for tag in &unsubscribe {
            self.subscribed.remove(tag);
        }
        let subscribe = wanted.keys().filter(|tag| !self.subscribed.contains_key(tag)).copied().collect();
        self.subscribed.extend(wanted);
        TopicChanges { subscribe, unsubscribe }
    }

    /// Half a week may have passed.
    pub(crate) fn turn(&mut self, now_ms: u64) -> TopicChanges {
        let wanted: BTreeMap<TopicTag, Topic> =
            self.secrets.iter().flat_map(|(group, secrets)| tags(*group, secrets, now_ms)).collect();
        let changes = TopicChanges {
            subscribe: wanted.keys().filter(|tag| !self.subscribed.contains_key(tag)).copied().collect(),
            unsubscribe: self.subscribed.keys().filter(|tag| !wanted.contains_key(tag)).copied().collect(),
        };
        self.subscribed = wanted;
        self.turned_at_ms = now_ms;
        changes
    }

    /// Where a tag that is subscribed belongs.
    pub(crate) fn find(&self, tag: &TopicTag) -> Option<Topic> {
        self.subscribed.get(tag).cloned()
    }

    /// Where an older tag belongs, looked for among these groups only, by either time.
    pub(crate) fn find_older(&self, tag: &TopicTag, groups: &[GroupId], times_ms: [u64; 2]) -> Option<Topic> {
        let [one, other] = times_ms.map(Week::of);
        let again = (one != other).then_some(other);
        [one].into_iter().chain(again).find_map(|week| self.find_around(tag, groups, week))
    }

    fn find_around(&self, tag: &TopicTag, groups: &[GroupId], around: Week) -> Option<Topic> {
        let secrets = groups.iter().filter_map(|group| self.secrets.get(group).map(|secrets| (group, secrets)));
        let mut candidates = secrets.flat_map(|(group, secrets)| secrets.iter().map(move |secret| (group, secret)));
        candidates.find_map(|(group, secret)| {
            let mut week = Week(around.0.saturating_add(WEEKS_OFF_MAX));
            for _ in 0..=2 * WEEKS_OFF_MAX {
                if secret.tag(week) == *tag {
                    return Some(Topic { group: *group, secret: secret.clone(), week });
                }
                week = week.previous();
            }
            None
        })
    }
}

fn tags(group: GroupId, secrets: &[TopicSecret], now_ms: u64) -> BTreeMap<TopicTag, Topic> {
    let weeks = subscribed_weeks(now_ms);
    let topics = secrets.iter().flat_map(|secret| weeks.map(|week| Topic { group, secret: secret.clone(), week }));
    topics.map(|topic| (topic.secret.tag(topic.week), topic)).collect()
}

/// When the subscribed weeks change next.
pub(crate) fn next_turn_ms(now_ms: u64) -> u64 {
    (now_ms / (WEEK_MS / 2) + 1) * (WEEK_MS / 2)
}

/// This week, and the nearer neighbour.
fn subscribed_weeks(now_ms: u64) -> [Week; 2] {
    let week = Week::of(now_ms);
    if now_ms % WEEK_MS < WEEK_MS / 2 { [week, week.previous()] } else { [week, week.next()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 2_900 * WEEK_MS + 1;

    #[test]
    fn a_clock_that_is_a_day_off_still_meets_on_a_topic() {
        let secret = TopicSecret::from_bytes([3; 32]);
        let day_ms = WEEK_MS / 7;
        for now_ms in (0..14).map(|half_days| NOW_MS + half_days * day_ms / 2) {
            let mut topics = Topics::default();
            topics.set(GroupId([1; 16]), vec![secret.clone()], now_ms);
            for theirs_ms in [now_ms - day_ms, now_ms, now_ms + day_ms] {
                assert!(topics.find(&secret.tag(Week::of(theirs_ms))).is_some());
            }
        }
    }

    #[test]
    fn an_envelope_that_waited_for_weeks_is_recognised() {
        let secret = TopicSecret::from_bytes([3; 32]);
        let mut topics = Topics::default();
        topics.set(GroupId([1; 16]), vec![secret.clone()], NOW_MS);
        let old = secret.tag(Week::of(NOW_MS - 7 * WEEK_MS));
        assert!(topics.find(&old).is_none());
        assert_eq!(topics.find_older(&old, &[GroupId([1; 16])], [NOW_MS; 2]).unwrap().group, GroupId([1; 16]));
        assert!(topics.find_older(&old, &[GroupId([2; 16])], [NOW_MS; 2]).is_none());
    }

    #[test]
    fn turning_a_week_over_names_only_what_changed() {
        let mut topics = Topics::default();
        let first = topics.set(GroupId([1; 16]), vec![TopicSecret::from_bytes([3; 32])], NOW_MS);
        assert_eq!((first.subscribe.len(), first.unsubscribe.len()), (2, 0));
        let turned = topics.turn(next_turn_ms(NOW_MS));
        assert_eq!((turned.subscribe.len(), turned.unsubscribe.len()), (1, 1));
        assert_eq!(topics.turn(next_turn_ms(NOW_MS)), TopicChanges::default());
    }
}
