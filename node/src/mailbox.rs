//! Mailboxes (PROTOCOL §6.14): envelopes reach somebody who is away because a third node keeps them.
//!
//! `own` collects from the mailboxes that this node's owner named; `proving` sees whether they keep their word; `depositing` brings what others are owed to theirs;
//! `hosting` keeps what is deposited here for those whom this node serves, within a `quota`; a `tally` goes with each deposit, so that
//! a mailbox that drops or withholds is found out. `leaving` and `asking` are about what others need to add somebody who is
//! away (§4.9). What is kept is sealed to its
//! reader once more, so that a mailbox sees sizes and times, and neither conversation nor sender.

pub(crate) mod asking;
pub(crate) mod depositing;
pub(crate) mod hosting;
mod leaving;
pub(crate) mod own;
mod proving;
pub(crate) mod quota;
pub(crate) mod tally;

pub(crate) use self::asking::Asking;
pub(crate) use self::depositing::Depositing;
pub(crate) use self::hosting::Hosting;
pub(crate) use self::own::Own;

/// All that the engine holds in memory of mailboxes.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    pub(crate) own: Own,
    pub(crate) depositing: Depositing,
    pub(crate) hosting: Hosting,
    pub(crate) asking: Asking,
}

impl Mailboxes {
    /// When something is due next.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.own.due_ms().into_iter().chain(self.depositing.due_ms()).min()
    }
}
