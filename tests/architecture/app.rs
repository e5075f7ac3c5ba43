//! The page's code imports in one direction: ui, api → state → components → pages → app.

use crate::tree::{Finding, Tree, assert_caught, assert_kept, is_kind, line_of};

const SOURCES: &str = "web-ui/app/src/";

/// A layer of the app and the layers that it may import, itself aside.
const LAYERS: [(&str, &[&str]); 6] = [
    ("ui", &[]),
    ("api", &[]),
    ("state", &["api"]),
    ("components", &["ui", "api", "state"]),
    ("pages", &["ui", "api", "state", "components"]),
    ("app", &["ui", "api", "state", "components", "pages"]),
];

fn the_app_imports_inwards(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with(SOURCES)) {
        if !(is_kind(path, "ts") || is_kind(path, "tsx")) {
            continue;
        }
        let from = layer(path);
        let Some((_, may_import)) = LAYERS.iter().find(|(name, _)| *name == from) else {
            let sentence = format!("`{from}` is no layer of the app");
            findings.push(Finding { file: path.to_owned(), line: 1, sentence });
            continue;
        };
        for (line, target) in imports(text).filter_map(|(line, import)| Some((line, resolve(path, import)?))) {
            let to = layer(&target);
            if to != from && !may_import.contains(&to) {
                let sentence = format!("`{from}` imports `{to}`; it may import {may_import:?}");
                findings.push(Finding { file: path.to_owned(), line, sentence });
            }
        }
    }
    findings
}

/// What a peer wrote becomes text nodes; the page never makes markup or code out of a string.
fn the_app_makes_no_markup_from_text(tree: &Tree) -> Vec<Finding> {
    const BANNED: [&str; 7] = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "dangerouslySetInnerHTML",
        "document.write",
        "eval(",
        "new Function",
    ];
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with(SOURCES)) {
        for word in BANNED.into_iter().filter(|word| text.contains(word)) {
            let sentence = format!("`{word}` makes markup or code out of a string");
            findings.push(Finding { file: path.to_owned(), line: line_of(text, word), sentence });
        }
    }
    findings
}

/// The first folder below `src`; a file that stands there itself belongs to `app`, the outermost.
fn layer(path: &str) -> &str {
    path.strip_prefix(SOURCES).and_then(|rest| rest.split_once('/')).map_or("app", |(folder, _)| folder)
}

/// What each line imports, whether by `from "…"`, `import "…"` or `import("…")`.
fn imports(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let marks = ["from \"", "from '", "import \"", "import '", "import(\"", "import('"];
        marks.into_iter().filter_map(move |mark| {
            let rest = line.split_once(mark)?.1;
            Some((index + 1, rest.split(['"', '\'']).next()?))
        })
    })
}

/// The path of an import of our own; `None` for a package.
fn resolve(file: &str, import: &str) -> Option<String> {
    if let Some(rest) = import.strip_prefix("@/").or_else(|| import.strip_prefix("~/")) {
        return Some(format!("{SOURCES}{rest}"));
    }
    if !import.starts_with('.') {
        return None;
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn the_page_imports_in_one_direction() {
    assert_kept(&the_app_imports_inwards(&Tree::repository()));
}

#[test]
fn an_import_outwards_is_caught() {
    let tree = Tree::sample(&[
        ("web-ui/app/src/api/client.ts", "import { model } from \"../state/model\";"),
        ("web-ui/app/src/components/bubble.tsx", "import { Button } from '../ui/button';\nimport './bubble.css';"),
        ("web-ui/app/src/main.tsx", "import { App } from \"./app/app\";"),
        ("web-ui/app/src/pages/chat.tsx", "const late = await import(\"@/app/router\");"),
        ("web-ui/app/src/stuff/x.ts", "import y from \"preact\";"),
        ("web-ui/app/src/ui/avatar.tsx", "import type {\n  Contact,\n} from \"../api/types\";"),
    ]);
    let expected = [
        "web-ui/app/src/api/client.ts",
        "web-ui/app/src/pages/chat.tsx",
        "web-ui/app/src/stuff/x.ts",
        "web-ui/app/src/ui/avatar.tsx",
    ];
    assert_caught(&the_app_imports_inwards(&tree), &expected);
}

#[test]
fn the_page_makes_no_markup_from_text() {
    assert_kept(&the_app_makes_no_markup_from_text(&Tree::repository()));
}

#[test]
fn markup_from_text_is_caught() {
    let tree = Tree::sample(&[
        ("web-ui/app/src/ui/RichText.tsx", "node.innerHTML = text;"),
        ("web-ui/app/src/ui/Quote.tsx", "node.textContent = text;"),
    ]);
    assert_caught(&the_app_makes_no_markup_from_text(&tree), &["web-ui/app/src/ui/RichText.tsx"]);
}
