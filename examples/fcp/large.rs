//! Large files: several lanes a file, on all rings, each of which reads a piece and writes it.
//!
//! Each lane is a task with a buffer that is registered on every ring, so the kernel need not look
//! up and pin its pages for each read and write. A lane takes the next piece that nobody has taken,
//! so a slow one takes fewer. While one lane's piece is being written, others read.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringpool::buf::{BufError, IoBuf, RegisteredBuffer, RegisteredBuffers};
use ringpool::fs::File;
use ringpool::{Pool, Runtime, op, spawn_on};

use crate::copy::BLOCK_BYTES;
use crate::problem::Problem;
use crate::progress::Progress;

const PIECE_BYTES: usize = 512 * 1024;
/// Of all files together. What is registered is locked in memory, of which one may not have much.
const BUFFERS: usize = 8;
const BUFFERS_IF_NEED_BE: usize = 1;
/// Of one file.
const LANES: usize = 4;

pub(crate) struct Lanes {
    buffers: RegisteredBuffers,
    rings: Vec<Runtime>,
}

/// Which side of a copy failed, and with what.
pub(crate) enum Failed {
    Read(io::Error),
    Write(io::Error),
}

impl Failed {
    pub(crate) fn into_problem(self, source: &Path, target: &Path) -> Problem {
        match self {
            Self::Read(error) => Problem::of("read", source)(error),
            Self::Write(error) => Problem::of("write", target)(error),
        }
    }
}

impl Lanes {
    pub(crate) async fn new(pool: &Pool) -> io::Result<Self> {
        let mut buffers = pool.register_buffers(BUFFERS, PIECE_BYTES).await;
        if buffers.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::OutOfMemory) {
            buffers = pool.register_buffers(BUFFERS_IF_NEED_BE, PIECE_BYTES).await;
        }
        Ok(Self { buffers: buffers?, rings: pool.runtimes().to_vec() })
    }

    /// Copies `len` bytes, or what there is of them; gives the files back.
    pub(crate) async fn copy(
        &self,
        from: File,
        to: File,
        len: u64,
        has_holes: bool,
        progress: &Arc<Progress>,
    ) -> Result<(File, File), Failed> {
        let next = AtomicU64::new(0);
        let progress = progress.clone();
        let file = Arc::new(Large { from, to, len, has_holes, next, progress });
        let rings = self.rings.iter().cycle();
        let lane = |ring| spawn_on(ring, lane(file.clone(), self.buffers.clone()));
        let lanes: Vec<_> = rings.take(LANES).map(lane).collect();
        let mut result = Ok(());
        for lane in lanes {
            let copied = lane.await.unwrap_or_else(|error| Err(Failed::Read(error.into())));
            result = result.and(copied);
        }
        result?;
        let file = Arc::into_inner(file).expect("all lanes have ended");
        Ok((file.from, file.to))
    }
}

/// A file in the middle of being copied.
struct Large {
    from: File,
    to: File,
    len: u64,
    has_holes: bool,
    /// Where the next piece begins.
    next: AtomicU64,
    progress: Arc<Progress>,
}

/// Copies pieces until there are none left, or one of them has failed.
async fn lane(file: Arc<Large>, buffers: RegisteredBuffers) -> Result<(), Failed> {
    let mut buffer = buffers.wait().await;
    // What has only zeros in it is not written; the smaller it is, the more of it there is.
    let piece_bytes = if file.has_holes { BLOCK_BYTES } else { PIECE_BYTES };
    loop {
        let begin = file.next.fetch_add(piece_bytes as u64, Ordering::Relaxed);
        if begin >= file.len {
            return Ok(());
        }
        let end = file.len.min(begin + piece_bytes as u64);
        let copied;
        (copied, buffer) = file.piece(buffer, begin, end).await;
        if copied.is_err() {
            file.next.store(file.len, Ordering::Relaxed);
            return copied;
        }
    }
}

impl Large {
    /// Copies a piece, in one go unless a read or write is cut short.
    async fn piece(
        &self,
        mut buffer: RegisteredBuffer,
        mut begin: u64,
        end: u64,
    ) -> (Result<(), Failed>, RegisteredBuffer) {
        while begin < end {
            let wanted = (end - begin) as usize;
            let read = op::read_fixed_at(&self.from, buffer.slice(..wanted), begin).await;
            let count;
            (count, buffer) = match read {
                // The file has become shorter.
                Ok((0, part)) => return (Ok(()), part.into_inner()),
                Ok((count, part)) => (count, part.into_inner()),
                Err(BufError { error, buffer: part }) => {
                    return (Err(Failed::Read(error)), part.into_inner());
                }
            };
            let is_zero = self.has_holes && buffer[..count].iter().all(|byte| *byte == 0);
            if !is_zero {
                let written;
                (written, buffer) = self.write(buffer, count, begin).await;
                if written.is_err() {
                    return (written.map_err(Failed::Write), buffer);
                }
            }
            begin += count as u64;
            self.progress.bytes.add(count as u64);
        }
        (Ok(()), buffer)
    }

    async fn write(
        &self,
        mut buffer: RegisteredBuffer,
        count: usize,
        offset: u64,
    ) -> (io::Result<()>, RegisteredBuffer) {
        let mut done = 0;
        while done < count {
            let part = buffer.slice(done..count);
            match op::write_fixed_at(&self.to, part, offset + done as u64).await {
                Ok((0, part)) => {
                    return (Err(io::ErrorKind::WriteZero.into()), part.into_inner());
                }
                Ok((written, part)) => {
                    done += written;
                    buffer = part.into_inner();
                }
                Err(BufError { error, buffer: part }) => return (Err(error), part.into_inner()),
            }
        }
        (Ok(()), buffer)
    }
}
