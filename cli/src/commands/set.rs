//! `set`: changes what the members of a conversation agree on, or shows it.

use std::fmt::Write as _;
use std::path::Path;

use crate::api::{Api, Group, History, Patch};
use crate::args::{self, Set, Who};
use crate::failure::Failure;
use crate::output::text::one_line;
use crate::output::{Output, QUIET, STRONG, WAITING, lines, styled};
use crate::resolve;

/// A picture is at most this many bytes (docs/PROTOCOL.md §2.3).
const PICTURE_BYTES_MAX: u64 = 12 * 1024;

pub(super) async fn run(api: &Api, output: &Output, typed: &Set) -> Result<(), Failure> {
    let conversation = resolve::conversation(api, &typed.conversation).await?.id;
    let patch = Patch {
        name: typed.name.clone(),
        topic: typed.topic.clone(),
        history: typed.history.map(|history| match history {
            args::History::None => History::Nothing,
            args::History::Days(days) => History::Days { days },
            args::History::All => History::Everything,
        }),
        disappearing_s: typed.disappearing.map(|time| time.as_secs()),
        may_invite: typed.may_invite.map(word),
        may_edit: typed.may_edit.map(word),
    };
    // Read before anything is changed, so that a wrong file changes nothing.
    let picture = typed.picture.as_deref().map(picture).transpose()?;
    let mut group = if patch.is_empty() {
        api.group(&conversation).await?
    } else {
        api.change_group(&conversation, &patch).await?
    };
    if let Some(picture) = picture {
        api.set_picture(&conversation, picture).await?;
        group = api.group(&conversation).await?;
    }
    if output.is_json() {
        return output.object(&lines::Started { conversation: &conversation });
    }
    output.text(shown(&group))
}

/// The file's media type and bytes; none takes the picture away.
fn picture(path: &Path) -> Result<Option<(&'static str, Vec<u8>)>, Failure> {
    if path == Path::new("none") {
        return Ok(None);
    }
    let refused = |why: String| Failure::Refused(format!("{}: {why}", path.display()));
    let bytes = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if bytes > PICTURE_BYTES_MAX {
        return Err(refused(format!(
            "a picture has at most {PICTURE_BYTES_MAX} bytes and this file has {bytes}; the page makes pictures smaller"
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let media_type = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return Err(refused("a picture is a PNG, JPEG or WebP file".to_owned())),
    };
    Ok(Some((media_type, bytes)))
}

fn word(who: Who) -> &'static str {
    match who {
        Who::Everybody => "everybody",
        Who::Admins => "admins",
    }
}

fn shown(group: &Group) -> String {
    let history = match group.history {
        History::Nothing => "none".to_owned(),
        History::Days { days } => format!("{days} days"),
        History::Everything => "all".to_owned(),
    };
    let disappearing = match group.disappearing_s {
        0 => "off".to_owned(),
        seconds if seconds.is_multiple_of(86_400) => format!("{} d", seconds / 86_400),
        seconds if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        seconds => format!("{seconds} s"),
    };
    let encryption = match group.suite.as_str() {
        "hybrid" => "safe against quantum computers too (X25519 + ML-KEM-768)",
        _ if group.could_be_hybrid => "classic (X25519), though every member's node could do better",
        _ => "classic (X25519)",
    };
    let rows = [
        ("name", one_line(&group.conversation.name)),
        ("topic", one_line(&group.conversation.topic)),
        ("history for new members", history),
        ("messages disappear after", disappearing),
        ("who may invite", one_line(&group.may_invite)),
        ("who may edit", one_line(&group.may_edit)),
        ("encryption", encryption.to_owned()),
    ];
    let mut shown = String::new();
    for (what, value) in rows {
        // Writing to a string cannot fail, here and below.
        let _written = writeln!(shown, "{:<26}{}", styled(QUIET, format_args!("{what:<26}")), styled(STRONG, value));
    }
    for told in group.pending.iter().chain(&group.given_up) {
        let _written = writeln!(shown, "{}", styled(WAITING, one_line(told)));
    }
    shown
}
