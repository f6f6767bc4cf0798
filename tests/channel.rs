//! The channel from outside: one file a subject, each test a situation.

mod common;
#[path = "channel/support.rs"]
mod support;

#[path = "channel/basics.rs"]
mod basics;
#[path = "channel/broadcast.rs"]
mod broadcast;
#[path = "channel/closing.rs"]
mod closing;
#[path = "channel/dropping.rs"]
mod dropping;
#[path = "channel/oneshot.rs"]
mod oneshot;
#[path = "channel/random.rs"]
mod random;
#[path = "channel/threads.rs"]
mod threads;
#[path = "channel/waiting.rs"]
mod waiting;
#[path = "channel/wakers.rs"]
mod wakers;
#[path = "channel/watch.rs"]
mod watch;
