//! Operations that the kernel does one after the other.
//!
//! A chain is submitted as a whole or not at all: the kernel takes entries for linked only if they
//! are submitted together. So all cells and entries are made first; if one of them cannot be, it
//! fails with its own error, and the others as if they had been cancelled.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use io_uring::squeue;

use super::future::{LATE, count_started, not_on_a_ring};
use super::{Op, Operation};
use crate::context::{self, Local};
use crate::ring::Beginning;
use crate::stop::{self, cancelled};

/// A member of a chain: an [`Op`], or one with a time limit.
pub trait Step: sealed::Step {}

/// The members of a chain: a tuple of two to eight operations of any kinds, or a vector of
/// operations of one kind.
pub trait Steps: sealed::Steps {}

impl<S: sealed::Step> Step for S {}
impl<L: sealed::Steps> Steps for L {}

pub(super) mod sealed {
    use super::{Context, Future, Local, Poll, io, squeue};

    /// Entries that will be submitted together.
    #[expect(missing_debug_implementations, reason = "nobody outside has one")]
    pub struct Batch<'a, 'c> {
        pub(in crate::op) local: &'a Local,
        pub(in crate::op) cx: &'a Context<'c>,
        pub(in crate::op) entries: Vec<squeue::Entry>,
        /// One of them is to wait until all others of the ring have ended, and so they all do.
        pub(in crate::op) is_drained: bool,
    }

    /// What a chain does with its members, whatever their kinds.
    pub trait Member {
        /// How many entries it takes.
        fn entries(&self) -> usize;

        /// Makes its entries, the last of which is linked to what follows as said before; false if
        /// it has failed.
        fn make_ready(&mut self, batch: &mut Batch<'_, '_>) -> bool;

        /// Its entries are about to be submitted.
        fn begin(&mut self);

        /// Its entries will not be submitted.
        fn take_back(&mut self, error: &dyn Fn() -> io::Error);

        /// It shall end soon.
        fn request_cancel(&mut self);
    }

    pub trait Step: Member + Future + Unpin {
        /// Links it to what follows.
        fn add_link(&mut self, flags: squeue::Flags);
    }

    pub trait Steps {
        type Outputs;
        /// What the members have given so far.
        type Ended;

        fn members(&mut self) -> Vec<&mut dyn Member>;
        /// Links each member to the next one.
        fn link_all(&mut self, flags: squeue::Flags);
        fn none_ended(&self) -> Self::Ended;
        /// The number of the first member that has ended.
        fn first_ended(ended: &Self::Ended) -> Option<usize>;
        fn poll_all(
            &mut self,
            ended: &mut Self::Ended,
            cx: &mut Context<'_>,
        ) -> Poll<Self::Outputs>;
    }
}

impl<O: Operation> sealed::Member for Op<O> {
    fn entries(&self) -> usize {
        1
    }

    fn make_ready(&mut self, batch: &mut sealed::Batch<'_, '_>) -> bool {
        batch.is_drained |= self.is_drained();
        let entry = self.make_entry(batch.local, batch.cx);
        let is_ready = entry.is_some();
        batch.entries.extend(entry);
        is_ready
    }

    fn begin(&mut self) {
        Self::begin(self);
    }

    fn take_back(&mut self, error: &dyn Fn() -> io::Error) {
        Self::take_back(self, error());
    }

    fn request_cancel(&mut self) {
        Self::request_cancel(self);
    }
}

impl<O: Operation> sealed::Step for Op<O> {
    fn add_link(&mut self, flags: squeue::Flags) {
        self.add_flags(flags);
    }
}

/// Makes and submits a chain. The members know what came of it.
pub(super) fn start(mut members: Vec<&mut dyn sealed::Member>, cx: &Context<'_>) {
    context::with(|local| {
        if let Err(error) = try_start(local, &mut members, cx) {
            members.iter_mut().for_each(|member| member.take_back(error));
        }
    });
}

fn try_start(
    local: Option<&Local>,
    members: &mut [&mut dyn sealed::Member],
    cx: &Context<'_>,
) -> Result<(), &'static dyn Fn() -> io::Error> {
    let local = local.ok_or(&not_on_a_ring as &dyn Fn() -> io::Error)?;
    if local.stopping.get() || stop::is_stopped() {
        return Err(&cancelled);
    }
    let count = members.iter().map(|member| member.entries()).sum();
    if count > local.ring.borrow_mut().queue_len() {
        return Err(&too_long);
    }
    let entries = Vec::with_capacity(count);
    let mut batch = sealed::Batch { local, cx, entries, is_drained: false };
    if !members.iter_mut().all(|member| member.make_ready(&mut batch)) {
        return Err(&cancelled);
    }
    members.iter_mut().for_each(|member| member.begin());
    batch.entries.iter().for_each(|entry| count_started(local, entry));
    let beginning = Beginning::here(local);
    // SAFETY: each operation keeps what its entry points to, in the cell that its user data names,
    // which stays until its completion has been reaped.
    unsafe { local.ring.borrow_mut().start_together(batch.entries, batch.is_drained, beginning) };
    Ok(())
}

fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "this chain of operations is longer than the submission queue; make it shorter, or the \
         queue longer with Builder::submission_entries",
    )
}

/// Operations that the kernel does one after the other; made by [`link`], [`hard_link`],
/// [`Op::link`] and [`Op::hard_link`].
///
/// It gives all results, in order. They are submitted together, on the ring of the thread that
/// polls it first.
///
/// # Cancel safety
///
/// Dropping it cancels what has not ended, as dropping each [`Op`] would.
#[must_use = "operations do nothing unless they are polled"]
pub struct Linked<L: Steps> {
    steps: L,
    ended: L::Ended,
    is_started: bool,
}

impl<L: Steps> Unpin for Linked<L> {}

impl<L: Steps> Linked<L> {
    pub(super) fn new(steps: L) -> Self {
        let ended = steps.none_ended();
        Self { steps, ended, is_started: false }
    }

    /// Asks the kernel to stop all of them, and goes on waiting for what comes of each.
    pub fn cancel(mut self) -> Self {
        self.steps.members().into_iter().for_each(sealed::Member::request_cancel);
        self
    }
}

impl<L: Steps> Future for Linked<L> {
    type Output = L::Outputs;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Outputs> {
        let this = self.get_mut();
        if !this.is_started {
            this.is_started = true;
            start(this.steps.members(), cx);
        }
        this.steps.poll_all(&mut this.ended, cx)
    }
}

impl<L: Steps> fmt::Debug for Linked<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked").field("is_started", &self.is_started).finish_non_exhaustive()
    }
}

/// Does operations one after the other, each only if the one before succeeded in full:
/// `IOSQE_IO_LINK`. Since Linux 5.3.
///
/// When one of them fails, or transfers less than it was to, those behind it are cancelled and give
/// [`ECANCELED`](libc::ECANCELED). Every one gives its own result, and its buffer.
///
/// # Errors
///
/// If the chain is longer than the submission queue, every operation gives
/// [`InvalidInput`](io::ErrorKind::InvalidInput). If one of them cannot be submitted, it gives the
/// reason, and the others `ECANCELED`.
///
/// # Panics
///
/// If an operation that another one follows has been polled already.
///
/// # Cancel safety
///
/// As for each of the operations.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-link-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     let pieces = [(&b"salt"[..], 0), (b" and ", 4), (b"pepper", 9)];
///     let writes = pieces.map(|(piece, offset)| op::write_at(&file, piece.to_vec(), offset));
///     for written in op::link(Vec::from(writes)).await {
///         written?;
///     }
///     let chain = op::link((op::fdatasync(&file), op::read_at(&file, vec![0; 15], 0)));
///     let (synced, read) = chain.await;
///     synced?;
///     assert_eq!(read?.1, b"salt and pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn link<L: Steps>(mut steps: L) -> Linked<L> {
    steps.link_all(squeue::Flags::IO_LINK);
    Linked::new(steps)
}

/// Does operations one after the other, whatever comes of each: `IOSQE_IO_HARDLINK`.
/// Since Linux 5.5.
///
/// # Errors
///
/// As for [`link`], except that what follows a failed operation is done nevertheless.
///
/// # Panics
///
/// As for [`link`].
///
/// # Cancel safety
///
/// As for each of the operations.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let missing = op::openat2(None, "/proc/no-such-file", libc::O_RDONLY, 0);
///     let there = op::openat2(None, "/proc/version", libc::O_RDONLY, 0);
///     let (missing, there) = op::hard_link((missing, there)).await;
///     assert!(missing.is_err() && there.is_ok());
/// });
/// ```
pub fn hard_link<L: Steps>(mut steps: L) -> Linked<L> {
    steps.link_all(squeue::Flags::IO_HARDLINK);
    Linked::new(steps)
}

/// Goes on with one member of a chain; whether it has ended.
fn poll_one<S: Step>(step: &mut S, ended: &mut Option<S::Output>, cx: &mut Context<'_>) -> bool {
    if ended.is_none()
        && let Poll::Ready(output) = Pin::new(step).poll(cx)
    {
        *ended = Some(output);
    }
    ended.is_some()
}

fn take_one<T>(ended: &mut Option<T>) -> T {
    ended.take().expect("a finished chain was polled again")
}

impl<S: Step> sealed::Steps for Vec<S> {
    type Outputs = Vec<S::Output>;
    type Ended = Vec<Option<S::Output>>;

    fn members(&mut self) -> Vec<&mut dyn sealed::Member> {
        self.iter_mut().map(|step| step as &mut dyn sealed::Member).collect()
    }

    fn link_all(&mut self, flags: squeue::Flags) {
        let count = self.len().saturating_sub(1);
        self.iter_mut().take(count).for_each(|step| step.add_link(flags));
    }

    fn none_ended(&self) -> Self::Ended {
        self.iter().map(|_| None).collect()
    }

    fn first_ended(ended: &Self::Ended) -> Option<usize> {
        ended.iter().position(Option::is_some)
    }

    fn poll_all(&mut self, ended: &mut Self::Ended, cx: &mut Context<'_>) -> Poll<Self::Outputs> {
        let mut all = true;
        for (step, ended) in std::iter::zip(self, &mut *ended) {
            all &= poll_one(step, ended, cx);
        }
        if all { Poll::Ready(ended.iter_mut().map(take_one).collect()) } else { Poll::Pending }
    }
}

macro_rules! tuples_of_steps {
    ($(($($step:ident $at:tt),+) $last:tt;)+) => {$(
        impl<$($step: Step),+> sealed::Steps for ($($step,)+) {
            type Outputs = ($($step::Output,)+);
            type Ended = ($(Option<$step::Output>,)+);

            fn members(&mut self) -> Vec<&mut dyn sealed::Member> {
                vec![$(&mut self.$at),+]
            }

            fn link_all(&mut self, flags: squeue::Flags) {
                $(if $at < $last { self.$at.add_link(flags); })+
            }

            fn none_ended(&self) -> Self::Ended {
                ($(None::<$step::Output>,)+)
            }

            fn first_ended(ended: &Self::Ended) -> Option<usize> {
                [$(ended.$at.is_some()),+].into_iter().position(|has_ended| has_ended)
            }

            fn poll_all(
                &mut self,
                ended: &mut Self::Ended,
                cx: &mut Context<'_>,
            ) -> Poll<Self::Outputs> {
                let mut all = true;
                $(all &= poll_one(&mut self.$at, &mut ended.$at, cx);)+
                if all { Poll::Ready(($(take_one(&mut ended.$at),)+)) } else { Poll::Pending }
            }
        }
    )+};
}

tuples_of_steps! {
    (A 0, B 1) 1;
    (A 0, B 1, C 2) 2;
    (A 0, B 1, C 2, D 3) 3;
    (A 0, B 1, C 2, D 3, E 4) 4;
    (A 0, B 1, C 2, D 3, E 4, F 5) 5;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) 6;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7) 7;
}

macro_rules! longer_chains {
    ($(($($step:ident $at:tt),+) $last:tt;)+) => {$(
        impl<$($step: Step),+> Linked<($($step,)+)> {
            /// Lets `next` begin when the last operation of the chain has succeeded in full; see
            /// [`Op::link`].
            ///
            /// # Cancel safety
            ///
            /// If it is dropped, all that are under way are cancelled; what each one may lose then,
            /// its own section says.
            ///
            /// # Panics
            ///
            /// If the chain has been polled.
            pub fn link<Next: Step>(mut self, next: Next) -> Linked<($($step,)+ Next)> {
                assert!(!self.is_started, "{LATE}");
                self.steps.$last.add_link(squeue::Flags::IO_LINK);
                Linked::new(($(self.steps.$at,)+ next))
            }

            /// Lets `next` begin when the last operation of the chain has ended; see
            /// [`Op::hard_link`].
            ///
            /// # Cancel safety
            ///
            /// If it is dropped, all that are under way are cancelled; what each one may lose then,
            /// its own section says.
            ///
            /// # Panics
            ///
            /// If the chain has been polled.
            pub fn hard_link<Next: Step>(mut self, next: Next) -> Linked<($($step,)+ Next)> {
                assert!(!self.is_started, "{LATE}");
                self.steps.$last.add_link(squeue::Flags::IO_HARDLINK);
                Linked::new(($(self.steps.$at,)+ next))
            }
        }
    )+};
}

longer_chains! {
    (A 0, B 1) 1;
    (A 0, B 1, C 2) 2;
    (A 0, B 1, C 2, D 3) 3;
    (A 0, B 1, C 2, D 3, E 4) 4;
    (A 0, B 1, C 2, D 3, E 4, F 5) 5;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) 6;
}
