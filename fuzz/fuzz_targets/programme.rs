//! Any text as a programme: it is read, or all its problems are given, in order and with their places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemark_domain::programme::resolve;
use tidemark_domain::programme::source::SourceFile;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A NUL, which no programme holds, stands between two files.
    let names = ["programme.yaml", "tiers.yaml", "campaigns/spring.yaml"];
    let files: Vec<SourceFile> = names
        .iter()
        .zip(text.split('\0'))
        .map(|(name, text)| SourceFile { name: (*name).to_owned(), text: text.to_owned() })
        .collect();
    if let Err(problems) = resolve::load(&files) {
        assert!(!problems.is_empty());
        assert!(problems.is_sorted());
        assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0 && !problem.message.is_empty()));
    }
});
