//! The form of events, for programs that are told of them.

use super::cached;
use super::failure::Failure;
use super::site::Site;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use plue_contract::events::{self, Event, Topic};
use serde_json::{Map, Value, json};

/// Where in the document of AsyncAPI the definitions of the schema stand.
const SCHEMAS: &str = "#/components/schemas/";

/// Answers the form of all events as JSON Schema (2020-12).
#[utoipa::path(get, path = "/api/events/schema.json", tag = "events", responses((status = 200)))]
pub async fn schema(headers: HeaderMap) -> Result<Response, Failure> {
    cached::json(&headers, &events::schema())
}

/// Answers what is told of events, and how, as AsyncAPI.
#[utoipa::path(get, path = "/api/events/asyncapi.json", tag = "events", responses((status = 200)))]
pub async fn asyncapi(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Failure> {
    cached::json(&headers, &description(&site.addresses.http))
}

/// Turns references within a schema into those within the document around it.
fn lead_elsewhere(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let (true, Some(to)) = (name == "$ref", member.as_str()) {
                    *member = json!(to.replace("#/$defs/", SCHEMAS));
                } else {
                    lead_elsewhere(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lead_elsewhere),
        _ => {}
    }
}

fn description(origin: &str) -> Value {
    let mut schema = events::schema();
    lead_elsewhere(&mut schema);
    let mut schemas = match schema.as_object_mut().and_then(|schema| schema.remove("$defs")) {
        Some(Value::Object(defined)) => defined,
        _ => Map::new(),
    };
    schemas.insert("Envelope".to_owned(), schema);
    let mut messages = Map::new();
    for (kind, topic) in Event::KINDS {
        let message = json!({
            "name": kind,
            "contentType": "application/json",
            "tags": [{ "name": topic.as_str() }],
            "headers": {
                "type": "object",
                "properties": {
                    "X-Wit-Event": { "const": topic.as_str() },
                    "X-Wit-Delivery": { "type": "string", "format": "uuid" },
                    "X-Wit-Signature-256": { "type": "string", "pattern": "^sha256=[0-9a-f]{64}$" },
                    "X-GitHub-Event": { "const": topic.github() },
                    "X-GitHub-Delivery": { "type": "string", "format": "uuid" },
                    "X-Hub-Signature-256": { "type": "string", "pattern": "^sha256=[0-9a-f]{64}$" },
                    "X-Plue-Event": { "const": kind },
                },
            },
            "payload": {
                "allOf": [
                    { "$ref": format!("{SCHEMAS}Envelope") },
                    { "properties": { "type": { "const": kind } } },
                ],
            },
        });
        messages.insert((*kind).to_owned(), message);
    }
    let named: Map<String, Value> = messages
        .keys()
        .map(|kind| {
            (
                kind.clone(),
                json!({ "$ref": format!("#/components/messages/{kind}") }),
            )
        })
        .collect();
    let topics: Vec<&str> = Topic::choosable().map(Topic::as_str).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Plue",
            "version": events::VERSION.to_string(),
            "description": format!(
                "What happens in repositories, told to webhooks by POST and as a stream. Topics to choose from: {}.",
                topics.join(", ")
            ),
        },
        "servers": { "site": { "host": origin.split("://").nth(1).unwrap_or(origin), "protocol": "http" } },
        "defaultContentType": "application/json",
        "channels": {
            "webhook": {
                "address": null,
                "description": "The address of a webhook.",
                "messages": &named,
            },
            "stream": {
                "address": "/api/events",
                "description": "Server-sent events; the same envelopes, without headers.",
                "messages": named,
            },
        },
        "operations": {
            "tell": { "action": "send", "channel": { "$ref": "#/channels/webhook" } },
            "stream": { "action": "send", "channel": { "$ref": "#/channels/stream" } },
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference of a document.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for document in [events::schema(), description("https://plue.test")] {
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(found.len() > 20, "{document}");
            for to in found {
                let pointer = to.strip_prefix('#').expect("a reference within the document");
                assert!(document.pointer(pointer).is_some(), "{to}");
            }
        }
    }

    #[test]
    fn every_kind_of_event_is_described() {
        let schema = events::schema().to_string();
        let document = description("https://plue.test");
        for (kind, _) in Event::KINDS {
            assert!(schema.contains(&format!("\"{kind}\"")), "{kind}");
            assert_eq!(document["components"]["messages"][kind]["name"], *kind);
        }
    }
}
