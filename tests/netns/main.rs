//! Real programs in network namespaces, with routers that translate addresses between them.
//!
//! They need Linux, root, `ip` and `nft`. Where one is missing, a line on the standard error says what did not run; with
//! `CI=true` that is a failure.

#[cfg(test)]
mod lab;
#[cfg(test)]
mod person;
#[cfg(test)]
mod routers;
