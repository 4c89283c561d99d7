//! Patterns as far as `contracts/` uses them: anchors, classes, groups, `|`, `?`, `*`, `+`, `{m,n}`.

enum Node {
    Start,
    End,
    Class { ranges: Vec<(char, char)>, negated: bool },
    Either(Vec<Node>),
    Sequence(Vec<(Node, usize, usize)>),
}

type Rest<'p> = std::iter::Peekable<std::str::Chars<'p>>;

/// Whether the pattern is found in the text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let node = either(&mut pattern.chars().peekable());
    let text: Vec<char> = text.chars().collect();
    (0..=text.len()).any(|at| fits(&node, &text, at, &mut |_| true))
}

fn either(rest: &mut Rest<'_>) -> Node {
    let mut all = vec![sequence(rest)];
    while rest.next_if_eq(&'|').is_some() {
        all.push(sequence(rest));
    }
    Node::Either(all)
}

fn sequence(rest: &mut Rest<'_>) -> Node {
    let mut all = Vec::new();
    while let Some(next) = rest.next_if(|next| !matches!(next, '|' | ')')) {
        let node = match next {
            '^' => Node::Start,
            '$' => Node::End,
            '(' => {
                let inner = either(rest);
                assert_eq!(rest.next(), Some(')'), "a group is closed");
                inner
            }
            '[' => class(rest),
            '.' => panic!("a point alone is not known"),
            other => single(literal(other, rest)),
        };
        let (least, most) = times(rest);
        all.push((node, least, most));
    }
    Node::Sequence(all)
}

fn single(one: char) -> Node {
    Node::Class { ranges: vec![(one, one)], negated: false }
}

fn literal(first: char, rest: &mut Rest<'_>) -> char {
    if first != '\\' {
        return first;
    }
    match rest.next().expect("something is escaped") {
        'u' => {
            let digits: String = rest.by_ref().take(4).collect();
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).expect("four digits of hex")
        }
        other if other.is_ascii_alphanumeric() => panic!("the escape {other} is not known"),
        other => other,
    }
}

fn class(rest: &mut Rest<'_>) -> Node {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let next = rest.next().expect("a class is closed");
        if next == ']' {
            return Node::Class { ranges, negated };
        }
        let from = literal(next, rest);
        let mut ahead = rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.peek().is_some_and(|end| *end != ']');
        if !is_range {
            ranges.push((from, from));
            continue;
        }
        rest.next();
        let end = rest.next().expect("a range has an end");
        ranges.push((from, literal(end, rest)));
    }
}

fn times(rest: &mut Rest<'_>) -> (usize, usize) {
    match rest.next_if(|next| matches!(next, '?' | '*' | '+' | '{')) {
        None => (1, 1),
        Some('?') => (0, 1),
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some(_) => {
            let inner: String = rest.by_ref().take_while(|next| *next != '}').collect();
            let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
            (least.parse().expect("a number"), most.parse().expect("a number"))
        }
    }
}

fn fits(node: &Node, text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    match node {
        Node::Start => at == 0 && then(at),
        Node::End => at == text.len() && then(at),
        Node::Class { ranges, negated } => {
            let inside = |one: &char| ranges.iter().any(|(from, to)| (from..=to).contains(&one)) != *negated;
            text.get(at).is_some_and(inside) && then(at + 1)
        }
        Node::Either(all) => all.iter().any(|each| fits(each, text, at, then)),
        Node::Sequence(all) => in_order(all, text, at, then),
    }
}

fn in_order(all: &[(Node, usize, usize)], text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    match all.split_first() {
        None => then(at),
        Some((first, others)) => again(first, others, text, at, 0, then),
    }
}

fn again(
    first: &(Node, usize, usize),
    others: &[(Node, usize, usize)],
    text: &[char],
    at: usize,
    done: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let (node, least, most) = first;
    let more = done < *most && fits(node, text, at, &mut |next| again(first, others, text, next, done + 1, &mut *then));
    more || done >= *least && in_order(others, text, at, then)
}

#[test]
fn patterns_mean_what_they_say() {
    for (pattern, yes, no) in [
        (r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$", &["0", "-12.05", "10", "0.1"][..], &["01", "1.10", "1e3", "", "."][..]),
        (r"^[^\u0000-\u001f:]{1,3}$", &["a", "abc"], &["", "abcd", "a\u{7}", "a:"]),
        (r"^[0-9]{2}([Zz]|[+-][0-9]{2})$", &["12Z", "12+01"], &["12", "12+1", "x12Z"]),
    ] {
        for text in yes {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for text in no {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
