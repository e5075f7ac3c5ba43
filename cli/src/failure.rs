//! How a verb ends when it does not end well: one exit code and one sentence each.

use std::io;

use crate::settings::Home;

/// Why a verb did not do what was asked. The words are for standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The node refused, or something failed.
    #[error("{0}")]
    Refused(String),
    /// What was typed cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// Nothing answers at the home's socket.
    #[error("no node is running for {}; start it with `{}`", home.path.display(), home.command("up"))]
    NoNode {
        /// The home.
        home: Home,
    },
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// The state waited for was not reached in time.
    #[error("{0}")]
    TimedOut(String),
    /// Whoever read the output went away, which is no failure of ours.
    #[error("nobody reads the output any more")]
    OutputClosed,
}

impl Failure {
    /// The exit code that PRODUCT promises.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::NoNode { .. } => 3,
            Self::NotFound(_) => 4,
            Self::TimedOut(_) => 5,
        }
    }

    /// What to do about a failed write to standard output.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Refused(format!("cannot write to standard output: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_node_is_answered_with_the_command_that_starts_it() {
        let failure = Failure::NoNode { home: Home { path: "/a b/it's".into(), is_default: false } };
        assert_eq!(
            failure.to_string(),
            r"no node is running for /a b/it's; start it with `tidings --home '/a b/it'\''s' up`"
        );
        let failure = Failure::NoNode { home: Home { path: "/data/tidings".into(), is_default: true } };
        assert!(failure.to_string().ends_with("start it with `tidings up`"));
    }
}
