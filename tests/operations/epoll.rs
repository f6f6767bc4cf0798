//! Epoll sets, beside `epoll_ctl` and `epoll_wait`.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use ringpool::Pool;
use ringpool::buf::BufResult;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, called, is_missing};
use crate::support::{Scratch, begin, open, pipe};

fn set() -> SharedFd {
    // SAFETY: only a number is passed.
    let fd = called(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).unwrap();
    // SAFETY: the call has just made it.
    SharedFd::from(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn readable(number: u64) -> libc::epoll_event {
    libc::epoll_event { events: libc::EPOLLIN as u32, u64: number }
}

type Waited = BufResult<usize, Vec<libc::epoll_event>>;

/// The numbers of the events; `None` if this kernel cannot wait for them.
fn numbers(waited: Waited, test: &str) -> Option<Vec<u64>> {
    let waited = waited.map_err(|error| error.error);
    if is_missing(&waited, test, "6.15") {
        return None;
    }
    let (count, events) = waited.unwrap();
    assert_eq!(count, events.len());
    Some(events.iter().map(|event| event.u64).collect())
}

#[test]
fn changes_of_a_set_succeed_and_fail_as_those_of_epoll_ctl() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = SharedFd::from(OwnedFd::from(open(&scratch.file("file", ""))));
    let (reader, _writer) = pipe();
    let (ours, theirs) = (set(), set());
    let (add, change, remove) = (libc::EPOLL_CTL_ADD, libc::EPOLL_CTL_MOD, libc::EPOLL_CTL_DEL);
    Pool::new(1).block_on(async {
        for (what, fd) in [
            (change, &reader),
            (remove, &reader),
            (add, &reader),
            (add, &reader),
            (change, &reader),
            (remove, &reader),
            (remove, &reader),
            (add, &file),
            (77, &reader),
        ] {
            let mut event = readable(7);
            // SAFETY: the event outlives the call.
            let done =
                unsafe { libc::epoll_ctl(theirs.as_raw_fd(), what, fd.as_raw_fd(), &mut event) };
            let done = called(done);
            let changed = op::epoll_ctl(&ours, what, fd, readable(7)).await;
            assert_same(changed.map(|()| 0_u64), done, (what, fd));
        }
        // SAFETY: as above.
        let done =
            unsafe { libc::epoll_ctl(file.as_raw_fd(), add, reader.as_raw_fd(), &mut readable(7)) };
        let done = called(done);
        let changed = op::epoll_ctl(&file, add, &reader, readable(7)).await;
        assert_same(changed.map(|()| 0_u64), done, "no set");
    });
}

#[test]
fn a_wait_ends_with_as_many_events_as_there_is_room_for() {
    let _limit = limit();
    let epoll = set();
    let pipes = [pipe(), pipe(), pipe()];
    Pool::new(1).block_on(async {
        for (at, (reader, writer)) in pipes.iter().enumerate() {
            let event = readable(at as u64);
            op::epoll_ctl(&epoll, libc::EPOLL_CTL_ADD, reader, event).await.unwrap();
            op::write(writer, "x").await.unwrap();
        }
        let test = "a_wait_ends_with_as_many_events_as_there_is_room_for";
        for room in [2, 1, 3, 8] {
            let waited = op::epoll_wait(&epoll, Vec::with_capacity(room)).await;
            let Some(mut numbers) = numbers(waited, test) else { return };
            numbers.sort_unstable();
            numbers.dedup();
            // A vector may have more room than was asked for.
            assert!(numbers.len() >= room.min(3), "{numbers:?}");
            assert!(numbers.iter().all(|number| *number < 3), "{numbers:?}");
        }
    });
}

#[test]
fn a_wait_that_begins_before_anything_is_ready_ends_when_it_is() {
    let _limit = limit();
    let epoll = set();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        op::epoll_ctl(&epoll, libc::EPOLL_CTL_ADD, &reader, readable(7)).await.unwrap();
        let wait = op::epoll_wait(&epoll, Vec::with_capacity(4));
        let write = op::write(&writer, vec![7]);
        let (waited, written) = futures::join!(wait, write);
        written.unwrap();
        let test = "a_wait_that_begins_before_anything_is_ready_ends_when_it_is";
        if let Some(numbers) = numbers(waited, test) {
            assert_eq!(numbers, [7]);
        }
    });
}

#[test]
fn a_wait_without_room_or_of_no_set_is_an_error_and_gives_the_vector_back() {
    let _limit = limit();
    let epoll = set();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let waited = op::epoll_wait(&epoll, Vec::new()).await;
        let test = "a_wait_without_room_or_of_no_set_is_an_error";
        if is_missing(&waited.map_err(|error| error.error), test, "6.15") {
            return;
        }
        let error = op::epoll_wait(&epoll, Vec::new()).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EINVAL));
        let error = op::epoll_wait(&reader, Vec::with_capacity(5)).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EINVAL));
        assert!(error.buffer.capacity() >= 5);
    });
}

#[test]
fn a_wait_that_is_cancelled_gives_the_vector_back() {
    let _limit = limit();
    let epoll = set();
    Pool::new(1).block_on(async {
        let look = op::epoll_wait(&epoll, Vec::new()).await.map_err(|error| error.error);
        if is_missing(&look, "a_wait_that_is_cancelled_gives_the_vector_back", "6.15") {
            return;
        }
        let mut wait = op::epoll_wait(&epoll, Vec::with_capacity(5));
        begin(&mut wait).await;
        let error = wait.cancel().await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
        assert!(error.buffer.is_empty() && error.buffer.capacity() >= 5);
    });
}
