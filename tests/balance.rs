//! Rings that have too much to do give tasks to rings that have nothing.

#[path = "balance/moving.rs"]
mod moving;
#[path = "balance/placing.rs"]
mod placing;
#[path = "balance/staying.rs"]
mod staying;

#[path = "balance/watching.rs"]
mod watching;

mod common;
