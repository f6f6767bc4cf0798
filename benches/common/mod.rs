pub mod hops;
pub mod local;
pub mod measure;
pub mod runtimes;
