//! What the network does to people: ways that are cut for seconds, and a world in two parts for weeks.

use super::DAY_MS;
use crate::world::{START_MS, World};

/// Every way is cut again and again, for up to forty seconds.
pub(super) fn cut_and_mend(world: &mut World, talk_ms: u64) {
    for one in 0..world.nodes() {
        for other in 0..one {
            let mut at_ms = START_MS;
            loop {
                at_ms += 2_000 + world.below(30_000);
                let mended_ms = at_ms + 500 + world.below(40_000);
                if at_ms > START_MS + talk_ms {
                    break;
                }
                world.set_link_at(at_ms, one, other, false);
                world.set_link_at(mended_ms, one, other, true);
                at_ms = mended_ms;
            }
        }
    }
}

/// Some cannot reach the others for days or weeks: longer than the horizon, and sometimes longer than the bound
/// (PROTOCOL §3.6).
pub(super) fn part_for_weeks(world: &mut World) {
    world.let_circuits_last();
    let cut_ms = START_MS + DAY_MS + world.below(DAY_MS);
    let mended_ms = cut_ms + (3 + world.below(40)) * DAY_MS;
    let here: Vec<bool> = (0..world.nodes()).map(|_| world.below(2) == 0).collect();
    for one in 0..world.nodes() {
        for other in 0..one {
            if here.get(one) != here.get(other) {
                world.set_link_at(cut_ms, one, other, false);
                world.set_link_at(mended_ms, one, other, true);
            }
        }
    }
}
