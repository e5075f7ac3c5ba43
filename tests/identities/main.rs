//! What a node asks of issuers, GitHub, mail servers and DNS, against real ones that the tests run on the loopback: the
//! certified `oidc-provider` with keys that turn over, a server that speaks GitHub's endpoints, an SMTP server that signs
//! with DKIM, and the DNS with its record.
//!
//! These tests need Node.js. Where it is missing, a line on the standard error says what did not run; with `CI=true` that
//! is a failure.

#[cfg(test)]
mod github;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod people;
#[cfg(test)]
mod person;
#[cfg(test)]
mod servers;
