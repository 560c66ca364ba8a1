//! Writes the JavaScript around the worker's WebAssembly. It is wasm-bindgen's own library with the
//! switches that the worker needs: the program `wasm-bindgen` brings a test runner with a web server
//! and takes several times as long to compile.
//!
//! usage: plue-edge-bindgen INPUT.wasm FOLDER, which gets `index.js` and `index_bg.wasm`.

use anyhow::Context;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: plue-edge-bindgen INPUT.wasm FOLDER";
    let input = arguments.next().context(usage)?;
    let folder = arguments.next().context(usage)?;
    Bindgen::new()
        .input_path(input)
        .out_name("index")
        // An ES module that imports its WebAssembly as a compiled module.
        .module(true)?
        .typescript(false)
        // What the shim calls when an instance is beyond use after a panic.
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .generate(folder)
}
