//! What is measured, shared by the benches: `operations` times each row with criterion, `summary`
//! prints them all in one table.

pub mod channels;
pub mod echo;
pub mod files;
pub mod floors;
pub mod hops;
pub mod local;
pub mod measure;
pub mod rows;
pub mod runtimes;
