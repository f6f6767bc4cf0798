//! Operations that a program brings itself, and those that do nothing.

use std::io::{ErrorKind, Result};
use std::time::Duration;

use ringpool::Pool;
use ringpool::op::raw::{opcode, squeue, types};
use ringpool::op::{self, AnyFd, Descriptor, Op, Operation, Start};

use crate::common::{Count, CountsDrop, limit};
use crate::same::errno_of;
use crate::support::{begin, pipe};

/// Reads one byte, by an entry of the program's own.
struct ReadByte {
    fd: AnyFd,
    byte: Box<u8>,
    _dropped: Option<CountsDrop>,
}

fn read_byte(fd: &impl Descriptor) -> Op<ReadByte> {
    Op::new(ReadByte { fd: fd.to_any_fd(), byte: Box::new(0), _dropped: None })
}

// SAFETY: the entry points to the byte, which the operation owns; a read completes once and hands
// out nothing.
unsafe impl Operation for ReadByte {
    type Output = Result<Option<u8>>;

    fn entry(&mut self, start: &mut Start<'_>) -> Result<squeue::Entry> {
        let entry = opcode::Read::new(start.target(&self.fd)?, &raw mut *self.byte, 1);
        Ok(entry.offset(u64::MAX).build().user_data(7))
    }

    fn finish(self, result: Result<u32>) -> Self::Output {
        Ok((result? == 1).then_some(*self.byte))
    }
}

#[test]
fn an_operation_of_ones_own_is_awaited_linked_limited_and_cancelled_as_any_other() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        op::write(&writer, "ab").await.unwrap();
        assert_eq!(read_byte(&reader).await.unwrap(), Some(b'a'));
        let (byte, nop) = read_byte(&reader).link(op::nop()).await;
        assert_eq!(byte.unwrap(), Some(b'b'));
        nop.unwrap();
        let late = read_byte(&reader).timeout(Duration::from_millis(1)).await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        let mut read = read_byte(&reader);
        begin(&mut read).await;
        assert_eq!(errno_of(read.cancel().await), libc::ECANCELED);
        drop(writer);
        assert_eq!(read_byte(&reader).await.unwrap(), None);
    });
}

#[test]
fn an_operation_of_ones_own_that_is_dropped_keeps_its_memory_until_the_kernel_is_done() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let gone = Count::new();
    Pool::new(1).block_on(async {
        let fd = reader.to_any_fd();
        let operation = ReadByte { fd, byte: Box::new(0), _dropped: Some(gone.on_drop()) };
        let mut read = Op::new(operation);
        begin(&mut read).await;
        drop(read);
        assert_eq!(gone.get(), 0, "the kernel has it");
        while gone.get() == 0 {
            ringpool::yield_now().await;
        }
    });
}

/// An operation that no kernel has.
struct Unknown;

// SAFETY: it is never submitted.
unsafe impl Operation for Unknown {
    type Output = Result<u32>;

    fn entry(&mut self, _: &mut Start<'_>) -> Result<squeue::Entry> {
        let entry = opcode::Nop::new().build();
        // SAFETY: the first byte of an entry is its code, and any bytes are valid.
        Ok(unsafe {
            let mut bytes = std::mem::transmute::<squeue::Entry, [u8; 64]>(entry);
            bytes[0] = 250;
            std::mem::transmute::<[u8; 64], squeue::Entry>(bytes)
        })
    }

    fn finish(self, result: Result<u32>) -> Self::Output {
        result
    }
}

#[test]
fn an_operation_that_the_kernel_lacks_is_unsupported_and_does_not_get_there() {
    let _limit = limit();
    let error = Pool::new(1).block_on(Op::new(Unknown)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("250"), "{error}");
}

#[test]
fn the_crate_of_the_entries_is_there_to_build_them_with() {
    let target = types::Fd(7);
    let entry = opcode::Fsync::new(target).flags(types::FsyncFlags::DATASYNC).build();
    assert_eq!(entry.get_opcode(), u32::from(opcode::Fsync::CODE));
}

#[test]
fn a_nop_ends_as_it_is_told_to() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        assert_eq!(op::nop_with_result(0).await.unwrap(), 0);
        for result in [1, 7, i32::MAX] {
            match op::nop_with_result(result).await {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    assert!(error.to_string().contains("since Linux 6.10"), "{error}");
                    println!("skipped: a_nop_ends_as_it_is_told_to needs Linux 6.10");
                    return;
                }
                ended => assert_eq!(ended.unwrap(), result as u32),
            }
        }
        for errno in [libc::EIO, libc::ENOSPC, 4095] {
            assert_eq!(errno_of(op::nop_with_result(-errno).await), errno);
        }
    });
}

#[test]
fn a_nop_with_an_error_that_there_is_not_is_refused() {
    let _limit = limit();
    let pool = Pool::new(1);
    for result in [-4096, i32::MIN] {
        let error = pool.block_on(op::nop_with_result(result)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}
