//! Tasks: what `spawn` and its like make, their handles, numbers, names and errors.

// # Who owns what, and who may touch it when
//
// A task is one allocation: a `Header`, and behind it the future, later the
// output. Four kinds of references point to it:
//
// * its **home**, the ring it lives on, as long as it is not complete. Home alone polls, drops and
//   completes it, and home alone touches the header's `home` part, which therefore is plain
//   memory;
// * the **handle**, `Task`: one, or none once it was dropped or detached;
// * **wakers**, any number, on any thread;
// * **nodes** in an inbox: the wake node while the bit `LINKED` is set, the move node while the
//   task is under way to another ring.
//
// # What is touched by whom
//
// | field | by whom, when |
// |---|---|
// | `home`, `story` | the thread of the ring the task lives on; nobody while it is under way or complete, except that home may read `home.complete` for ever |
// | the future | home, in `poll` and `cancel` (for a blocking task: whoever claimed it) |
// | the output | home until `COMPLETE` is set; then the handle, or home if there is no handle |
// | the join waker slot | the handle; home once `COMPLETE` is set, with `JOIN_WAKER` or without a handle |
// | `join.word`, `address` | everybody, atomically |
// | the wake node's link | whoever set `LINKED`, until home clears it |
// | the move node's link | whoever owns the task and sends it |
//
// # Why a task is freed once and not too early
//
// While it is not complete nobody frees it, so nobody needs an exact count. Completing it adds the
// references counted at home to those in the word, in the same step that sets `COMPLETE`. From
// then on the word is the whole truth: a step that leaves it complete, without handle, link and
// count frees the task, and every such step is a read-modify-write, so exactly one does. (The one
// exception: who sees its own reference to be the only one left, be it the handle, a waker or home,
// need not lock the word. What it sees may be old, but a reference that it does not see was cloned
// from one that it does, and the clone came into the word before the other left it.)
//
// After completing, home touches the task again only if it kept a reference for that purpose.
//
// # Panics
//
// Everything of the user's is called inside `catch_unwind`: polls, the drop of the future, the
// drop of an output nobody wants, foreign wakers. The poll's panic is the task's outcome; the
// others have nobody to go to.

pub(crate) mod blocking;
mod builder;
mod error;
mod group;
mod handle;
pub(crate) mod header;
mod id;
pub(crate) mod leavings;
mod look;
pub(crate) mod origin;
pub(crate) mod orphan;
mod payload;
pub(crate) mod queue;
mod raw;
pub(crate) mod ready;
pub(crate) mod run;
pub(crate) mod shed;
mod span;
mod spawn;
mod state;
mod story;
mod travel;
pub(crate) mod turn;
mod waker;

pub use builder::Builder;
pub use error::{SpawnError, TaskError};
pub use group::{
    Child, GroupError, Scope, TaskGroup, TryScope, scope, scope_with_limit, try_scope,
    try_scope_with_limit,
};
pub(crate) use handle::block_on_thread;
pub use handle::{Cancel, Task};
pub(crate) use header::Birth;
pub use id::TaskId;
pub(crate) use look::{arriving, live, note_awaited};
pub(crate) use origin::name_of;
pub use payload::PanicPayload;
pub(crate) use spawn::{send_new, send_unchecked, spawn_or_end};
pub use spawn::{spawn, spawn_local, spawn_on};
pub(crate) use travel::{has_arrived, move_current};
pub(crate) use waker::{clone_of, wake_from};
