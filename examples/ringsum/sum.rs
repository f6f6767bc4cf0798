//! Reading and hashing one file.
//!
//! A file that fits into one buffer is hashed on the ring that reads it: it is in that processor's
//! cache by then, and anything else would take longer than the hashing. A larger one goes to the
//! ring with the fewest of them, keeps several reads in flight there, and moves on when another
//! ring has run out of work.

use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt};
use ringpool::buf::BufError;
use ringpool::fs::{File, OpenOptions};
use ringpool::{Channel, Receiver, Sender, run_on, switch_to};
use sha2::{Digest, Sha256};

use crate::rings::{LargePlace, Rings};

/// What a worker reads at once; a file that has more is large.
const BUFFER_BYTES: usize = 64 * 1024;
/// What one of the reads in flight for a large file asks for.
const CHUNK_BYTES: usize = 256 * 1024;
const READS_IN_FLIGHT: usize = 4;

pub(crate) type Sum = [u8; 32];

/// A file to be summed, in its place in the output.
pub(crate) struct Job {
    pub(crate) place: u64,
    pub(crate) path: PathBuf,
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
    trays: Channel<Tray>,
) {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while let Ok(Job { place, path, follow }) = jobs.recv().await {
        let mut summing = Summing { hasher: Sha256::new(), offset: 0, buffer, rings: &rings };
        let result = summing.file(&path, follow, &trays).await;
        let Summing { hasher, buffer: used, .. } = summing;
        buffer = used;
        rings.here().files.add(1);
        let sum = result.map(|()| hasher.finalize().into());
        if outcomes.send(Outcome { place, path, sum }).await.is_err() {
            return;
        }
    }
}

/// The buffers of a large file.
pub(crate) type Tray = Vec<Vec<u8>>;

/// There are as many trays as may be used at once.
pub(crate) fn trays(count: usize) -> Channel<Tray> {
    let trays = Channel::bounded(count);
    for _ in 0..count {
        let tray = (0..READS_IN_FLIGHT).map(|_| Vec::with_capacity(CHUNK_BYTES)).collect();
        let put = trays.try_send(tray);
        assert!(put.is_ok(), "there is room for every tray");
    }
    trays
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
    async fn file(
        &mut self,
        path: &PathBuf,
        follow: bool,
        trays: &Channel<Tray>,
    ) -> io::Result<()> {
        let flags = if follow { 0 } else { libc::O_NOFOLLOW };
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).await?;
        if self.read(&file).await? == BUFFER_BYTES {
            let len = file.metadata().await?.len();
            if len > self.offset {
                self.large_file(&file, len, trays).await?;
            }
        }
        // Files may have more than their length says, as those in `/proc`, or grow meanwhile.
        while self.read(&file).await? > 0 {}
        Ok(())
    }

    /// One read after the other.
    async fn read(&mut self, file: &File) -> io::Result<usize> {
        let count;
        match file.read_at(mem::take(&mut self.buffer), self.offset).await {
            Ok((read, buffer)) => (count, self.buffer) = (read, buffer),
            Err(BufError { error, buffer }) => {
                self.buffer = buffer;
                return Err(error);
            }
        }
        let buffer = mem::take(&mut self.buffer);
        self.hash(&buffer[..count]);
        self.buffer = buffer;
        Ok(count)
    }

    /// The first `len` bytes of a large file, on the ring that has the fewest of them.
    async fn large_file(&mut self, file: &File, len: u64, trays: &Channel<Tray>) -> io::Result<()> {
        let mut tray = trays.recv().await.map_err(|_| io::Error::other("no buffers are left"))?;
        let place = self.rings.place_for_large();
        let there = place.runtime().clone();
        let result = run_on(&there, self.read_ahead(file, len, &mut tray, place)).await;
        let put_back = trays.try_send(tray);
        debug_assert!(put_back.is_ok(), "it came from there");
        result?
    }

    /// Keeps all buffers of the tray in flight, and hashes what comes in the order of the file.
    async fn read_ahead(
        &mut self,
        file: &File,
        len: u64,
        tray: &mut Tray,
        mut place: LargePlace<'_>,
    ) -> io::Result<()> {
        let mut reads = FuturesOrdered::new();
        let mut ahead = self.offset;
        let mut result = Ok(());
        let mut is_over = false;
        loop {
            while !is_over
                && ahead < len
                && let Some(buffer) = tray.pop()
            {
                reads.push_back(file.read_at(buffer, ahead));
                ahead += CHUNK_BYTES as u64;
            }
            let Some(read) = reads.next().await else {
                return result;
            };
            let buffer = match read {
                Ok((count, buffer)) if !is_over => {
                    // What was asked for behind a short read is at the wrong offset.
                    is_over = count < CHUNK_BYTES;
                    self.hash(&buffer[..count]);
                    buffer
                }
                Ok((_, buffer)) => buffer,
                Err(BufError { error, buffer }) => {
                    result = if is_over { result } else { Err(error) };
                    is_over = true;
                    buffer
                }
            };
            tray.push(buffer);
            if place.is_crowded() {
                place = self.rings.place_for_large();
                // A ring that has stopped is no reason to stop here.
                let _ = switch_to(place.runtime()).await;
            }
        }
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        self.rings.here().bytes.add(bytes.len() as u64);
    }
}
