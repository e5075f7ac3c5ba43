//! The local API at both doors of a real node: what it does, what it refuses, and who may come in.
//!
//! Nothing is stood in for: nodes run on loopback with their own homes, requests go over a socket, and what has to
//! happen is waited for in the event stream, with a limit.

#[cfg(test)]
mod client;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod home;
#[cfg(test)]
mod live;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod people;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tokens;
