//! The decoder never panics, takes nothing that is not strict JSON, and reads the fields that are there.
#![no_main]

/// The decoder alone: the package it is in links C libraries, which do not build with a sanitizer.
#[allow(dead_code, reason = "each target uses its part")]
#[path = "../../src/sources"]
mod sources {
    pub mod decode;
    pub mod json;
}
mod strict;

use libfuzzer_sys::fuzz_target;
use sources::decode::{Scratch, Verdict, decode};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(verdict) = decode(text, &mut Scratch::default()) else { return };
    assert!(strict::depth(text).is_some(), "this is not strict JSON: {text}");
    // Numbers beyond a float's range are JSON all the same, and `Value` does not hold them.
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else { return };
    let Verdict::Event(event) = verdict else { return };
    let stated = |name: &str| object.get(name).and_then(|value| value.as_str());
    assert_eq!(Some(event.id.as_ref()), stated("event_id"));
    assert_eq!(Some(event.source.as_ref()), stated("source"));
    assert_eq!(event.brand.as_ref(), stated("brand_id").unwrap_or("default"));
    assert_eq!(event.player.as_deref(), stated("player_id"));
    assert_eq!(event.occurred_at.is_some(), stated("occurred_at").is_some());
});
