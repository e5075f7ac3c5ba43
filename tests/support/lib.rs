//! What the tests of several crates share, and the simulator: [`world::World`] is N engines with their databases in
//! memory, a virtual clock and a seeded network; [`schedule`] is what people do in it, and how it is judged.
#![expect(clippy::missing_errors_doc, reason = "an error of the simulator is a failed test")]

pub mod binary;
pub mod faults;
pub mod home;
pub mod javascript;
pub mod proxy;
pub mod schedule;
pub mod world;
