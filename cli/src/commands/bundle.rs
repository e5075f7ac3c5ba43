//! `bundle`: what is undelivered, in a file that somebody carries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};

use crate::api::{Api, BundleTaken, unwritten};
use crate::args::BundleVerb;
use crate::failure::Failure;
use crate::output::{Output, lines};
use crate::resolve;

pub(super) async fn run(api: &Api, output: &Output, verb: &BundleVerb) -> Result<(), Failure> {
    match verb {
        BundleVerb::Out { file, whom } => out(api, output, file, whom).await,
        BundleVerb::In { file } => take(api, output, file).await,
    }
}

async fn out(api: &Api, output: &Output, path: &Path, whom: &[String]) -> Result<(), Failure> {
    let (mut accounts, mut conversations) = (Vec::new(), Vec::new());
    for typed in whom {
        match resolve::contact(api, typed).await {
            Ok(contact) => accounts.push(contact.account),
            Err(Failure::NotFound(_)) => conversations.push(resolve::conversation(api, typed).await?.id),
            Err(failure) => return Err(failure),
        }
    }
    let unfinished = beside(path)?;
    let mut file = File::create(&unfinished).await.map_err(|error| unwritten(path, &error))?;
    let written = api.bundle_out(&accounts, &conversations, &mut file, path).await;
    drop(file);
    let written = match written {
        Ok(whole) => put_in_place(&unfinished, path).await.map(|bytes| (whole, bytes)),
        Err(failure) => Err(failure),
    };
    let (whole, bytes) = match written {
        Ok(written) => written,
        Err(failure) => {
            // If it cannot be taken away either, the name says what it is.
            let _left = fs::remove_file(&unfinished).await;
            return Err(failure);
        }
    };
    if output.is_json() {
        return output.object(&lines::BundleOut {
            file: &path.display().to_string(),
            parcels: whole.parcels,
            bytes,
            more: whole.more,
        });
    }
    output.text(format_args!(
        "{} holds {} ({bytes} bytes). Carry it there, and `tidings bundle in {}` takes what is for that node. Nothing \
         counts as delivered until their answer comes back.",
        path.display(),
        counted(whole.parcels, "sealed parcel"),
        path.file_name().unwrap_or(path.as_os_str()).display(),
    ))?;
    if whole.more {
        output.remark("There is more than a bundle holds: make another once this one was answered.");
    }
    Ok(())
}

/// Where a file is written until it is whole.
pub(super) fn beside(path: &Path) -> Result<PathBuf, Failure> {
    let name = path.file_name().ok_or_else(|| Failure::Usage(format!("{} names no file", path.display())))?;
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(format!(".{}.unfinished", std::process::id()));
    Ok(path.with_file_name(unfinished))
}

pub(super) async fn put_in_place(unfinished: &Path, path: &Path) -> Result<u64, Failure> {
    let failed = |error| unwritten(path, &error);
    let bytes = fs::metadata(unfinished).await.map_err(failed)?.len();
    fs::rename(unfinished, path).await.map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // Some file systems of sticks cannot sync a folder; the file itself is written.
    if let Ok(folder) = File::open(folder).await {
        let _synced = folder.sync_all().await;
    }
    Ok(bytes)
}

async fn take(api: &Api, output: &Output, path: &Path) -> Result<(), Failure> {
    let file =
        File::open(path).await.map_err(|error| Failure::Refused(format!("cannot read {}: {error}", path.display())))?;
    let taken = api.bundle_in(file).await?;
    if output.is_json() {
        return output.object(&taken);
    }
    output.text(told(&taken))
}

fn told(taken: &BundleTaken) -> String {
    let BundleTaken { new, known, later, useless, others } = *taken;
    let mine = new.saturating_add(known).saturating_add(later).saturating_add(useless);
    let mut parts = vec![format!("{new} new")];
    for (count, what) in [(known, "here before"), (later, "not readable yet"), (useless, "of no use any more")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let mut sentences = match mine {
        0 => vec!["Nothing in it is for you.".to_owned()],
        _ => vec![format!("{} for you: {}.", counted(mine, "parcel"), parts.join(", "))],
    };
    if others > 0 {
        sentences.push(format!("{} for others: carry it on.", counted(others, "parcel")));
    }
    if later > 0 {
        sentences.push(
            "What is not readable yet needs something that is not here: an earlier bundle, or that you add whoever wrote it. \
             Bring this one in again after that."
                .to_owned(),
        );
    }
    sentences.join(" ")
}

pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_told_in_a_sentence() {
        let none = BundleTaken { new: 0, known: 0, later: 0, useless: 0, others: 0 };
        assert_eq!(told(&none), "Nothing in it is for you.");
        assert_eq!(
            told(&BundleTaken { new: 2, known: 1, others: 5, ..none }),
            "3 parcels for you: 2 new, 1 here before. 5 parcels for others: carry it on."
        );
        assert!(
            told(&BundleTaken { later: 1, ..none }).starts_with("1 parcel for you: 0 new, 1 not readable yet. What")
        );
    }

    #[test]
    fn an_unfinished_file_lies_beside_the_finished_one() {
        let unfinished = beside(Path::new("/media/stick/to-bob.bundle")).unwrap();
        assert_eq!(unfinished.parent(), Some(Path::new("/media/stick")));
        assert!(beside(Path::new("/")).is_err());
    }
}
