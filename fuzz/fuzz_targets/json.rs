//! The scanner takes exactly the objects that strict JSON has, down to its greatest depth.
#![no_main]

/// The decoder alone: the package it is in links C libraries, which do not build with a sanitizer.
#[allow(dead_code, reason = "each target uses its part")]
#[path = "../../src/sources"]
mod sources {
    pub mod json;
}
mod strict;

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use sources::json::{self, DEPTH_MAX, Kind};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut keys = BTreeSet::new();
    let mut members = Vec::new();
    let ours = json::object(text, |key, value| {
        members.push((key.to_owned(), value));
        keys.insert(key.to_owned())
    });
    let theirs = strict::depth(text);
    let is_object = text.trim_start_matches([' ', '\n', '\t', '\r']).starts_with('{');
    let wanted = is_object && theirs.is_some_and(|depth| depth <= DEPTH_MAX);
    assert_eq!(ours.is_ok(), wanted, "{ours:?}, strict JSON nests {theirs:?}: {text}");
    if ours.is_err() {
        return;
    }
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else { return };
    assert_eq!(object.len(), members.len());
    for (key, value) in &members {
        let other = &object[key];
        if let Some(string) = value.string() {
            assert_eq!(Some(string.as_ref()), other.as_str());
        }
        let same = match value.kind {
            Kind::Plain | Kind::Unescaped | Kind::Escaped => other.is_string(),
            Kind::Number => other.is_number(),
            Kind::Bool => other.is_boolean(),
            Kind::Null => other.is_null(),
            Kind::Object => other.is_object(),
            Kind::Array => other.is_array(),
        };
        assert!(same, "{value:?} is {other}");
        let mut form = Vec::new();
        json::canonical(*value, &mut form);
    }
});
