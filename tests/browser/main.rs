//! The page's own tests, and two people who talk in a real browser over two real nodes.
//!
//! They need Node.js and Chromium. Where one is missing, a line on the standard error says what did not run; with
//! `CI=true` that is a failure. Screenshots are left in `browser/` in the target directory.

#[cfg(test)]
mod machine;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tidings_tests::binary;

    use crate::machine::{Machine, repository, run, screenshots};

    #[test]
    fn two_people_talk_in_the_browser() {
        let Some(machine) = Machine::for_test("two people talking in the browser") else { return };
        let mut script = Command::new(&machine.node);
        script.arg(repository().join("tests/browser/two_people.mjs"));
        script.env("TIDINGS", binary::tidings().unwrap()).env("CHROMIUM", &machine.chromium);
        script.env("SCREENSHOTS", screenshots());
        run(&mut script);
    }

    #[test]
    fn the_page_passes_its_own_tests() {
        let Some(machine) = Machine::for_test("the page's own tests") else { return };
        for script in ["check", "lint", "test", "browser"] {
            run(machine.npm(&["run", script]).env("CI", "true").env("CHROMIUM", &machine.chromium));
        }
    }
}
