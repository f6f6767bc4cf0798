//! Groups and scopes of tasks.

mod common;

#[path = "group/basics.rs"]
mod basics;
#[path = "group/cancelling.rs"]
mod cancelling;
#[path = "group/dropping.rs"]
mod dropping;
#[path = "group/failing.rs"]
mod failing;
#[path = "group/limits.rs"]
mod limits;
#[path = "group/scopes.rs"]
mod scopes;
#[path = "group/support.rs"]
mod support;
