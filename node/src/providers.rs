//! What a node asks of servers in the world outside, and only when its person says so: to sign in at an issuer or at
//! GitHub, to fetch what a proof of an identity is checked against, to send a code by mail (PROTOCOL §7).
//!
//! Nothing here decides. What comes back is bytes and claims for `tidings_crypto`, which decides.

mod dns;
mod github;
mod http;
mod mail;
mod oauth;
mod oidc;

pub use self::dns::{Dns, DnsError};
pub use self::github::{GitHub, GitHubUser};
pub use self::http::{AskError, Http};
pub use self::mail::{MailAddress, MailError, MailServer, Secured};
pub use self::oauth::{Answered, Begun, Program, SignInError, Wanted};
pub use self::oidc::{Issuer, KeySet, Tokens};
