//! The doors, asked in this process and over sockets, before a real forge on SQLite and a folder.

// A test that meets what it did not expect ends there.
#![allow(clippy::unwrap_used)]

mod access;
mod admin;
mod answers;
mod browser;
mod cases;
mod conformance;
mod git;
mod github;
mod internal;
mod issues;
mod jar;
mod notifications;
mod oauth;
mod organisations;
mod pages;
mod repo;
mod roles;
mod stars;
mod wallets;
mod world;
