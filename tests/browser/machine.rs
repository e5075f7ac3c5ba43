//! What this machine has for the page: Node.js, the page's packages, Chromium.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use tidings_tests::javascript::{NodeJs, on_path};

const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A machine that can run the page.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) node: PathBuf,
    pub(crate) chromium: PathBuf,
    programs: NodeJs,
}

impl Machine {
    /// The machine, with the page's packages installed; `None`, said aloud, where it lacks something.
    pub(crate) fn for_test(what: &str) -> Option<Self> {
        match Self::find() {
            Ok(machine) => {
                machine.programs.install(&page()).unwrap();
                Some(machine)
            }
            Err(missing) => {
                let sentence = format!("NOT RUN: {what}, because {missing}.");
                assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{sentence}");
                // Not `eprintln!`: the test harness would keep it to itself.
                writeln!(io::stderr(), "\n{sentence}").unwrap();
                None
            }
        }
    }

    /// `npm` in the folder of the page.
    pub(crate) fn npm(&self, arguments: &[&str]) -> Command {
        let mut npm = Command::new(&self.programs.npm);
        npm.args(arguments).current_dir(page());
        npm
    }

    fn find() -> anyhow::Result<Self> {
        let programs = NodeJs::find()?;
        let named = env::var_os("CHROMIUM").map(PathBuf::from);
        let chromium = named.or_else(|| on_path(&CHROMIUM_NAMES)).context("Chromium is missing: install it")?;
        Ok(Self { node: programs.node.clone(), chromium, programs })
    }
}

/// Runs a command to its end, and fails with all that it printed if it does.
#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?} failed ({}):\n{printed}", output.status);
    println!("{printed}");
}

/// Where the screenshots go: in the target directory, which this test was built in.
pub(crate) fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser")
}

/// The folder of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page() -> PathBuf {
    repository().join("web-ui/app")
}
