//! What a text names in passing — people, other issues — and where that leads.

use super::links::HERE;
use comrak::nodes::{AstNode, NodeLink, NodeValue};
use comrak::{Arena, Node};
use std::borrow::Cow;
use std::ops::Range;

/// Finds what a text names: which bytes, and where they lead. In the order of the text, none in
/// another.
pub type Refer<'a> = dyn Fn(&str) -> Vec<(Range<usize>, String)> + Sync + Send + 'a;

/// Makes links of what the texts of a document name, but not in code and not in other links.
pub(super) fn link<'a>(arena: &'a Arena<'a>, root: Node<'a>, refer: &Refer<'_>) {
    let mut stack = vec![root];
    let mut texts = Vec::new();
    while let Some(node) = stack.pop() {
        match &node.data().value {
            NodeValue::Link(_) | NodeValue::Image(_) => continue,
            NodeValue::Text(_) => texts.push(node),
            _ => {}
        }
        stack.extend(node.children());
    }
    for node in texts {
        let text = match &node.data().value {
            NodeValue::Text(text) => text.to_string(),
            _ => continue,
        };
        let found = refer(&text);
        if found.is_empty() {
            continue;
        }
        let put = |value: NodeValue| {
            let new: Node<'a> = arena.alloc(AstNode::from(value));
            new
        };
        let plain = |text: &str| put(NodeValue::Text(Cow::Owned(text.to_owned())));
        let mut from = 0;
        for (at, url) in found {
            let (Some(before), Some(name)) = (text.get(from..at.start), text.get(at.clone())) else {
                continue;
            };
            if !before.is_empty() {
                node.insert_before(plain(before));
            }
            let link = put(NodeValue::Link(Box::new(NodeLink {
                url: format!("{HERE}{url}"),
                title: String::new(),
            })));
            link.append(plain(name));
            node.insert_before(link);
            from = at.end;
        }
        match text.get(from..) {
            Some(rest) if !rest.is_empty() => {
                node.data_mut().value = NodeValue::Text(Cow::Owned(rest.to_owned()));
            }
            _ => node.detach(),
        }
    }
}
