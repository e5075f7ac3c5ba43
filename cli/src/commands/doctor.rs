//! `doctor`: what is wrong with this node, and what to do about it.

use std::fmt::Write as _;

use crate::api::{Api, Finding};
use crate::failure::Failure;
use crate::output::text::{one_line, wrapped};
use crate::output::{BAD, GOOD, Output, QUIET, WAITING, lines, styled};

/// The names of what was looked at take this many columns.
const LABEL: usize = 14;

pub(super) async fn run(api: &Api, output: &Output) -> Result<(), Failure> {
    if !output.is_json() {
        output.remark("Looking: relays and mailboxes are tried, which takes some seconds.");
    }
    let findings = api.doctor().await?;
    if output.is_json() {
        findings.iter().try_for_each(|finding| output.object(&lines::Finding::from(finding)))?;
    } else {
        output.text(shown(&findings, output.page().text_columns()))?;
    }
    let bad = findings.iter().filter(|finding| finding.verdict == "bad").count();
    match bad {
        0 => Ok(()),
        1 => Err(Failure::Refused("something is wrong: what to do stands under it".to_owned())),
        _ => Err(Failure::Refused(format!("{bad} things are wrong: what to do stands under each"))),
    }
}

fn shown(findings: &[Finding], columns: Option<usize>) -> String {
    let mut shown = String::new();
    for finding in findings {
        let (style, mark) = match finding.verdict.as_str() {
            "good" => (GOOD, "ok"),
            "bad" => (BAD, "!!"),
            _ => (WAITING, "--"),
        };
        let label = format!("{:<LABEL$}", finding.check);
        let indent = " ".repeat(LABEL + 6);
        // Writing to a string cannot fail.
        let _written = writeln!(
            shown,
            "  {} {} {}",
            styled(style, mark),
            styled(QUIET, label),
            wrapped(&one_line(&finding.says), &indent, columns).trim_start()
        );
        if let Some(advice) = &finding.advice {
            let _written =
                writeln!(shown, "{indent}{}", styled(QUIET, wrapped(&one_line(advice), &indent, columns).trim_start()));
        }
    }
    shown
}
