//! Large files: several reads in flight on a ring, and the hashing on a thread of its own, to which
//! the filled buffers go through a channel and from which they come back to be filled again.
//!
//! So one file is read and hashed at the same time, and several are hashed on as many processors as
//! are free. A tray is the right to do that: there are few, and each has all the buffers that the
//! file may use.

use std::io;
use std::ops::Range;

use futures::stream::{FuturesOrdered, StreamExt};
use ringpool::buf::BufError;
use ringpool::fs::File;
use ringpool::{Channel, Receiver, Sender, spawn_blocking};
use sha2::{Digest, Sha256};

use crate::rings::Rings;

const CHUNK_BYTES: usize = 256 * 1024;
const READS_IN_FLIGHT: usize = 8;

/// Empty buffers, which are put back when they have been hashed.
type Tray = Channel<Vec<u8>>;

/// The trays that nobody uses now.
#[derive(Clone)]
pub(crate) struct Trays(Channel<Tray>);

impl Trays {
    /// So many large files at once.
    pub(crate) fn new(count: usize) -> Self {
        let trays = Channel::bounded(count);
        for _ in 0..count {
            let tray = Channel::bounded(READS_IN_FLIGHT);
            for _ in 0..READS_IN_FLIGHT {
                put_back(&tray, Vec::with_capacity(CHUNK_BYTES));
            }
            put_back(&trays, tray);
        }
        Self(trays)
    }

    async fn take(&self) -> Tray {
        self.0.recv().await.expect("nobody closes it")
    }
}

/// There is room, since it came from there.
fn put_back<T>(place: &Channel<T>, thing: T) {
    assert!(place.try_send(thing).is_ok(), "there is room for all that was taken");
}

/// Hashes a range of a file, or what there is of it. Gives the hasher back, and where it got to.
pub(crate) async fn hash(
    file: &File,
    range: Range<u64>,
    mut hasher: Sha256,
    trays: &Trays,
    rings: &Rings,
) -> io::Result<(Sha256, u64)> {
    let tray = trays.take().await;
    let (filled, to_hash) = Channel::bounded(READS_IN_FLIGHT).split();
    let empty = tray.clone();
    let hashing = spawn_blocking(move || {
        hash_all(&mut hasher, &to_hash, &empty);
        hasher
    });
    let result = read(file, range, &tray, &filled, rings).await;
    drop(filled);
    let hasher = hashing.await;
    put_back(&trays.0, tray);
    Ok((hasher?, result?))
}

fn hash_all(hasher: &mut Sha256, filled: &Receiver<Vec<u8>>, empty: &Tray) {
    while let Ok(buffer) = filled.recv_blocking() {
        hasher.update(&buffer);
        put_back(empty, buffer);
    }
}

/// Reads with as many buffers as are empty, and passes them on in the order of the file. Gives the
/// offset behind what was passed on: a read may find less than it asked for, and then what was
/// asked for behind it is of no use.
async fn read(
    file: &File,
    range: Range<u64>,
    tray: &Tray,
    filled: &Sender<Vec<u8>>,
    rings: &Rings,
) -> io::Result<u64> {
    let mut reads = FuturesOrdered::new();
    let (mut asked, mut passed_on) = (range.start, range.start);
    let mut result = Ok(());
    let mut is_over = false;
    loop {
        while asked < range.end && !is_over {
            let buffer = match tray.try_recv() {
                Ok(buffer) => buffer,
                // The thread that hashes has them all.
                Err(_) if reads.is_empty() => tray.recv().await.expect("nobody closes it"),
                Err(_) => break,
            };
            reads.push_back(file.read_at(buffer, asked));
            asked += CHUNK_BYTES as u64;
        }
        match reads.next().await {
            None => return result.map(|()| passed_on),
            Some(Ok((count, buffer))) if !is_over => {
                is_over = count < CHUNK_BYTES;
                passed_on += count as u64;
                rings.here().bytes.add(count as u64);
                if filled.send(buffer).await.is_err() {
                    return Err(io::Error::other("the thread that hashes has stopped"));
                }
            }
            Some(Ok((_, buffer))) => put_back(tray, buffer),
            Some(Err(BufError { error, buffer })) => {
                result = if is_over { result } else { Err(error) };
                is_over = true;
                put_back(tray, buffer);
            }
        }
    }
}
