//! Streaming: buffered readers and writers, copies, and code of others that runs over them.

#[path = "io/buffered.rs"]
mod buffered;
mod common;
#[path = "io/copying.rs"]
mod copying;
#[cfg(feature = "futures-io")]
#[path = "io/futures_traits.rs"]
mod futures_traits;
#[cfg(feature = "tokio")]
#[path = "io/http.rs"]
mod http;
mod network;
#[path = "io/random.rs"]
mod random;
#[path = "io/support.rs"]
mod support;
#[cfg(feature = "tokio")]
#[path = "io/tokio_traits.rs"]
mod tokio_traits;
#[path = "io/writing.rs"]
mod writing;
