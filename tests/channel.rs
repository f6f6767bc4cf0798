//! The channel from outside: one file a subject, each test a situation.

mod common;
#[path = "channel/support.rs"]
mod support;

#[path = "channel/basics.rs"]
mod basics;
#[path = "channel/closing.rs"]
mod closing;
#[path = "channel/dropping.rs"]
mod dropping;
#[path = "channel/model.rs"]
mod model;
#[path = "channel/oneshot.rs"]
mod oneshot;
#[path = "channel/permits.rs"]
mod permits;
#[path = "channel/random.rs"]
mod random;
#[path = "channel/rings.rs"]
mod rings;
#[path = "channel/selecting.rs"]
mod selecting;
#[path = "channel/threads.rs"]
mod threads;
#[path = "channel/unbounded.rs"]
mod unbounded;
#[path = "channel/waiting.rs"]
mod waiting;
#[path = "channel/wakers.rs"]
mod wakers;
#[path = "channel/watch.rs"]
mod watch;
#[path = "channel/weak.rs"]
mod weak;
