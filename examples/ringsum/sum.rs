//! Reading and hashing one file.
//!
//! A small file is hashed on the ring that reads it: it is in that processor's cache by then, and
//! anything else would take longer than the hashing. What of a file is beyond that goes to
//! [`large`](crate::large).

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringpool::buf::BufError;
use ringpool::fs::{File, OpenOptions};
use ringpool::{Receiver, Sender};
use sha2::{Digest, Sha256};

use crate::large::{self, Trays};
use crate::rings::Rings;

/// What is read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// A file that has more is large.
const SMALL_BYTES: u64 = 1024 * 1024;

pub(crate) type Sum = [u8; 32];

/// A file to be summed, and its place in the output.
pub(crate) struct Job {
    pub(crate) place: u64,
    pub(crate) path: PathBuf,
    /// Whether a symbolic link is followed.
    pub(crate) follow: bool,
}

/// What has become of it.
pub(crate) struct Outcome {
    pub(crate) place: u64,
    pub(crate) path: PathBuf,
    pub(crate) sum: io::Result<Sum>,
}

/// Sums files until there are no more, or nobody wants to know.
pub(crate) async fn work(
    jobs: Receiver<Job>,
    outcomes: Sender<Outcome>,
    rings: Arc<Rings>,
    trays: Trays,
) {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while let Ok(Job { place, path, follow }) = jobs.recv().await {
        let mut summing = Summing { hasher: Sha256::new(), offset: 0, buffer, rings: &rings };
        let result = summing.file(&path, follow, &trays).await;
        rings.here().files.add(1);
        let sum = result.map(|()| summing.hasher.finalize().into());
        buffer = summing.buffer;
        if outcomes.send(Outcome { place, path, sum }).await.is_err() {
            return;
        }
    }
}

/// A file in the middle of being summed.
struct Summing<'a> {
    hasher: Sha256,
    /// How much of the file has been hashed.
    offset: u64,
    buffer: Vec<u8>,
    rings: &'a Rings,
}

impl Summing<'_> {
    async fn file(&mut self, path: &Path, follow: bool, trays: &Trays) -> io::Result<()> {
        let flags = if follow { 0 } else { libc::O_NOFOLLOW };
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).await?;
        while self.offset < SMALL_BYTES {
            if self.read(&file).await? == 0 {
                return Ok(());
            }
        }
        let len = file.metadata().await?.len();
        if len > self.offset {
            let rest = self.offset..len;
            let hasher = mem::take(&mut self.hasher);
            let (hasher, end) = large::hash(&file, rest, hasher, trays, self.rings).await?;
            (self.hasher, self.offset) = (hasher, end);
        }
        // A file may have more than its length says, if it grows or is one of `/proc`.
        while self.read(&file).await? > 0 {}
        Ok(())
    }

    /// One read after the other.
    async fn read(&mut self, file: &File) -> io::Result<usize> {
        let buffer = mem::take(&mut self.buffer);
        match file.read_at(buffer, self.offset).await {
            Ok((count, buffer)) => {
                self.buffer = buffer;
                self.hasher.update(&self.buffer[..count]);
                self.offset += count as u64;
                self.rings.here().bytes.add(count as u64);
                Ok(count)
            }
            Err(BufError { error, buffer }) => {
                self.buffer = buffer;
                Err(error)
            }
        }
    }
}
