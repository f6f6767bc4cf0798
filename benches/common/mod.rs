//! What is measured, shared by the benches: `operations` times each row with criterion, `summary`
//! prints them all in one table.

pub(crate) mod balance;
pub(crate) mod channels;
pub(crate) mod echo;
pub(crate) mod echo_multishot;
pub(crate) mod files;
pub(crate) mod floors;
pub(crate) mod hops;
pub(crate) mod io_rows;
pub(crate) mod local;
pub(crate) mod measure;
pub(crate) mod random_reads;
pub(crate) mod rows;
pub(crate) mod runtimes;
pub(crate) mod sends;
pub(crate) mod sync;
