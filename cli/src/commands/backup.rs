//! `backup`: all of the node in one file.

use std::path::Path;

use tidings_node::backup::{BackupError, read_through};
use tokio::fs::{self, File};
use zeroize::Zeroizing;

use super::bundle::{beside, put_in_place};
use crate::api::{Api, unwritten};
use crate::failure::Failure;
use crate::output::{Output, lines};
use crate::settings;

pub(super) async fn run(
    api: &Api,
    output: &Output,
    path: &Path,
    passphrase_file: Option<&Path>,
) -> Result<(), Failure> {
    // Before anything is typed: without a node there is nothing to back up.
    api.status().await?;
    let passphrase = settings::passphrase(passphrase_file, "A passphrase for this backup", true)?;
    let unfinished = beside(path)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished).await.map_err(|error| unwritten(path, &error))?;
    let written = write(api, &passphrase, &mut file, (&unfinished, path)).await;
    drop(file);
    if let Err(failure) = written {
        // If it cannot be taken away either, the name says what it is.
        let _left = fs::remove_file(&unfinished).await;
        return Err(failure);
    }
    let bytes = put_in_place(&unfinished, path).await?;
    if output.is_json() {
        return output.object(&lines::Backup { file: &path.display().to_string(), bytes });
    }
    output.text(format_args!(
        "{} holds all of this node ({bytes} bytes). It was restored for a test, and read back. Without its passphrase \
         nobody can open it, and nobody can give you another one.",
        path.display()
    ))
}

async fn write(
    api: &Api,
    passphrase: &Zeroizing<String>,
    file: &mut File,
    (unfinished, path): (&Path, &Path),
) -> Result<(), Failure> {
    api.backup(passphrase, file, path).await?;
    let (unfinished, passphrase) = (unfinished.to_owned(), passphrase.clone());
    let read = tokio::task::spawn_blocking(move || read_through(&unfinished, &passphrase)).await;
    let read = read.map_err(|error| Failure::Refused(error.to_string()))?;
    let spoilt = |error: BackupError| {
        Failure::Refused(format!(
            "{} was not written as the node made it ({error}); nothing was left there",
            path.display()
        ))
    };
    read.map(drop).map_err(spoilt)
}
