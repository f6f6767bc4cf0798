//! Servers: which ring gets a connection, what becomes of it, and how they end.

mod common;
#[path = "serve/ending.rs"]
mod ending;
#[path = "serve/failures.rs"]
mod failures;
#[path = "serve/full_rate.rs"]
mod full_rate;
#[path = "serve/limit.rs"]
mod limited;
mod network;
#[path = "serve/spread.rs"]
mod spread;
#[path = "serve/support.rs"]
mod support;
