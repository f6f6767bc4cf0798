//! Files, pipes and sets of a ring's table: each operation beside the same call on the same file.

use std::fs;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use futures::StreamExt;
use ringpool::Pool;
use ringpool::buf::{AlignedBuf, BufferPool, RegisteredBuffers};
use ringpool::op::{self, Descriptor, DirectFd, SharedFd};

use crate::advice::compare_fadvise;
use crate::commands::waiting;
use crate::common::{lacks, limit};
use crate::flags::compare_writes;
use crate::pipes::compare_splice_from;
use crate::ranges::{compare_fallocate, compare_sync_file_range};
use crate::same::{assert_same, called, errno_of};
use crate::support::{Scratch, begin, open, pipe};

/// A place in the table of the current ring, and nothing else of ours that has the file open.
pub(crate) async fn direct(fd: impl Into<OwnedFd>) -> DirectFd {
    DirectFd::register(&SharedFd::from(fd.into())).await.unwrap()
}

async fn direct_pipe() -> (DirectFd, DirectFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (direct(reader).await, direct(writer).await)
}

/// pread(2).
fn their_read(fd: &impl AsRawFd, room: usize, offset: u64) -> Result<(u64, Vec<u8>)> {
    let mut bytes = vec![0; room];
    let (start, offset) = (bytes.as_mut_ptr().cast(), offset as i64);
    // SAFETY: there is that much room.
    let count = called(unsafe { libc::pread(fd.as_raw_fd(), start, room, offset) })?;
    bytes.truncate(count as usize);
    Ok((count, bytes))
}

/// Reads from `fd` as pread(2) reads from `std_fd`, into buffers of every kind.
async fn compare_reads(fd: &impl Descriptor, std_fd: &impl AsRawFd) {
    let registered = RegisteredBuffers::new(2, 4096).unwrap();
    for offset in [0, 1, 4096, 9_000, 10_000, 1 << 40, 1 << 63] {
        let theirs = their_read(std_fd, 4096, offset);
        let count = || theirs.as_ref().map(|(count, _)| *count).map_err(same_again);
        let expected = theirs.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let what = |kind| (kind, offset);

        let plain = op::read_at(fd, Vec::with_capacity(4096), offset).await;
        assert_eq!(plain.as_ref().map_or(&[][..], |(_, bytes)| bytes), expected);
        assert_same(plain.map(|read| read.0).map_err(|error| error.error), count(), what("plain"));
        let parts = vec![vec![0; 1000], vec![0; 3096]];
        let parts = op::readv_at(fd, parts, offset).await;
        let together = parts.as_ref().map_or(Vec::new(), |(_, parts)| parts.concat());
        assert_eq!(together, expected);
        assert_same(parts.map(|read| read.0).map_err(|error| error.error), count(), what("parts"));
        let aligned = op::read_at(fd, AlignedBuf::new(4096, 4096), offset).await;
        assert_eq!(aligned.as_ref().map_or(&[][..], |(count, bytes)| &bytes[..*count]), expected);
        let aligned = aligned.map(|read| read.0).map_err(|error| error.error);
        assert_same(aligned, count(), what("aligned"));
        let fixed = op::read_fixed_at(fd, registered.take().unwrap(), offset).await;
        assert_eq!(fixed.as_ref().map_or(&[][..], |(_, bytes)| bytes), expected);
        let fixed = fixed.map(|read| read.0).map_err(|error| error.error);
        assert_same(fixed, count(), what("registered"));
        let fixed_parts = vec![registered.take().unwrap()];
        let fixed_parts = op::readv_fixed_at(fd, fixed_parts, offset).await;
        let fixed_parts = fixed_parts.map(|read| read.0).map_err(|error| error.error);
        if !lacks(&fixed_parts) {
            assert_same(fixed_parts, count(), what("registered parts"));
        }
    }
}

fn same_again(error: &Error) -> Error {
    Error::from_raw_os_error(error.raw_os_error().expect("of the system"))
}

#[test]
fn reads_into_buffers_of_every_kind_are_those_of_pread() {
    let _limit = limit();
    let scratch = Scratch::new();
    let contents: Vec<u8> = (0..10_000_u32).map(|at| (at * 7) as u8).collect();
    let path = scratch.file("file", contents);
    Pool::new(1).block_on(async {
        let shared = SharedFd::from(OwnedFd::from(open(&path)));
        compare_reads(&shared, &open(&path)).await;
        compare_reads(&direct(open(&path)).await, &open(&path)).await;
    });
}

#[test]
fn reads_and_writes_at_the_position_move_it_in_the_table_too() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "salt and pepper");
    Pool::new(1).block_on(async {
        let file = direct(open(&path)).await;
        let buffers = RegisteredBuffers::new(1, 100).unwrap();
        assert_eq!(op::read(&file, [0; 2]).await.unwrap().1, *b"sa");
        assert_eq!(op::readv(&file, vec![[0; 1], [0; 1]]).await.unwrap().1.concat(), b"lt");
        let mut buffer = buffers.take().unwrap();
        buffer.set_len(1);
        buffer.copy_from_slice(b"-");
        let (count, buffer) = op::write_fixed(&file, buffer).await.unwrap();
        assert_eq!(count, 1);
        assert_eq!(op::write(&file, "or").await.unwrap().0, 2);
        assert_eq!(op::writev(&file, vec!["-", "-"]).await.unwrap().0, 2);
        let (_, buffer) = op::read_fixed(&file, buffer).await.unwrap();
        assert_eq!(&buffer[..], b"pepper");
        drop(buffer);
        let buffer = buffers.take().unwrap();
        op::write_fixed_at(&file, buffer, 100).await.unwrap();
        let text = fs::read(&path).unwrap();
        assert_eq!((&text[..15], text.len()), (&b"salt-or--pepper"[..], 200));
    });
}

#[test]
fn writes_with_flags_through_the_table_leave_what_pwritev2_leaves() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", "0123"), scratch.file("theirs", "0123"));
    Pool::new(1).block_on(async {
        compare_writes(&direct(open(&ours)).await, &ours, &open(&theirs), &theirs).await;
    });
}

#[test]
fn ranges_and_advice_through_the_table_are_those_of_the_calls() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", [7; 5000]), scratch.file("theirs", [7; 5000]));
    Pool::new(1).block_on(async {
        let file = direct(open(&ours)).await;
        compare_fallocate(&file, &ours, &theirs).await;
        compare_sync_file_range(&file, &open(&ours)).await;
        compare_fadvise(&file, &open(&ours)).await;
        let (reader, _writer) = direct_pipe().await;
        assert_eq!(errno_of(op::fallocate(&reader, 0, 0, 1).await), libc::EBADF);
        assert_eq!(errno_of(op::sync_file_range(&reader, 0, 0, 0).await), libc::ESPIPE);
        assert_eq!(errno_of(op::fadvise(&reader, 0, 0, 0).await), libc::ESPIPE);
    });
}

/// Cuts and syncs `fd`, which is open on `ours`, and `theirs` by ftruncate(2) and fsync(2).
async fn compare_lengths(fd: &impl Descriptor, ours: &Path, theirs: &Path) {
    let std_file = open(theirs);
    for len in [0, 10, 100_000, 7, 1 << 63] {
        let cut = op::ftruncate(fd, len).await;
        if lacks(&cut) {
            break;
        }
        // SAFETY: only numbers are passed.
        let done = called(unsafe { libc::ftruncate(std_file.as_raw_fd(), len as i64) });
        assert_same(cut.map(|()| 0_u64), done, len);
        assert_eq!(fs::metadata(ours).unwrap().len(), fs::metadata(theirs).unwrap().len());
    }
    // SAFETY: only numbers are passed.
    let done = called(unsafe { libc::fsync(std_file.as_raw_fd()) });
    assert_same(op::fsync(fd).await.map(|()| 0_u64), done, "fsync");
    // SAFETY: only numbers are passed.
    let done = called(unsafe { libc::fdatasync(std_file.as_raw_fd()) });
    assert_same(op::fdatasync(fd).await.map(|()| 0_u64), done, "fdatasync");
}

#[test]
fn lengths_and_syncs_are_those_of_ftruncate_and_fsync() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", "contents"), scratch.file("theirs", "contents"));
    Pool::new(1).block_on(async {
        let shared = SharedFd::from(OwnedFd::from(open(&ours)));
        compare_lengths(&shared, &ours, &theirs).await;
        compare_lengths(&direct(open(&ours)).await, &ours, &theirs).await;
        let (reader, _writer) = direct_pipe().await;
        assert_eq!(errno_of(op::fsync(&reader).await), libc::EINVAL);
    });
}

#[test]
fn splice_and_tee_take_places_of_the_table_at_either_end_and_at_both() {
    let _limit = limit();
    let scratch = Scratch::new();
    let contents: Vec<u8> = (0..10_000_u32).map(|at| (at * 7) as u8).collect();
    let path = scratch.file("file", &contents);
    Pool::new(1).block_on(async {
        let file = direct(open(&path)).await;
        compare_splice_from(&file, &open(&path)).await;
        let (reader, writer) = direct_pipe().await;
        assert_eq!(op::splice(&file, Some(7), &writer, None, 100, 0).await.unwrap(), 100);
        let (second, to_second) = direct_pipe().await;
        assert_eq!(op::tee(&reader, &to_second, 60, 0).await.unwrap(), 60);
        let (third, to_third) = pipe();
        assert_eq!(op::tee(&second, &to_third, 30, 0).await.unwrap(), 30);
        assert_eq!(op::tee(&third, &to_second, 10, 0).await.unwrap(), 10);
        assert_eq!(op::read(&third, vec![0; 200]).await.unwrap().1, contents[7..37]);
        let both = [&contents[7..67], &contents[7..17]].concat();
        assert_eq!(op::read(&second, vec![0; 200]).await.unwrap().1, both);
        let copy = direct(fs::File::create(scratch.path("copy")).unwrap()).await;
        assert_eq!(op::splice(&reader, None, &copy, Some(0), 200, 0).await.unwrap(), 100);
        assert_eq!(fs::read(scratch.path("copy")).unwrap(), contents[7..107]);
    });
}

#[test]
fn polls_of_the_table_tell_what_poll_tells() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (reader, writer) = direct_pipe().await;
        let events = op::poll_add(&writer, libc::POLLOUT).await.unwrap();
        assert_eq!(events & libc::POLLOUT, libc::POLLOUT);
        let mut poll = op::poll_add(&reader, libc::POLLIN);
        begin(&mut poll).await;
        let mut polls = op::poll_multishot(&reader, libc::POLLIN);
        op::write(&writer, "x").await.unwrap();
        assert_eq!(poll.await.unwrap() & libc::POLLIN, libc::POLLIN);
        assert_eq!(polls.next().await.unwrap().unwrap() & libc::POLLIN, libc::POLLIN);
    });
}

#[test]
fn a_set_in_the_table_is_waited_for() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        // SAFETY: the call makes a descriptor that nobody else knows.
        let set = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
        let set = SharedFd::from(set);
        let event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 7 };
        op::epoll_ctl(&set, libc::EPOLL_CTL_ADD, &reader, event).await.unwrap();
        let set = DirectFd::register(&set).await.unwrap();
        op::write(&writer, "x").await.unwrap();
        let waited = op::epoll_wait(&set, Vec::with_capacity(4)).await;
        let waited = waited.map_err(|error| error.error);
        if lacks(&waited) {
            return;
        }
        let (count, events) = waited.unwrap();
        assert_eq!((count, { events[0].u64 }), (1, 7));
    });
}

#[test]
fn reads_into_pools_through_the_table_give_every_byte() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(4, 16).unwrap();
        let (reader, writer) = direct_pipe().await;
        op::write(&writer, "salt and ").await.unwrap();
        assert_eq!(&op::read_pooled(&reader, &buffers).await.unwrap()[..], b"salt and ");
        let mut pieces = op::read_multishot(&reader, &buffers);
        op::write(&writer, "pepper, and then some more of it").await.unwrap();
        op::close(writer).await.unwrap();
        let mut received = Vec::new();
        while let Some(piece) = pieces.next().await {
            if lacks(&piece) {
                return;
            }
            received.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(received, b"pepper, and then some more of it");
    });
}

#[test]
fn all_operations_on_a_place_of_the_table_are_stopped_and_no_others() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let ((reader, _writer), (other, to_other)) = (direct_pipe().await, direct_pipe().await);
        let mut reads = [op::read(&reader, [0; 4]), op::read(&reader, [0; 4])];
        for read in &mut reads {
            begin(read).await;
        }
        let mut left = op::read(&other, [0; 4]);
        begin(&mut left).await;
        assert_eq!(op::cancel_fd(&reader).await.unwrap(), 2);
        for read in reads {
            assert_eq!(read.await.unwrap_err().error.raw_os_error(), Some(libc::ECANCELED));
        }
        op::write(&to_other, "salt").await.unwrap();
        assert_eq!(left.await.unwrap().1, *b"salt");
    });
}

#[test]
fn a_socket_in_the_table_answers_a_command() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = direct(listener.accept().unwrap().0).await;
        std::io::Write::write_all(&mut theirs, b"salt").unwrap();
        op::poll_add(&ours, libc::POLLIN).await.unwrap();
        if let Some(count) = waiting(&ours).await {
            assert_eq!(count, 4);
        }
    });
}
