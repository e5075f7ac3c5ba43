//! How a case is written: a step a line, blanks (see [`pattern`](crate::pattern)) anywhere.
//!
//! ```text
//! # A comment.
//! up alice --name Alice          start a node on the home `alice`, with --json; binds <alice.account> and so on
//! stop alice                     ask it to stop, as Ctrl-C does, and expect a clean end
//! kill alice                     SIGKILL
//! friends alice bob carol        start those that do not run; everybody adds everybody
//! run alice send Bob "Hello"     run a verb; what must come of it follows, indented:
//!   in a line of standard input
//!   out a line of standard output (all lines must be named, in order)
//!   out-has something in the standard output
//!   err something in the standard error
//!   exit 4
//!   lines 50
//!   once 1..50 "text":"a <n>"    each of these fits exactly one line
//! until alice mailbox list       the same, again and again until it comes
//! start bob-reads bob read Alice --follow
//! see bob-reads a line that comes, perhaps after others
//! see-all bob-reads 1..50 "text":"a <n>"
//! quit bob-reads                 end it
//! ends bob-reads 3               it ends by itself, with this exit code
//! same-order alice bob <c>       both have the same messages of <c>, in one order
//! agree alice bob carol <c>      in the end they have the same members and the same transcript of <c>
//! for 1..50 run alice send …     the step (and what follows it) for each <n>
//! burst alice 1..100 40 bob "text <n>"   send all at once, kill the node after 40, start it again, try again
//! let link2 first 40 <link>      bind a name: `first N TEXT`, `without-last N TEXT`, `repeat N TEXT`, `is TEXT`
//! write name.txt content         a file in the case's folder <dir>
//! occupy port                    bind <port> to a TCP port of 127.0.0.1 that is taken
//! snapshot alice                 remember every file of the home,
//! unchanged alice                and compare
//! copy alice/vault.key kept.key  copy a file, below the case's folder
//! remove alice/vault.key         and delete one
//! newer alice                    make its database one of a newer version
//! kept 11                        take the homes alice and bob that a version of schema 11 left behind (tests/kept)
//! readable alice WORDS           expect that some file of the home holds these words as they are,
//! hidden alice WORDS             and that none does
//! damage alice                   spoil the pages of its database
//! sql alice DELETE FROM draft    change its database behind its back; it must not run
//! clock alice 3600000            its programs' clock is so many milliseconds ahead; or `1970`, or `right`. It changes under a
//!                                program that runs if one was set before that began
//! empty alice                    expect that the home holds no file
//! ```

/// A step of a case.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Where it stands.
    pub(crate) line: usize,
    /// What is done.
    pub(crate) verb: String,
    /// With what, as it is written.
    pub(crate) rest: String,
    /// What must come of it.
    pub(crate) expected: Vec<(String, String)>,
}

/// The steps of a case.
pub(crate) fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (verb, rest) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
        let (verb, rest) = (verb.to_owned(), rest.trim_start().to_owned());
        if line.starts_with(' ') {
            steps.last_mut().expect("a case does not start with an indented line").expected.push((verb, rest));
        } else {
            steps.push(Step { line: at + 1, verb, rest, expected: Vec::new() });
        }
    }
    steps
}

/// Words as a shell splits them; quotes keep words together.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None;
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_with(String::new);
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_with(String::new).push(c),
        }
    }
    words.extend(word);
    words
}

/// `1..50`, both ends included.
pub(crate) fn range(text: &str) -> Result<std::ops::RangeInclusive<usize>, String> {
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?));
    parsed.ok_or_else(|| format!("{text} is not a range such as 1..50"))
}

#[test]
fn words_are_split_as_a_shell_does() {
    assert_eq!(words(r#"send Bob "two words" """#), ["send", "Bob", "two words", ""]);
}
