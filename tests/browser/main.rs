//! The page's own tests, and people who talk in a real browser over real nodes.
//!
//! They need Node.js and Chromium. Where one is missing, a line on the standard error says what did not run; with
//! `CI=true` that is a failure. Screenshots are left in `browser/` in the target directory.

#[cfg(test)]
mod machine;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tidings_tests::binary;
    use tidings_tests::javascript::NodeJs;

    use crate::machine::{Machine, repository, run, screenshots};

    #[test]
    fn two_people_talk_in_the_browser() {
        play("two people talking in the browser", "two_people.mjs");
    }

    #[test]
    fn three_people_have_a_group_in_the_browser() {
        play("three people with a group in the browser", "three_people.mjs");
    }

    #[test]
    fn other_sites_and_hostile_texts_get_nowhere_in_the_browser() {
        play("what other sites and hostile texts get at in the browser", "hostile.mjs");
    }

    #[test]
    fn people_prove_who_they_are_elsewhere_in_the_browser() {
        // The issuer is the one of the tests of identities.
        let what = "people proving who they are in the browser";
        if NodeJs::for_test(what, "identities").is_some() {
            play(what, "identities.mjs");
        }
    }

    fn play(what: &str, script: &str) {
        let Some(machine) = Machine::for_test(what) else { return };
        let mut node = Command::new(&machine.node);
        node.arg(repository().join("tests/browser").join(script));
        node.env("TIDINGS", binary::tidings().unwrap()).env("CHROMIUM", &machine.chromium);
        node.env("SCREENSHOTS", screenshots().join(script.trim_end_matches(".mjs")));
        run(&mut node);
    }

    #[test]
    fn the_page_passes_its_own_tests() {
        let Some(machine) = Machine::for_test("the page's own tests") else { return };
        for script in ["check", "lint", "test", "browser"] {
            run(machine.npm(&["run", script]).env("CI", "true").env("CHROMIUM", &machine.chromium));
        }
    }
}
