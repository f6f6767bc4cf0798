//! All kinds of buffers, and sizes beyond what one operation transfers.

use ringpool::Pool;
use ringpool::buf::IoBuf;
use ringpool::fs::File;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::support::{Scratch, open, pipe};

async fn send<B: IoBuf + PartialEq + Clone + std::fmt::Debug>(
    writer: &SharedFd,
    reader: &SharedFd,
    buffer: B,
) -> Vec<u8> {
    let (count, back) = op::write(writer, buffer.clone()).await.unwrap();
    assert_eq!(count, buffer.as_bytes().len());
    assert_eq!(back, buffer);
    op::read(reader, Vec::with_capacity(100)).await.unwrap().1
}

#[test]
fn everything_that_has_bytes_can_be_written() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let salt = b"salt";
        assert_eq!(send(&writer, &reader, salt.to_vec()).await, salt);
        assert_eq!(send(&writer, &reader, *salt).await, salt);
        assert_eq!(send(&writer, &reader, salt).await, salt);
        assert_eq!(send(&writer, &reader, &salt[..]).await, salt);
        assert_eq!(send(&writer, &reader, "salt").await, salt);
        assert_eq!(send(&writer, &reader, String::from("salt")).await, salt);
        let boxed: Box<[u8]> = Box::from(*salt);
        assert_eq!(send(&writer, &reader, boxed).await, salt);
    });
}

#[test]
fn a_buffer_is_filled_from_its_beginning_and_a_vector_becomes_as_long_as_the_read() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = File::from_std(open(&scratch.file("file", b"salt")));
    Pool::new(1).block_on(async {
        let (count, vector) = file.read_at(vec![9; 100], 0).await.unwrap();
        assert_eq!((count, &vector[..]), (4, &b"salt"[..]));
        assert!(vector.capacity() >= 100);
        let (count, boxed) = file.read_at(Box::<[u8]>::from([9; 6]), 0).await.unwrap();
        assert_eq!((count, &boxed[..]), (4, &b"salt\x09\x09"[..]));
        let (count, array) = file.read_at([9; 2], 1).await.unwrap();
        assert_eq!((count, &array), (2, b"al"));
        let large = [9; 10_000];
        let (count, large) = file.read_at(large, 3).await.unwrap();
        assert_eq!((count, &large[..3]), (1, &b"t\x09\x09"[..]));
    });
}

#[test]
fn a_buffer_without_room_reads_nothing() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = File::from_std(open(&scratch.file("file", b"salt")));
    Pool::new(1).block_on(async {
        assert_eq!(file.read_at(Vec::new(), 0).await.unwrap(), (0, Vec::new()));
        assert_eq!(file.read_at([0; 0], 0).await.unwrap(), (0, []));
        assert_eq!(file.write_at("", 1000).await.unwrap(), (0, ""));
        assert_eq!(file.write_at(Vec::new(), 1000).await.unwrap(), (0, Vec::new()));
        file.write_all_at("", 1000).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 4);
    });
}

/// Five gibibytes of addresses, of which only those used become memory.
struct Huge(*mut u8);

const HUGE_BYTES: usize = 5 << 30;

impl Huge {
    fn new() -> Self {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let start = std::ptr::null_mut();
        // SAFETY: new memory is asked for, wherever there is room.
        let address = unsafe { libc::mmap(start, HUGE_BYTES, protection, flags, -1, 0) };
        assert_ne!(address, libc::MAP_FAILED);
        Self(address.cast())
    }
}

impl Drop for Huge {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and ours.
        unsafe { libc::munmap(self.0.cast(), HUGE_BYTES) };
    }
}

// SAFETY: it owns the memory.
unsafe impl Send for Huge {}

// SAFETY: it owns the memory, which is zero until somebody writes to it.
unsafe impl IoBuf for Huge {
    fn ptr(&self) -> *const u8 {
        self.0
    }

    fn initialized_len(&self) -> usize {
        HUGE_BYTES
    }
}

// SAFETY: as above.
unsafe impl ringpool::buf::IoBufMut for Huge {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.0
    }

    fn capacity(&self) -> usize {
        HUGE_BYTES
    }

    /// # Safety
    ///
    /// None: all bytes are initialized.
    unsafe fn set_initialized_len(&mut self, _: usize) {}
}

#[test]
fn a_buffer_of_more_than_four_gibibytes_is_transferred_in_parts() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = File::from_std(open(&scratch.file("file", b"salt")));
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
    Pool::new(1).block_on(async {
        let (count, huge) = file.read_at(Huge::new(), 0).await.unwrap();
        assert_eq!((count, &huge.as_bytes()[..5]), (4, &b"salt\0"[..]));
        let mut null = File::from_std(null);
        let (count, huge) = null.write(huge).await.unwrap();
        assert_eq!(count, (2 << 30) - 4096, "the kernel transfers no more at once");
        null.write_all(huge).await.unwrap();
    });
}
