//! What the flags mean: which home, which passphrase, where to listen.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use tidings_node::node::Config;
use zeroize::Zeroizing;

use crate::args::Up;
use crate::failure::Failure;

/// A passphrase is at most this many bytes: a guess at what nobody types, so that a wrong file is noticed.
const PASSPHRASE_BYTES_MAX: usize = 4096;

/// The data directory that a verb is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    /// Absolute, so that messages about it mean the same everywhere.
    pub(crate) path: PathBuf,
    /// Whether it is the one that is meant without `--home`.
    pub(crate) is_default: bool,
}

impl Home {
    /// The home that was typed, or the platform's.
    pub(crate) fn choose(typed: Option<PathBuf>) -> Result<Self, Failure> {
        let default =
            directories::BaseDirs::new().map(|directories| directories.data_dir().join("tidings")).ok_or_else(|| {
                Failure::Usage("there is no home directory to keep data in; name one with --home".to_owned())
            });
        let typed = match typed {
            Some(typed) => std::path::absolute(&typed)
                .map_err(|error| Failure::Usage(format!("--home {}: {error}", typed.display())))?,
            None => default.as_ref().map_err(|failure| Failure::Usage(failure.to_string()))?.clone(),
        };
        let is_default = default.is_ok_and(|default| default == typed);
        Ok(Self { path: typed, is_default })
    }

    /// Where a running node answers.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("api.sock")
    }

    /// The failure of a verb that needs a running node.
    pub(crate) fn no_node(&self) -> Failure {
        Failure::NoNode { home: self.clone() }
    }

    /// What to type for this home.
    pub(crate) fn command(&self, verb: &str) -> String {
        if self.is_default {
            format!("tidings {verb}")
        } else {
            format!("tidings --home {} {verb}", quoted(&self.path))
        }
    }
}

/// A path as a shell wants it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_alphanumeric() || "/._-+@:,=".contains(c)) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How the node is started.
pub(crate) fn node_config(home: &Home, up: &Up) -> Result<Config, Failure> {
    Ok(Config {
        name: up.name.clone(),
        listen: up.listen.clone(),
        mdns: !up.no_mdns,
        upnp: !up.no_upnp,
        relay: up.relay,
        mailbox: up.mailbox,
        name_server: up.name_server,
        passphrase: up.passphrase_file.as_deref().map(read_passphrase).transpose()?,
        ..Config::new(home.path.clone())
    })
}

/// A passphrase from its file, or typed: twice if it is a new one.
pub(crate) fn passphrase(file: Option<&Path>, question: &str, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        return read_passphrase(file);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "there is no terminal to type a passphrase at: give it with --passphrase-file".to_owned(),
        ));
    }
    let ask = |question: &str| {
        let typed = rpassword::prompt_password(format!("{question}: ")).map(Zeroizing::new);
        typed.map_err(|error| Failure::Refused(format!("the passphrase cannot be read: {error}")))
    };
    let typed = ask(question)?;
    if typed.is_empty() {
        return Err(Failure::Refused("a passphrase has at least one character; nothing was done".to_owned()));
    }
    if is_new && *ask("Once more, to be sure")? != *typed {
        return Err(Failure::Refused("the two are not the same; nothing was done".to_owned()));
    }
    Ok(typed)
}

/// The content of a passphrase file without the line break at its end.
fn read_passphrase(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let refused = |reason: &str| Failure::Refused(format!("the passphrase file {} {reason}", file.display()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX + 3));
    File::open(file)
        .and_then(|opened| opened.take(PASSPHRASE_BYTES_MAX as u64 + 3).read_to_end(&mut bytes))
        .map_err(|error| refused(&format!("cannot be read: {error}")))?;
    let line = bytes.strip_suffix(b"\n").map_or(bytes.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line));
    if line.is_empty() {
        return Err(refused("is empty: write the passphrase into it as its only line"));
    }
    if line.len() > PASSPHRASE_BYTES_MAX {
        return Err(refused("is too long to be a passphrase: is it the right file?"));
    }
    match str::from_utf8(line) {
        Ok(text) if !text.contains(['\n', '\r', '\0']) => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(refused("is not one line of text: is it the right file?")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn passphrase(content: &[u8]) -> Result<String, String> {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(content).unwrap();
        drop(writer);
        let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
        read_passphrase(Path::new(&format!("/dev/fd/{fd}")))
            .map(|passphrase| passphrase.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_passphrase_is_the_only_line_of_its_file_without_the_line_break() {
        for content in [b"two words".as_slice(), b"two words\n", b"two words\r\n"] {
            assert_eq!(passphrase(content).unwrap(), "two words");
        }
        assert_eq!(passphrase(b" kept \n").unwrap(), " kept ");
    }

    #[test]
    fn a_file_that_holds_no_passphrase_is_refused_with_its_name() {
        assert!(passphrase(b"").unwrap_err().contains("is empty"));
        assert!(passphrase(b"\n").unwrap_err().contains("is empty"));
        assert!(passphrase(b"one\ntwo\n").unwrap_err().contains("not one line"));
        assert!(passphrase(b"\xff\xfe").unwrap_err().contains("not one line"));
        assert!(passphrase(&[b'a'; PASSPHRASE_BYTES_MAX + 3]).unwrap_err().contains("too long"));
        let failure = read_passphrase(Path::new("/no/such/file")).unwrap_err();
        assert!(failure.to_string().starts_with("the passphrase file /no/such/file cannot be read"));
    }

    #[test]
    fn a_home_that_was_typed_is_made_absolute() {
        let home = Home::choose(Some(PathBuf::from("here"))).unwrap();
        assert!(home.path.is_absolute() && home.path.ends_with("here"));
        assert!(!home.is_default);
        assert_eq!(home.socket().file_name().unwrap(), "api.sock");
    }
}
