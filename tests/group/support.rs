//! What the tests of groups share.

use std::io::PipeWriter;
use std::os::fd::OwnedFd;

use ringpool::op::{self, SharedFd};
use ringpool::{Pool, TaskError};

use crate::common::*;

/// Children that wait, each in its own way, until somebody ends them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waits {
    ForNothing,
    ForATimer,
    ForTheKernel,
    ByMoving,
}

pub(crate) const WAITS: [Waits; 4] =
    [Waits::ForNothing, Waits::ForATimer, Waits::ForTheKernel, Waits::ByMoving];

/// A pipe that nobody writes to.
pub(crate) fn silent_pipe() -> (SharedFd, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("there are descriptors left");
    (SharedFd::from(OwnedFd::from(reader)), writer)
}

/// Waits, having said that it has begun; `dropped` counts its drop.
pub(crate) async fn wait_in_some_way(
    waits: Waits,
    begun: Count,
    dropped: CountsDrop,
    rings: Vec<ringpool::Runtime>,
) {
    let _dropped = dropped;
    begun.add();
    match waits {
        Waits::ForNothing => never().await,
        Waits::ForATimer => ringpool::time::sleep(LIMIT * 10).await,
        Waits::ForTheKernel => {
            let (reader, _writer) = silent_pipe();
            let _ = op::read(&reader, vec![0; 16]).await;
        }
        Waits::ByMoving => loop {
            for ring in &rings {
                if ringpool::switch_to(ring).await.is_err() {
                    return never().await;
                }
            }
        },
    }
}

/// What the rings have in the kernel.
pub(crate) fn in_flight(pool: &Pool) -> Vec<usize> {
    pool.runtimes().iter().map(|ring| ring.load().operations_in_flight).collect()
}

/// The outputs, which have to be there.
pub(crate) fn outputs<T>(outcomes: Vec<Result<T, TaskError>>) -> Vec<T> {
    outcomes.into_iter().map(|outcome| outcome.expect("an output")).collect()
}
