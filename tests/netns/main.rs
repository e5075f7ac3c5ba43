//! Real programs in network namespaces, with routers that translate addresses between them, or a switch that delays,
//! loses and cuts.
//!
//! They need Linux, root, `ip` and `nft`. Where one is missing, a line on the standard error says what did not run; with
//! `CI=true` that is a failure.

#[cfg(test)]
mod apart;
#[cfg(test)]
mod away;
#[cfg(test)]
mod dying;
#[cfg(test)]
mod full;
#[cfg(test)]
mod ill;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod person;
#[cfg(test)]
mod roads;
#[cfg(test)]
mod routers;
#[cfg(test)]
mod side_by_side;
#[cfg(test)]
mod switch;
#[cfg(test)]
mod talk;
