//! What is read, where, and what is refused.

use super::*;

fn parse(text: &str) -> (Option<Node>, Vec<Problem>) {
    read(&SourceFile { name: "p.yaml".to_owned(), text: text.to_owned() })
}

fn places(text: &str) -> Vec<String> {
    parse(text).1.iter().map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.message)).collect()
}

fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn scalars_stay_text_and_only_plain_ones_are_null_or_boolean() {
    let written = "on: NO\nyes: y\na: ~\nb: \"~\"\nc: 0.10\nd: true\ne: 'true'\nf:\ng: \"\"\n";
    let (tree, problems) = parse(written);
    assert_eq!(problems, []);
    let tree = tree.unwrap();
    let seen: Vec<_> = entries(&tree)
        .iter()
        .map(|entry| match &entry.value.kind {
            Kind::Scalar { text, .. } => (entry.key.as_str(), text.as_str(), entry.value.is_null(), entry.value.boolean()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("on", "NO", false, None),
            ("yes", "y", false, None),
            ("a", "~", true, None),
            ("b", "~", false, None),
            ("c", "0.10", false, None),
            ("d", "true", false, Some(true)),
            ("e", "true", false, None),
            ("f", "", true, None),
            ("g", "", false, None),
        ]
    );
}

#[test]
fn places_count_characters_and_lines_from_one() {
    for text in ["\u{feff}ü: {é: x, b: [1,\n  zwei]}\n", "ü: {é: x, b: [1,\r\n  zwei]}\r\n"] {
        let tree = parse(text).0.unwrap();
        assert_eq!(tree.place, Place { line: 1, column: 1 });
        let inner = &entries(&tree)[0].value;
        assert_eq!(inner.place, Place { line: 1, column: 4 });
        assert_eq!(entries(inner)[1].place, Place { line: 1, column: 11 });
        let Kind::List(items) = &entries(inner)[1].value.kind else { panic!() };
        assert_eq!(items[1].place, Place { line: 2, column: 3 });
    }
}

#[test]
fn what_is_not_read_is_refused_where_it_stands() {
    assert_eq!(places("a: 1\nb: {c: 2, c: 3}\na: 4"), ["2:11 this key stands here twice", "3:1 this key stands here twice"]);
    assert_eq!(places("a: &x 1\nb: *x"), ["1:4 an anchor (`&name`) is not read", "2:4 an alias (`*name`) is not read"]);
    assert_eq!(places("a: !!str 1"), ["1:4 a tag (`!name`) is not read"]);
    assert_eq!(places("a: 1\n---\nb: 2"), ["2:1 a second document begins here"]);
    assert_eq!(places("a: 1\nb: \u{0}"), ["2:4 the character U+0000 may not stand in YAML"]);
    assert_eq!(places("[a]: 1\n: 2\n? {b: c}\n: 3").len(), 3);
    assert_eq!(places(&format!("{}: 1", "k".repeat(257))), ["1:1 this key is too long"]);
    assert_eq!(places(&format!("a: {}", "x".repeat(BYTES_MAX))).len(), 1);
    assert!(places("a: [1, 2\nb: 3")[0].contains("this is not YAML"));
    for empty in ["", "# nothing\n", "\u{feff}", "---\n", "~"] {
        assert_eq!(parse(empty), (None, vec![]), "{empty:?}");
    }
}

#[test]
fn depth_is_bounded() {
    for (open, depth) in [("[", 20_000), ("- ", 20_000), ("? ", 20_000), ("{a: ", 20_000), ("{", 33), ("a:\n", 1)] {
        let (_, problems) = parse(&open.repeat(depth));
        assert!(problems.len() == usize::from(depth > 1), "{open}: {problems:?}");
    }
    let deep = format!("{}1{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    assert_eq!(parse(&deep).1, []);
}
