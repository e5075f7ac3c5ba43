//! The network on real swarms over the loopback: what it carries, what it refuses, and what it survives.
//!
//! libp2p has clocks, timers and chance of its own, so nothing here is simulated. The tests wait for what must happen
//! and fail only when it does not happen for a long time.

#[cfg(test)]
mod apart;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod carrying;
#[cfg(test)]
mod child;
#[cfg(test)]
mod connecting;
#[cfg(test)]
mod decoding;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod listening;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod relaying;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod stranger;
#[cfg(test)]
mod world;
