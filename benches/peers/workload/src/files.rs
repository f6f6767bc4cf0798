//! Files with known bytes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Job;

/// Bytes of a block, and of a read.
pub const BLOCK_LEN: usize = 4096;
/// Blocks in the file of random reads: 64 MiB, all in the page cache.
pub const BLOCKS: u64 = 16_384;
/// Bytes of the file that is copied, 64 MiB, and of each read and write of it.
pub const COPY_LEN: u64 = 64 << 20;
pub const COPY_STEP: usize = 256 << 10;
/// Reads of which one has all its bytes compared; of the others the first and the last eight.
const COMPARED_WHOLE: u64 = 64;

/// The file to be read and copied; made if it is not there.
pub fn source(job: &Job) -> PathBuf {
    let path = job.scratch.join("source");
    let is_there = fs::metadata(&path).is_ok_and(|found| found.len() == COPY_LEN);
    if !is_there {
        make(&path);
    }
    path
}

fn make(path: &Path) {
    let unfinished = path.with_extension("unfinished");
    let file = fs::File::create(&unfinished).expect("the folder for files can be written to");
    let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
    for block in 0..BLOCKS {
        file.write_all(&bytes_of(block)).expect("the disk has room");
    }
    file.into_inner().expect("the disk has room").sync_all().expect("the disk works");
    fs::rename(unfinished, path).expect("the folder for files can be written to");
}

/// The block's number at both ends, and in between what follows from it.
fn bytes_of(block: u64) -> Vec<u8> {
    let word = |index: u64| match index {
        0 | 511 => block,
        index => (block * 512 + index).wrapping_mul(0x9E37_79B9_7F4A_7C15),
    };
    (0..512).flat_map(|index| word(index).to_le_bytes()).collect()
}

/// The block that is read as number `read`: all over the file, in an order that no prefetch knows.
pub fn block_of(read: u64) -> u64 {
    read.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - BLOCKS.ilog2())
}

/// Where the block of a read begins.
pub fn offset_of(read: u64) -> u64 {
    block_of(read) * BLOCK_LEN as u64
}

/// Panics if those are not the bytes of that read.
pub fn check(read: u64, bytes: &[u8]) {
    let block = block_of(read);
    assert_eq!(bytes.len(), BLOCK_LEN, "a read came back short");
    assert_eq!(bytes[..8], block.to_le_bytes(), "another block than asked for");
    assert_eq!(bytes[BLOCK_LEN - 8..], block.to_le_bytes(), "another block than asked for");
    if read.is_multiple_of(COMPARED_WHOLE) {
        assert!(bytes == bytes_of(block), "read {read} has other bytes than the file");
    }
}

/// Where a copy goes.
pub fn target(job: &Job) -> PathBuf {
    job.scratch.join(format!("copy-{}", std::process::id()))
}

/// Panics if the copy differs; removes it.
pub fn check_copy(job: &Job) {
    let (original, copy) = (source(job), target(job));
    let (original, read) = (fs::read(original), fs::read(&copy));
    assert!(original.expect("it is there") == read.expect("it was made"), "the copy differs");
    fs::remove_file(copy).expect("it was made here");
}
