//! Random reads of 4 KiB, through the page cache and past it.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use io_uring::types::{Fd, Fixed};
use io_uring::{opcode, squeue};
use ringpool::buf::{AlignedBuf, BufResult, RegisteredBuffers};
use ringpool::op::{self, DirectFd, Op, Operation};

use super::floors::{BareRing, with_bare_ring};
use super::measure::{Cost, Stopwatch};
use super::runtimes::{Waiting, on_first_core, pool};

const READ_LEN: usize = 4096;
const READS_IN_FILE: u64 = 16 * 1024;
const WARM_UP: u64 = 512;

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// The page cache, which has them all.
    Cached,
    /// The disk: `O_DIRECT`.
    Disk,
}

/// How the kernel is told what to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// A file descriptor and an address.
    Plain,
    /// A file descriptor and a registered buffer.
    RegisteredBuffer,
    /// A direct descriptor and an address.
    DirectDescriptor,
}

/// A file of 64 MiB that was just written, so that its pages are in memory.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("random-reads");
        let bytes = vec![0xa5; READS_IN_FILE as usize * READ_LEN];
        std::fs::write(&path, bytes).expect("the target folder can be written to");
        let file = File::open(&path).expect("it was just written");
        file.sync_all().expect("the disk takes it");
        path
    })
}

fn open(storage: Storage) -> File {
    let flags = if storage == Storage::Disk { libc::O_DIRECT } else { 0 };
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path());
    file.expect("the file system takes O_DIRECT")
}

/// Places in the file, the same for all.
#[derive(Debug)]
struct Offsets(u64);

impl Offsets {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % READS_IN_FILE * READ_LEN as u64
    }
}

/// As many tasks as there are reads under way, each one read after the other: `iterations` of them.
pub(crate) fn ringpool(storage: Storage, means: Means, depth: u64, iterations: u64) -> Cost {
    let file = Arc::new(ringpool::fs::File::from_std(open(storage)));
    let aligned = || AlignedBuf::new(READ_LEN, READ_LEN);
    pool(1, Waiting::Default).block_on(async {
        match means {
            Means::Plain => {
                let read = move |page, offset| file.read_at(page, offset);
                ringpool_reads(depth, iterations, aligned, read).await
            }
            Means::RegisteredBuffer => {
                let buffers = RegisteredBuffers::new(depth as usize, READ_LEN);
                let buffers = buffers.expect("so much may be locked");
                let read = move |page, offset| op::read_fixed_at(&*file, page, offset);
                let take = || buffers.take().expect("there are enough");
                ringpool_reads(depth, iterations, take, read).await
            }
            Means::DirectDescriptor => {
                let file = DirectFd::register(file.shared_fd()).await.expect("there is room");
                let read = move |page, offset| op::read_at(&file, page, offset);
                ringpool_reads(depth, iterations, aligned, read).await
            }
        }
    })
}

/// Reads by `read`, each task into a page that `page` gives.
async fn ringpool_reads<B, O>(
    depth: u64,
    iterations: u64,
    page: impl Fn() -> B,
    read: impl Fn(B, u64) -> Op<O> + Clone + Send + 'static,
) -> Cost
where
    B: Send + 'static,
    O: Operation<Output = BufResult<usize, B>>,
{
    let reader = |seed: u64, count: u64| {
        let (mut page, mut offsets, read) = (page(), Offsets::new(seed), read.clone());
        ringpool::spawn(async move {
            for _ in 0..count {
                let Ok((done, same)) = read(page, offsets.next()).await else {
                    panic!("it is readable")
                };
                assert_eq!(done, READ_LEN);
                page = same;
            }
        })
    };
    let mut cost = Cost::default();
    for count in [(WARM_UP / depth).max(1), iterations] {
        let watch = Stopwatch::start();
        let tasks: Vec<_> = (0..depth).map(|seed| reader(seed, count)).collect();
        for task in tasks {
            task.await.expect("it ends");
        }
        cost = watch.stop();
    }
    cost
}

/// A page of memory, as `O_DIRECT` wants it.
#[repr(align(4096))]
#[derive(Clone)]
pub(crate) struct Page(pub(crate) [u8; READ_LEN]);

/// A ring and nothing else: `depth` reads under way, each completion starts the next.
pub(crate) fn bare(storage: Storage, means: Means, depth: u64, iterations: u64) -> Cost {
    on_first_core(|| {
        with_bare_ring(|ring, _| BareReads::new(ring, storage, means, depth).run(iterations))
    })
}

struct BareReads<'a> {
    ring: BareRing<'a>,
    file: File,
    means: Means,
    pages: Vec<Page>,
    offsets: Offsets,
}

impl<'a> BareReads<'a> {
    fn new(ring: BareRing<'a>, storage: Storage, means: Means, depth: u64) -> Self {
        let file = open(storage);
        let mut pages = vec![Page([0; READ_LEN]); depth as usize];
        match means {
            Means::Plain => {}
            Means::RegisteredBuffer => {
                ring.register_buffer(pages.as_mut_ptr().cast(), depth as usize * READ_LEN);
            }
            Means::DirectDescriptor => ring.register_file(file.as_raw_fd()),
        }
        Self { ring, file, means, pages, offsets: Offsets::new(1) }
    }

    fn run(mut self, iterations: u64) -> Cost {
        self.read(WARM_UP);
        let watch = Stopwatch::start();
        self.read(iterations);
        watch.stop()
    }

    fn read(&mut self, count: u64) {
        let (mut started, mut finished) = (0, 0);
        let mut free: Vec<u64> = (0..self.pages.len() as u64).collect();
        while finished < count {
            while started < count
                && let Some(slot) = free.pop()
            {
                let entry = self.entry(slot as usize).user_data(slot);
                // SAFETY: the page is kept, and used again only after the read has completed.
                unsafe { self.ring.push(&entry) };
                started += 1;
            }
            for entry in self.ring.submit_and_wait() {
                assert_eq!(entry.result(), READ_LEN as i32);
                free.push(entry.user_data());
                finished += 1;
            }
        }
    }

    fn entry(&mut self, slot: usize) -> squeue::Entry {
        let offset = self.offsets.next();
        let page = self.pages[slot].0.as_mut_ptr();
        let (fd, len) = (Fd(self.file.as_raw_fd()), READ_LEN as u32);
        match self.means {
            Means::Plain => opcode::Read::new(fd, page, len).offset(offset).build(),
            Means::RegisteredBuffer => {
                opcode::ReadFixed::new(fd, page, len, 0).offset(offset).build()
            }
            Means::DirectDescriptor => {
                opcode::Read::new(Fixed(0), page, len).offset(offset).build()
            }
        }
    }
}
