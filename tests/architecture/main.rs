//! The rules of the house, as tests: where a crate may be named, who may read a clock, what the top level shows.
//!
//! A rule is a function from a [`tree::Tree`] of files to findings. Each is tried twice: on this repository, which
//! must keep it, and on a small bad sample, which it must catch, so that no rule passes because it looks at nothing.

#[cfg(test)]
mod app;
#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod time_and_chance;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod truth;
