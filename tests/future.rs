//! Combinators: joins, races and selects over operations, timers, channels, tasks and code.

mod common;

#[path = "future/support.rs"]
mod support;

#[path = "future/joins.rs"]
mod joins;
#[path = "future/operations.rs"]
mod operations;
#[path = "future/property.rs"]
mod property;
#[path = "future/races.rs"]
mod races;
#[path = "future/selects.rs"]
mod selects;
