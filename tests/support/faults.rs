//! Which faults a schedule has.

use std::str::FromStr;

/// Which faults a schedule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is on or off for itself")]
pub struct Faults {
    /// Gossip, requests and answers get lost; queues are full.
    pub loss: bool,
    /// Everything takes 200 ms.
    pub delay: bool,
    /// Gossip arrives twice, once after the cache has forgotten it.
    pub duplicate: bool,
    /// Everything takes from 1 to 800 ms, each for itself.
    pub reorder: bool,
    /// Ways between nodes are cut and mended, in silence.
    pub partition: bool,
    /// Nodes die after commits, and come back.
    pub crash: bool,
    /// Clocks are up to an hour off.
    pub clock: bool,
    /// Clocks jump, for a while or for good, and lids are closed.
    pub jump: bool,
    /// Some nodes only meet at a relay, which lets go of them.
    pub relay: bool,
    /// Power goes at the writes of a node's disk, and comes back.
    pub power: bool,
    /// A node's disk fills, and has room again.
    pub full: bool,
    /// That disk says of syncs that they are done, and they are not: then things are lost, and must be found missing.
    pub lie: bool,
}

impl Faults {
    /// Every fault that loses nothing.
    pub const ALL: Self = Self {
        loss: true,
        delay: true,
        duplicate: true,
        reorder: true,
        partition: true,
        crash: true,
        clock: true,
        jump: true,
        relay: true,
        power: true,
        full: true,
        lie: false,
    };
    /// No fault.
    pub const NONE: Self = Self {
        loss: false,
        delay: false,
        duplicate: false,
        reorder: false,
        partition: false,
        crash: false,
        clock: false,
        jump: false,
        relay: false,
        power: false,
        full: false,
        lie: false,
    };
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::ALL),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        let mut faults = Self::NONE;
        for name in text.split(',') {
            let fault = match name {
                "loss" => &mut faults.loss,
                "delay" => &mut faults.delay,
                "duplicate" => &mut faults.duplicate,
                "reorder" => &mut faults.reorder,
                "partition" => &mut faults.partition,
                "crash" => &mut faults.crash,
                "clock" => &mut faults.clock,
                "jump" => &mut faults.jump,
                "relay" => &mut faults.relay,
                "power" => &mut faults.power,
                "full" => &mut faults.full,
                "lie" => &mut faults.lie,
                _ => {
                    return Err(format!(
                        "there is no fault '{name}': all, none, or some of \
                         loss,delay,duplicate,reorder,partition,crash,clock,jump,relay,power,full,lie"
                    ));
                }
            };
            *fault = true;
        }
        Ok(faults)
    }
}
