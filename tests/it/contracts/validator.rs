//! A small validator: the part of JSON Schema that `contracts/` uses. What it does not know, it does not let pass.

use serde_json::{Map, Value};

use super::pattern;

/// A schema; references lead into its root.
pub(super) struct Schema<'s> {
    pub(super) root: &'s Value,
}

impl Schema<'_> {
    /// Everything that is wrong.
    pub(super) fn check(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        for (keyword, says) in schema.as_object().expect("a schema is an object") {
            match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" => {}
                "$ref" => wrong.extend(self.check(self.definition(says), value)),
                "oneOf" => {
                    let fit = says.as_array().unwrap().iter().filter(|each| self.check(each, value).is_empty()).count();
                    note(&mut wrong, fit == 1, || format!("{value} fits {fit} of oneOf"));
                }
                "type" => note(&mut wrong, is_of(says, value), || format!("{value} is not of type {says}")),
                "const" => note(&mut wrong, says == value, || format!("{value} is not {says}")),
                "enum" => note(&mut wrong, says.as_array().unwrap().contains(value), || format!("{value} is none of {says}")),
                "pattern" => {
                    let fits = value.as_str().is_none_or(|text| pattern::matches(says.as_str().unwrap(), text));
                    note(&mut wrong, fits, || format!("{value} does not match {says}"));
                }
                "minimum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                    let bound = says.as_f64().unwrap();
                    let fits = value.as_f64().is_none_or(|number| match keyword.as_str() {
                        "minimum" => number >= bound,
                        "exclusiveMinimum" => number > bound,
                        _ => number < bound,
                    });
                    note(&mut wrong, fits, || format!("{value} is beyond {keyword} {says}"));
                }
                "if" => {
                    let branch = if self.check(says, value).is_empty() { "then" } else { "else" };
                    wrong.extend(schema.get(branch).map(|then| self.check(then, value)).unwrap_or_default());
                }
                "then" | "else" => {}
                "prefixItems" | "items" | "minItems" => {
                    if let Some(array) = value.as_array() {
                        wrong.extend(self.check_items(keyword, says, schema, array));
                    }
                }
                "required" | "properties" | "additionalProperties" => {
                    if let Some(object) = value.as_object() {
                        wrong.extend(self.check_members(keyword, says, schema, object));
                    }
                }
                other => panic!("the validator does not know the keyword {other}"),
            }
        }
        wrong
    }

    fn check_items(&self, keyword: &str, says: &Value, schema: &Value, array: &[Value]) -> Vec<String> {
        let named = schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
        match keyword {
            "prefixItems" => says.as_array().unwrap().iter().zip(array).flat_map(|(each, item)| self.check(each, item)).collect(),
            "minItems" if (array.len() as u64) < says.as_u64().unwrap() => vec![format!("{array:?} has fewer than {says} items")],
            "items" if *says == Value::Bool(false) => {
                array.iter().skip(named).map(|item| format!("{item} is one item too many")).collect()
            }
            "items" => array.iter().skip(named).flat_map(|item| self.check(says, item)).collect(),
            _ => Vec::new(),
        }
    }

    fn check_members(&self, keyword: &str, says: &Value, schema: &Value, object: &Map<String, Value>) -> Vec<String> {
        match keyword {
            "required" => {
                let names = says.as_array().unwrap().iter().filter_map(Value::as_str);
                names.filter(|name| !object.contains_key(*name)).map(|name| format!("{name} is missing")).collect()
            }
            "properties" => {
                let members = says.as_object().unwrap().iter();
                let present = members.filter_map(|(name, each)| object.get(name).map(|member| (name, each, member)));
                present
                    .flat_map(|(name, each, member)| {
                        self.check(each, member).into_iter().map(move |wrong| format!("{name}: {wrong}"))
                    })
                    .collect()
            }
            _ if *says == Value::Bool(false) => {
                let known = schema["properties"].as_object().unwrap();
                object.keys().filter(|name| !known.contains_key(*name)).map(|name| format!("{name} is not known")).collect()
            }
            _ => Vec::new(),
        }
    }

    fn definition(&self, reference: &Value) -> &Value {
        let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a reference into $defs");
        self.root.get("$defs").and_then(|all| all.get(name)).unwrap_or_else(|| panic!("no definition {name}"))
    }
}

fn note(wrong: &mut Vec<String>, fits: bool, what: impl FnOnce() -> String) {
    if !fits {
        wrong.push(what());
    }
}

fn is_of(types: &Value, value: &Value) -> bool {
    let one = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    };
    match types {
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(one),
        _ => one(types.as_str().expect("a type is a name")),
    }
}
