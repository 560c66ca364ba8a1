//! The SSH door as its users meet it: OpenSSH and git on one side, and on the other a backend
//! that runs real git on bare repositories in a temporary folder.

mod coordinator;
mod git;
mod house;
mod identity;
mod limits;
mod memory;
mod program;
mod remote;
mod streams;
