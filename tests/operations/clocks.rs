//! Timeouts by the kernel's clocks.

use std::time::{Duration, Instant};

use ringpool::Pool;
use ringpool::op::{self, TimeoutEnd};

use crate::common::{limit, panic_of};
use crate::same::errno_of;
use crate::support::{begin, pipe};

const CLOCKS: [libc::clockid_t; 3] =
    [libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_REALTIME];
const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

/// What the clock shows.
fn now(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time outlives the call.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn time_passes_by_every_clock() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for clock in CLOCKS {
            let begun = Instant::now();
            let end = op::timeout(SHORT).clock(clock).await.unwrap();
            assert_eq!(end, TimeoutEnd::Elapsed, "{clock:?}");
            assert!(begun.elapsed() >= SHORT, "{clock:?} took {:?}", begun.elapsed());
        }
    });
}

#[test]
fn a_time_to_come_is_waited_for_and_one_that_has_passed_is_not() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for clock in CLOCKS {
            let time = now(clock) + SHORT;
            assert_eq!(op::timeout_at(clock, time).await.unwrap(), TimeoutEnd::Elapsed);
            assert!(now(clock) >= time, "{clock:?}");
            for passed in [time, Duration::ZERO, Duration::from_nanos(1)] {
                let end = op::timeout_at(clock, passed).await.unwrap();
                assert_eq!(end, TimeoutEnd::Elapsed, "{clock:?}");
            }
        }
        assert_eq!(op::timeout(Duration::ZERO).await.unwrap(), TimeoutEnd::Elapsed);
    });
}

#[test]
fn completions_of_others_end_a_timeout_that_counts_them() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let mut timeout = op::timeout(LONG).after_completions(3);
        begin(&mut timeout).await;
        for _ in 0..2 {
            op::nop().await.unwrap();
            assert!(futures::poll!(&mut timeout).is_pending());
        }
        op::nop().await.unwrap();
        assert_eq!(timeout.await.unwrap(), TimeoutEnd::Completions);
    });
}

#[test]
fn the_longest_times_are_no_error_and_can_be_cancelled() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for time in [Duration::from_secs(1 << 40), Duration::from_secs(u64::MAX), Duration::MAX] {
            for clock in CLOCKS {
                for mut timeout in [op::timeout(time).clock(clock), op::timeout_at(clock, time)] {
                    begin(&mut timeout).await;
                    assert_eq!(errno_of(timeout.cancel().await), libc::ECANCELED);
                }
            }
        }
    });
}

#[test]
fn an_operation_with_the_longest_limit_is_not_stopped_at_once() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        for limit in [Duration::from_secs(1 << 63), Duration::MAX] {
            let read = op::read(&reader, vec![0; 4]).timeout(limit);
            let write = async {
                op::nop().await.unwrap();
                op::write(&writer, "salt").await.unwrap();
            };
            let (read, ()) = futures::join!(read, write);
            assert_eq!(read.unwrap().1, b"salt");
        }
    });
}

#[test]
fn a_chain_goes_on_behind_a_timeout_unless_that_is_cancelled() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let begun = Instant::now();
        let (end, next) = op::timeout(SHORT).link(op::nop()).await;
        assert_eq!(end.unwrap(), TimeoutEnd::Elapsed);
        next.unwrap();
        assert!(begun.elapsed() >= SHORT);
        let (end, next) = op::timeout(SHORT).hard_link(op::nop()).await;
        assert_eq!(end.unwrap(), TimeoutEnd::Elapsed);
        next.unwrap();
        let chain = op::timeout(LONG).link(op::nop());
        let (chain, stopped) = futures::join!(chain, async {
            op::nop().await.unwrap();
            op::cancel_all().await
        });
        assert!(stopped.unwrap() > 0);
        assert_eq!(errno_of(chain.0), libc::ECANCELED);
        assert_eq!(errno_of(chain.1), libc::ECANCELED);
    });
}

#[test]
fn a_clock_that_cannot_be_waited_for_is_refused() {
    let _limit = limit();
    let timeout = op::timeout(SHORT).clock(libc::CLOCK_PROCESS_CPUTIME_ID);
    let error = Pool::new(1).block_on(timeout).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("CLOCK_REALTIME can"), "{error}");
}

#[test]
fn what_an_operation_asks_for_is_not_changed_once_it_has_begun() {
    let _limit = limit();
    let pool = Pool::new(1);
    let text = panic_of(|| {
        pool.block_on(async {
            let mut timeout = op::timeout(LONG);
            begin(&mut timeout).await;
            timeout.clock(libc::CLOCK_BOOTTIME).await
        })
    });
    assert!(text.contains("before it is polled"), "{text}");
}
