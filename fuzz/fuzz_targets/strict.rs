//! What `serde_json` takes for JSON, with the two things that it lets pass: a key twice, and deep nesting.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::value::RawValue;

/// How deep a text nests, 0 for what is no object and no array; none where it is not strict JSON.
pub fn depth(text: &str) -> Option<u32> {
    let value: &RawValue = serde_json::from_str(text).ok()?;
    depth_of(value)
}

fn depth_of(value: &RawValue) -> Option<u32> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'{' => {
            let Members(members) = serde_json::from_str(text).ok()?;
            inner(members.values().copied())
        }
        b'[' => inner(serde_json::from_str::<Vec<&RawValue>>(text).ok()?.into_iter()),
        b'"' => serde_json::from_str::<String>(text).ok().map(|_| 0),
        _ => Some(0),
    }
}

fn inner<'a>(values: impl Iterator<Item = &'a RawValue>) -> Option<u32> {
    let mut deepest = 0;
    for value in values {
        deepest = deepest.max(depth_of(value)?);
    }
    Some(deepest + 1)
}

/// The members of an object, no key twice.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let (mut members, mut seen) = (BTreeMap::new(), BTreeSet::new());
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    if !seen.insert(key.clone()) {
                        return Err(serde::de::Error::custom("a key twice"));
                    }
                    members.insert(key, value);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
