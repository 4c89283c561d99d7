//! A strict reader of the page: every tag closed in order, every attribute quoted, every entity one
//! of five, every id once.

use std::collections::HashSet;

/// What is wrong with a page first, if anything.
pub(super) fn fault(page: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut ids: HashSet<&str> = HashSet::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>")?;
    while let Some((text, behind)) = rest.split_once('<') {
        if let Some(fault) = text_fault(text).filter(|_| open.last() != Some(&"style")) {
            return Some(fault);
        }
        let (tag, after) = behind.split_once('>')?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (inside, closed) = tag.strip_suffix('/').map_or((tag, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Some(format!("<{tag}>"));
        }
        if let Some(fault) = attributes_fault(attributes, &mut ids) {
            return Some(format!("<{tag}>: {fault}"));
        }
        if !closed {
            open.push(name);
        }
    }
    text_fault(rest).or_else(|| open.pop().map(|name| format!("<{name}> stays open")))
}

fn text_fault(text: &str) -> Option<String> {
    let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    let stray = text.split('&').skip(1).find(|after| known.iter().all(|entity| !after.starts_with(entity)));
    stray.map(|after| format!("&{after}")).or_else(|| text.contains('>').then(|| format!("a stray > in {text}")))
}

fn attributes_fault<'a>(attributes: &'a str, ids: &mut HashSet<&'a str>) -> Option<String> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let Some((name, quoted)) = rest.split_once("=\"") else {
            return Some(format!("{rest} has no quotes"));
        };
        let Some((value, after)) = quoted.split_once('"') else {
            return Some(format!("{name} is not closed"));
        };
        if name == "id" && !ids.insert(value) {
            return Some(format!("id {value} twice"));
        }
        if let Some(fault) = text_fault(value) {
            return Some(fault);
        }
        rest = after.trim_start();
    }
    None
}
