//! What this machine has for the page: Node.js, the page's packages, Chromium.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The page needs at least this Node.js.
const NODE_MAJOR_MIN: u32 = 20;
const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A machine that can run the page.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) node: PathBuf,
    pub(crate) chromium: PathBuf,
    npm: PathBuf,
}

impl Machine {
    /// The machine, with the page's packages installed; `None`, said aloud, where it lacks something.
    pub(crate) fn for_test(what: &str) -> Option<Self> {
        match Self::find() {
            Ok(machine) => {
                machine.install_packages();
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
        let mut npm = Command::new(&self.npm);
        npm.args(arguments).current_dir(page());
        npm
    }

    fn find() -> Result<Self, String> {
        let node = on_path(&["node", "nodejs"]).ok_or("Node.js is missing: install it, version 20 or newer")?;
        let version = Command::new(&node).arg("--version").output().map_err(|error| format!("node: {error}"))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let major = version.trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
        if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
            return Err(format!("Node.js {version} is too old: version {NODE_MAJOR_MIN} or newer is needed"));
        }
        let npm = on_path(&["npm"]).ok_or("npm is missing: it comes with Node.js")?;
        let named = env::var_os("CHROMIUM").map(PathBuf::from);
        let chromium = named.or_else(|| on_path(&CHROMIUM_NAMES)).ok_or("Chromium is missing: install it")?;
        Ok(Self { node, chromium, npm })
    }

    /// `npm ci`, where the packages are missing or older than what the lock file lists.
    fn install_packages(&self) {
        static INSTALLING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = INSTALLING.lock().unwrap();
        let changed = |path: &str| page().join(path).metadata().and_then(|metadata| metadata.modified()).ok();
        if changed("node_modules/.package-lock.json") < changed("package-lock.json") {
            run(&mut self.npm(&["ci", "--no-audit", "--no-fund"]));
        }
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

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut files = names.iter().flat_map(|name| env::split_paths(&folders).map(move |folder| folder.join(name)));
    files.find(|file| file.is_file())
}
