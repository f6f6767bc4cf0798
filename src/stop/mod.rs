//! Asking code to stop: its operations end early, and it goes on from there.
//!
//! A [`StopSource`] asks, a [`StopToken`] tells. [`with_stop`] makes the code inside of it a
//! *scope*: while its token is asked to stop, operations of the kernel fail with
//! [`ECANCELED`](libc::ECANCELED), and give back what they own. So unlike a task that is cancelled,
//! code that is stopped decides itself how it ends: it may write what it has got, and say goodbye.
//!
//! | in a scope that is stopped | |
//! |---|---|
//! | an operation in the kernel | is told to stop; its result if that came first, else `ECANCELED` |
//! | an operation that has not begun | never begins: `ECANCELED` |
//! | a stream of an operation | gives what the kernel has delivered, then `ECANCELED` at each poll |
//! | a read of what an earlier, dropped one has left | gives it |
//! | a wait behind what somebody else does, such as for the turn at a listener | `ECANCELED` |
//! | a call of [`fs`](crate::fs) or a lookup of a host on a thread for blocking work | is made to its end if it was begun, and gives its result; else `ECANCELED` |
//! | a timer, a channel, a lock, another task | waits on; [`until`](until()) around it ends the wait |
//! | code that computes | is told by [`checkpoint`] and [`StopToken::current`] |
//! | all of it inside [`shield`] | does not notice |
//!
//! [`with_timeout`] and [`with_deadline`] are scopes that stop themselves when their time is up.
//! [`finally`](finally()) runs a clean-up that awaits, however the code before it ends, also when
//! its task is cancelled.

mod current;
mod finally;
mod limit;
mod node;
mod scope;
mod token;
mod until;
mod watch;

pub(crate) use current::{is_scope, is_stopped};
pub use finally::{Finally, finally};
pub use limit::{Limited, WithTimeout, with_deadline, with_timeout};
pub use scope::{Shield, WithStop, shield, with_stop};
pub use token::{StopSource, StopToken, Stopped, UntilStopped};
pub use until::{Until, checkpoint, until};
pub(crate) use watch::{Seen, Watch, cancelled, poll_running, wait_for};
