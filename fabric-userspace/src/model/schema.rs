//! The document's JSON Schema, made from its types. It refuses unknown fields everywhere and describes each known one.

use super::Document;

/// JSON Schema (2020-12) of the document, for `fabric schema`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Document).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_refuses_unknown_fields_everywhere_and_describes_each_field() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], false);
        let objects = schema["$defs"].as_object().expect("definitions");
        for (name, object) in objects.iter().filter(|(_, object)| object["type"] == "object") {
            assert_eq!(object["additionalProperties"], false, "{name}");
            for (field, property) in object["properties"].as_object().expect("fields") {
                assert!(property["description"].is_string(), "{name}.{field} has no text");
            }
        }
        assert!(objects.contains_key("Attachment") && objects.contains_key("LinkEnd"));
    }
}
