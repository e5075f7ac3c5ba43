//! `doctor`: finds out what it can, and has it judged.

use std::time::Duration;

use super::{Checkup, Handle, Refused, unreadable};
use crate::doctor::{Examined, Finding, diagnose};
use crate::engine::{Command, Reply};
use crate::node::examine_machine;

/// Answers that have not come after this are not waited for.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often to look whether they came.
const PAUSE: Duration = Duration::from_millis(200);

impl Handle {
    /// Looks at the clock, the disk, the database, how this node is reached, its relays and mailboxes, and what waits; and
    /// says what is wrong and what to do. Takes some seconds.
    pub async fn doctor(&self) -> Result<Vec<Finding>, Refused> {
        let asked_ms = (self.clock)();
        let asks = match self.ask(Command::ProveMailboxes).await {
            Ok(_) => self.checkup(true).await.is_ok(),
            // Nobody is asked anything then, but it is named all the same.
            Err(Refused::DiskFull) => false,
            Err(refused) => return Err(refused),
        };
        let machine = async {
            let home = self.now.borrow().home.clone();
            let mut machine = examine_machine(home).await;
            machine.database_bytes = self.reader.database_bytes().await.map_err(unreadable)?;
            machine.damage = self.reader.damage().await.map_err(unreadable)?;
            Ok::<_, Refused>(machine)
        };
        let (machine, waited) = tokio::join!(
            machine,
            tokio::time::timeout(if asks { PATIENCE } else { Duration::ZERO }, self.others(asked_ms))
        );
        // What did not come in time is missing in what is known by now.
        let checkup = match waited {
            Ok(checkup) => checkup?,
            Err(_) => self.checkup(false).await?,
        };
        let (reach, peers) = {
            let now = self.now.borrow();
            (now.reach.clone(), now.peers.len())
        };
        let mailboxes = self.mailboxes().await?;
        let now_ms = (self.clock)();
        Ok(diagnose(&Examined { now_ms, checkup, reach, machine: machine?, mailboxes, peers }))
    }

    /// Waits until everybody who was asked has answered, and every mailbox was tested.
    async fn others(&self, asked_ms: u64) -> Result<Checkup, Refused> {
        loop {
            let checkup = self.checkup(false).await?;
            let tested = self.mailboxes().await?.into_iter().all(|mailbox| {
                let proved = mailbox.proved_at_ms.is_some_and(|at_ms| at_ms >= asked_ms);
                proved || !mailbox.unproved.is_empty() || !mailbox.online || !mailbox.refused.is_empty()
            });
            if checkup.waiting == 0 && tested {
                return Ok(checkup);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn checkup(&self, begin: bool) -> Result<Checkup, Refused> {
        match self.ask(Command::CheckUp { begin, places: Vec::new() }).await? {
            Reply::Checkup(checkup) => Ok(*checkup),
            _ => Err(Refused::Stopped),
        }
    }
}
