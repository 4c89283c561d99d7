//! The JSON Schema of a programme, for editors that complete and check YAML while it is written.
//!
//! It follows the same table as the reader (`table`). The reader knows more: order of tiers, names
//! of time zones, what stands twice.

mod json;
pub(crate) mod shape;
pub(crate) mod table;

use json::Json;
use shape::{Absent, Key, Kind, Shape};

use crate::money::Decimal;
use crate::programme::Factor;

/// A JSON Schema (draft 2020-12) of one file of a programme, in the form it is kept beside the
/// default programme.
///
/// A file of a folder may hold some of the keys only, so none of the top level is required.
#[must_use]
pub fn json_schema() -> String {
    let mut members = vec![
        ("$schema".to_owned(), text("https://json-schema.org/draft/2020-12/schema")),
        ("title".to_owned(), text("Tidemark programme")),
    ];
    members.extend(section(&table::ROOT, false));
    let mut out = String::new();
    Json::Object(members).write(&mut out, 0);
    out.push('\n');
    out
}

type Members = Vec<(String, Json)>;

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn raw(value: impl ToString) -> Json {
    Json::Raw(value.to_string())
}

fn section(shape: &Shape, required: bool) -> Members {
    let mut members = vec![member("description", text(shape.about)), member("type", text("object"))];
    let names: Vec<Json> =
        shape.keys.iter().filter(|key| required && key.absent == Absent::Required).map(|key| text(key.name)).collect();
    if !names.is_empty() {
        members.push(member("required", Json::List(names)));
    }
    members.push(member("additionalProperties", raw(false)));
    members.push(member("properties", Json::Object(shape.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect())));
    members
}

fn property(key: &Key) -> Json {
    let mut members = value(&key.kind);
    members.retain(|(name, _)| name != "description");
    members.insert(0, member("description", text(key.about)));
    if let Absent::Default(json) = key.absent {
        members.push(member("default", raw(json)));
    }
    Json::Object(members)
}

/// What may stand in a place.
fn value(kind: &Kind) -> Members {
    match kind {
        Kind::Factor { min, max } => {
            let bounds = vec![member("minimum", raw(Factor(*min).decimal())), member("maximum", raw(Factor(*max).decimal()))];
            number("^0*[0-9]{1,4}([.][0-9]{1,4}0*)?$", bounds)
        }
        Kind::Amount => number("^[0-9]{1,15}([.][0-9]{1,6}0*)?$", vec![member("minimum", raw(0))]),
        Kind::Price => number("^[0-9]{1,15}([.][0-9]{1,18})?$", vec![member("exclusiveMinimum", raw(Decimal::ZERO))]),
        Kind::Whole { min, max } => {
            let plain = vec![member("type", text("integer")), member("minimum", raw(min)), member("maximum", raw(max))];
            either("^[0-9]{1,16}$", plain)
        }
        Kind::Duration { .. } => string(&[("pattern", "^[0-9]{1,15}(ms|s|m|h|d)$")]),
        Kind::Instant => string(&[("format", "date-time")]),
        Kind::Zone => string(&[("pattern", "^[A-Za-z0-9_+/-]+$")]),
        Kind::Currency => string(&[("pattern", "^[^:\\s]{1,256}$")]),
        Kind::Name => name("^[^\\s](.*[^\\s])?$"),
        Kind::Brand => name("^([^:\\s*]|[^:\\s][^:]*[^:\\s])$"),
        Kind::Remark => name("^.*$"),
        Kind::Choice { words, .. } => vec![member("enum", Json::List(words.iter().map(|word| text(word)).collect()))],
        Kind::List(of) => {
            vec![member("type", text("array")), member("uniqueItems", raw(true)), member("items", Json::Object(value(of)))]
        }
        Kind::Sections { of, min, max, .. } => vec![
            member("type", text("array")),
            member("minItems", raw(min)),
            member("maxItems", raw(max)),
            member("items", Json::Object(section(of, true))),
        ],
        Kind::Values(of) => {
            vec![member("type", text("object")), member("additionalProperties", Json::Object(value(of)))]
        }
        Kind::Named { of, names } => vec![
            member("type", text("object")),
            member("propertyNames", Json::Object(value(names))),
            member("additionalProperties", Json::Object(section(of, true))),
        ],
        Kind::Section(of) => section(of, true),
        Kind::Later { empty_list: true } => vec![member("type", text("array")), member("maxItems", raw(0))],
        Kind::Later { empty_list: false } => vec![member("not", Json::Object(Vec::new()))],
    }
}

fn string(more: &[(&str, &str)]) -> Members {
    let mut members = vec![member("type", text("string"))];
    members.extend(more.iter().map(|(name, of)| member(name, text(of))));
    members
}

/// A name; one that looks like a number is a name too.
fn name(pattern: &str) -> Members {
    vec![
        member("type", Json::List(vec![text("string"), text("number")])),
        member("maxLength", raw(256)),
        member("pattern", text(pattern)),
    ]
}

/// A number, or a string that holds one.
fn number(pattern: &str, bounds: Members) -> Members {
    let mut plain = vec![member("type", text("number"))];
    plain.extend(bounds);
    either(pattern, plain)
}

fn either(pattern: &str, plain: Members) -> Members {
    vec![member("anyOf", Json::List(vec![Json::Object(string(&[("pattern", pattern)])), Json::Object(plain)]))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::source::SourceFile;
    use crate::programme::yaml::{self, Kind as Written, Node};

    fn tree(text: &str) -> Node {
        let (tree, problems) = yaml::read(&SourceFile { name: "schema".to_owned(), text: text.to_owned() });
        assert_eq!(problems, []);
        tree.unwrap()
    }

    fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
        match &node.kind {
            Written::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            Written::Scalar { .. } | Written::List(_) | Written::Refused => None,
        }
    }

    fn same_keys(schema: &Node, shape: &Shape) {
        let properties = child(schema, "properties").unwrap();
        let Written::Map(entries) = &properties.kind else { panic!() };
        let known: Vec<_> = shape.keys.iter().map(|key| key.name).collect();
        assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), known);
        for key in shape.keys {
            let own = child(properties, key.name).unwrap();
            assert!(child(own, "description").is_some(), "{}", key.name);
            match key.kind {
                Kind::Section(of) => same_keys(own, of),
                Kind::Sections { of, .. } => same_keys(child(own, "items").unwrap(), of),
                Kind::Named { of, .. } => same_keys(child(own, "additionalProperties").unwrap(), of),
                _ => {}
            }
        }
    }

    #[test]
    fn the_schema_has_the_keys_of_the_table() {
        same_keys(&tree(&json_schema()), &table::ROOT);
    }

    #[test]
    fn the_schema_beside_the_default_programme_is_this_one() {
        let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../programme/programme.schema.json");
        let kept = std::fs::read_to_string(kept).unwrap();
        assert!(kept == json_schema(), "write the output of json_schema() to programme/programme.schema.json");
    }
}
