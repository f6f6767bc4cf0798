//! Stops from outside: tokens and scopes, and what every kind of operation and stream does in a
//! scope that is stopped.

mod common;
#[path = "stop/finallys.rs"]
mod finallys;
#[path = "stop/limits.rs"]
mod limits;
mod network;
#[path = "stop/operations.rs"]
mod operations;
#[path = "stop/scopes.rs"]
mod scopes;
#[path = "stop/streams.rs"]
mod streams;
#[path = "stop/support.rs"]
mod support;
#[path = "stop/tokens.rs"]
mod tokens;
