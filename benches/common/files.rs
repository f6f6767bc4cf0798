//! Reads of 4 KiB that the page cache has.

use std::fs::File;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use io_uring::opcode;
use io_uring::types::Fd;

use super::floors::{BareRing, with_bare_ring};
use super::measure::{Cost, Stopwatch, repeat};
use super::runtimes::{Waiting, on_first_core, on_tokio, pool};

/// Reads that are under way at once in the rows that have several.
pub(crate) const DEPTH: u64 = 32;
const READ_LEN: usize = 4096;
const READS_IN_FILE: u64 = 256;
const WARM_UP: u64 = 512;

/// A file of 1 MiB that was just written, so that its pages are in memory.
fn file() -> File {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cached-reads");
        let bytes = vec![0xa5; READS_IN_FILE as usize * READ_LEN];
        std::fs::write(&path, bytes).expect("the target folder can be written to");
        path
    });
    File::open(path).expect("it was just written")
}

fn offset_of(read: u64) -> u64 {
    read % READS_IN_FILE * READ_LEN as u64
}

/// One read after the other.
pub(crate) fn ringpool_reads(iterations: u64) -> Cost {
    let file = ringpool::fs::File::from_std(file());
    let mut buffer = Some(vec![0; READ_LEN]);
    let mut read = 0;
    pool(1, Waiting::Default).block_on(repeat(WARM_UP, iterations, async move || {
        let bytes = buffer.take().expect("every read gives it back");
        let (count, bytes) = file.read_at(bytes, offset_of(read)).await.expect("it is readable");
        assert_eq!(count, READ_LEN);
        buffer = Some(bytes);
        read += 1;
    }))
}

/// As many tasks as there are reads under way, each one read after the other.
pub(crate) fn ringpool_reads_at_depth(iterations: u64) -> Cost {
    pool(1, Waiting::Default).block_on(async {
        let file = Arc::new(ringpool::fs::File::from_std(file()));
        let reader = |first: u64, count: u64| {
            let file = file.clone();
            ringpool::spawn(async move {
                let mut buffer = vec![0; READ_LEN];
                for read in first..first + count {
                    let done;
                    (done, buffer) =
                        file.read_at(buffer, offset_of(read)).await.expect("it is readable");
                    assert_eq!(done, READ_LEN);
                }
                black_box(buffer);
            })
        };
        let mut cost = Cost::default();
        for count in [WARM_UP / DEPTH, iterations] {
            let watch = Stopwatch::start();
            let tasks: Vec<_> = (0..DEPTH).map(|index| reader(index * 8, count)).collect();
            for task in tasks {
                task.await.expect("it ends");
            }
            cost = watch.stop();
        }
        cost
    })
}

/// A current-thread runtime: one read after the other, each on a thread for blocking work.
pub(crate) fn tokio_reads(iterations: u64) -> Cost {
    let file = Arc::new(file());
    let mut buffer = Some(vec![0; READ_LEN]);
    let mut read = 0;
    on_tokio(repeat(WARM_UP, iterations, async move || {
        let bytes = buffer.take().expect("every read gives it back");
        buffer = Some(tokio_read(&file, bytes, offset_of(read)).await);
        read += 1;
    }))
}

/// A current-thread runtime: as many tasks as there are reads under way.
pub(crate) fn tokio_reads_at_depth(iterations: u64) -> Cost {
    let file = Arc::new(file());
    on_tokio(async move {
        let reader = |first: u64, count: u64| {
            let file = file.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; READ_LEN];
                for read in first..first + count {
                    buffer = tokio_read(&file, buffer, offset_of(read)).await;
                }
                black_box(buffer);
            })
        };
        let mut cost = Cost::default();
        for count in [WARM_UP / DEPTH, iterations] {
            let watch = Stopwatch::start();
            let tasks: Vec<_> = (0..DEPTH).map(|index| reader(index * 8, count)).collect();
            for task in tasks {
                task.await.expect("it ends");
            }
            cost = watch.stop();
        }
        cost
    })
}

/// What `tokio::fs` does for a read, without its copy.
async fn tokio_read(file: &Arc<File>, mut buffer: Vec<u8>, offset: u64) -> Vec<u8> {
    let file = file.clone();
    let read = tokio::task::spawn_blocking(move || {
        let count = file.read_at(&mut buffer, offset).expect("it is readable");
        assert_eq!(count, READ_LEN);
        buffer
    });
    read.await.expect("it ends")
}

/// A ring and nothing else: `depth` reads under way, each completion starts the next.
pub(crate) fn bare_reads(depth: u64, iterations: u64) -> Cost {
    let body = |mut ring: BareRing<'_>| {
        let file = file();
        let mut buffers = vec![vec![0u8; READ_LEN]; depth as usize];
        let mut read = |ring: &mut BareRing<'_>, count: u64| {
            let (mut started, mut finished) = (0, 0);
            let mut free: Vec<u64> = (0..depth).collect();
            while finished < count {
                while started < count
                    && let Some(slot) = free.pop()
                {
                    start(ring, &file, slot, &mut buffers[slot as usize], offset_of(started));
                    started += 1;
                }
                for entry in ring.submit_and_wait() {
                    assert_eq!(entry.result(), READ_LEN as i32);
                    free.push(entry.user_data());
                    finished += 1;
                }
            }
        };
        read(&mut ring, WARM_UP);
        let watch = Stopwatch::start();
        read(&mut ring, iterations);
        watch.stop()
    };
    on_first_core(|| with_bare_ring(|ring, _| body(ring)))
}

fn start(ring: &mut BareRing<'_>, file: &File, slot: u64, buffer: &mut [u8], offset: u64) {
    let entry = opcode::Read::new(Fd(file.as_raw_fd()), buffer.as_mut_ptr(), READ_LEN as u32)
        .offset(offset)
        .build()
        .user_data(slot);
    // SAFETY: the caller keeps the buffer, and uses it again only after the read has completed.
    unsafe { ring.push(&entry) };
}
