//! The functions of `glue.js`: the runtime's own objects, with whole heads as single texts.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::Promise;
use worker::worker_sys::web_sys::{Headers, Response};

#[wasm_bindgen(module = "/glue.js")]
extern "C" {
    /// The headers of an answer, each a line.
    #[wasm_bindgen(js_name = answerHead)]
    pub fn answer_head(answer: &Response) -> String;
    /// The head of an answer that was kept, if it was one.
    #[wasm_bindgen(js_name = keptHead)]
    pub fn kept_head(answer: &Response) -> Option<String>;
    /// Headers, from lines.
    #[wasm_bindgen(catch)]
    pub fn headers(lines: &str) -> Result<Headers, JsValue>;
    /// An answer, from its status, its headers' lines and its body: a stream, bytes or null.
    #[wasm_bindgen(catch)]
    pub fn answer(status: u16, lines: &str, body: &JsValue) -> Result<Response, JsValue>;
    /// The answer to an upgrade that the coordinator accepted: a socket between the two.
    #[wasm_bindgen(catch)]
    pub fn joined(upstream: &Response, lines: &str) -> Result<Response, JsValue>;
    /// What the platform's cache has under a key: an answer, or undefined.
    #[wasm_bindgen(catch, js_name = match)]
    pub fn cached(key: &str) -> Result<Promise, JsValue>;
    /// Keeps an answer in the platform's cache.
    #[wasm_bindgen(catch)]
    pub fn put(key: &str, answer: &Response) -> Result<Promise, JsValue>;
    /// Asks the object of this name how its repository stands.
    #[wasm_bindgen(catch)]
    pub fn look(objects: &JsValue, object: &str) -> Result<Promise, JsValue>;
}
