//! The API's document, as far as a test needs it: the operations, and whether an answer is as it says.

use serde_json::{Map, Value};

/// The document.
#[derive(Debug)]
pub(crate) struct Document {
    whole: Value,
    operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) parameters: Vec<Parameter>,
    /// The media type of its body, and the schema.
    pub(crate) body: Option<(String, Value)>,
    answers: Map<String, Value>,
}

/// What a path, a query or a header carries.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) schema: Value,
}

impl Document {
    pub(crate) fn new(whole: Value) -> Self {
        let mut operations = Vec::new();
        for (path, methods) in whole["paths"].as_object().unwrap() {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
                let Some(described) = methods.get(method.to_lowercase()) else { continue };
                let parameters = described["parameters"].as_array().into_iter().flatten();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let content = described["requestBody"]["content"].as_object();
                operations.push(Operation {
                    method,
                    path: path.clone(),
                    parameters: parameters
                        .map(|one| Parameter {
                            name: text(&one["name"]),
                            place: text(&one["in"]),
                            schema: one["schema"].clone(),
                        })
                        .collect(),
                    body: content
                        .and_then(|content| content.iter().next())
                        .map(|(kind, of)| (kind.clone(), of["schema"].clone())),
                    answers: described["responses"].as_object().unwrap().clone(),
                });
            }
        }
        assert!(operations.len() > 20, "the document describes next to nothing");
        Self { whole, operations }
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What a schema stands for, where it names another.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(reference) = schema["$ref"].as_str() else { return schema };
        self.whole.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} is nowhere"))
    }

    /// Where a value is not as its schema says; `None` where it is.
    pub(crate) fn differs(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolved(schema);
        if let Some(all) = schema["allOf"].as_array() {
            return all.iter().find_map(|one| self.differs(one, value));
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(some) = schema[choice].as_array() {
                let fits = some.iter().any(|one| self.differs(one, value).is_none());
                return (!fits).then(|| format!("{value} is none of {}", schema[choice]));
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            return (!values.contains(value)).then(|| format!("{value} is not of {values:?}"));
        }
        let kinds = kinds(schema);
        if !kinds.is_empty() && !kinds.iter().any(|kind| is_of_kind(value, kind)) {
            return Some(format!("{value} is no {kinds:?}"));
        }
        match value {
            Value::Array(items) => {
                let of = schema.get("items")?;
                items.iter().find_map(|item| self.differs(of, item))
            }
            Value::Object(members) => self.members_differ(schema, members),
            Value::Number(number) => {
                let least = schema["minimum"].as_i64()?;
                number.as_i64().is_some_and(|number| number < least).then(|| format!("{number} is less than {least}"))
            }
            _ => None,
        }
    }

    fn members_differ(&self, schema: &Value, members: &Map<String, Value>) -> Option<String> {
        let required = schema["required"].as_array().into_iter().flatten();
        let missing = required.filter_map(Value::as_str).find(|name| !members.contains_key(*name));
        if let Some(name) = missing {
            return Some(format!("{name} is missing"));
        }
        members.iter().find_map(|(name, member)| match schema["properties"].get(name) {
            Some(of) => self.differs(of, member).map(|how| format!("{name}: {how}")),
            None => (schema["additionalProperties"] == false).then(|| format!("{name} is not described")),
        })
    }
}

impl Operation {
    /// The schema of an answer with this status; `None` where the document knows no such answer.
    pub(crate) fn answer(&self, status: u16) -> Option<&Value> {
        static NOTHING: Value = Value::Null;
        let answer = self.answers.get(&status.to_string())?;
        Some(answer.pointer("/content/application~1json/schema").unwrap_or(&NOTHING))
    }
}

/// The types that a schema allows, by name.
pub(crate) fn kinds(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a schema has the type {other}"),
    }
}
