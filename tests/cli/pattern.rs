//! Text with blanks: `<name>` stands for what the name is bound to, or binds it to whatever is there.
//!
//! `<name>` is any run of characters without a quote, `<name:hex64>` so many hexadecimal ones, `<name:number>` a number,
//! `<name:list>` what is between brackets, `<*>` anything. Everything else means itself.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

/// What the names of a case are bound to.
pub(crate) type Names = HashMap<String, String>;

/// Puts in what the names are bound to; a name that is not bound is a mistake in the case.
pub(crate) fn fill(text: &str, names: &Names) -> Result<String, String> {
    let mut filled = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Blank { name, .. } => match names.get(name) {
                Some(value) => filled.push_str(value),
                None => return Err(format!("<{name}> is not bound here")),
            },
        }
    }
    Ok(filled)
}

/// Whether the whole of `found` fits; where it does, the names that were not bound are bound now.
pub(crate) fn fits(pattern: &str, found: &str, names: &mut Names) -> bool {
    compared(&format!("^{}$", expression(pattern, names)), found, names)
}

/// Whether the pattern fits somewhere in `found`.
pub(crate) fn occurs(pattern: &str, found: &str, names: &mut Names) -> bool {
    compared(&expression(pattern, names), found, names)
}

fn compared(expression: &str, found: &str, names: &mut Names) -> bool {
    let expression = Regex::new(&format!("(?s){expression}")).unwrap();
    let Some(captures) = expression.captures(found) else { return false };
    for name in expression.capture_names().flatten() {
        names.insert(name.replace("__", "."), captures[name].to_owned());
    }
    true
}

fn expression(pattern: &str, names: &Names) -> String {
    let mut expression = String::new();
    let mut blanks = Vec::new();
    for part in parts(pattern) {
        match part {
            Part::Text(text) => expression.push_str(&regex::escape(text)),
            Part::Blank { name: "*", .. } => expression.push_str(".*"),
            Part::Blank { name, kind } => {
                if let Some(value) = names.get(name) {
                    expression.push_str(&regex::escape(value));
                    continue;
                }
                let any = match kind {
                    "" => "[^\"]*?".to_owned(),
                    "list" => r"[^\]]+".to_owned(),
                    "number" => "[0-9]+".to_owned(),
                    hex => format!("[0-9a-f]{{{}}}", hex.strip_prefix("hex").unwrap_or("a kind that is not known")),
                };
                assert!(!blanks.contains(&name), "<{name}> stands twice in one pattern before it is bound");
                blanks.push(name);
                expression.extend(["(?P<", &name.replace('.', "__"), ">", &any, ")"]);
            }
        }
    }
    expression
}

enum Part<'a> {
    Text(&'a str),
    Blank { name: &'a str, kind: &'a str },
}

/// A `<` that no name and `>` follow is just that.
fn parts(text: &str) -> Vec<Part<'_>> {
    static BLANK: LazyLock<Regex> = LazyLock::new(|| Regex::new("<([a-z][a-z0-9_.]*|[*])(?::([a-z0-9]+))?>").unwrap());
    let mut parts = Vec::new();
    let mut from = 0;
    for blank in BLANK.captures_iter(text) {
        let whole = blank.get_match();
        parts.push(Part::Text(text.get(from..whole.start()).unwrap()));
        parts.push(Part::Blank {
            name: blank.get(1).unwrap().as_str(),
            kind: blank.get(2).map_or("", |kind| kind.as_str()),
        });
        from = whole.end();
    }
    parts.push(Part::Text(text.get(from..).unwrap()));
    parts
}

#[test]
fn a_blank_is_bound_once_and_means_that_from_then_on() {
    let mut names = Names::new();
    assert!(fits(r#"{"id":"<id:hex4>","n":<n:number>,"x":[<*>]}"#, r#"{"id":"ab12","n":7,"x":["<y>"]}"#, &mut names));
    assert_eq!(fill("<id> <n> a<b", &names).unwrap(), "ab12 7 a<b");
    assert!(fits("<id>", "ab12", &mut names));
    assert!(!fits("<id>", "ab13", &mut names));
    assert!(occurs("n <other>!", "so n ab! c", &mut names));
    assert_eq!(names["other"], "ab");
    assert!(fill("<unknown>", &names).is_err());
}
