//! Files that are in the page cache.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tokio::fs::File;
use tokio::task::spawn_blocking;
use workload::files::{
    BLOCK_LEN, COPY_LEN, COPY_STEP, check, check_copy, offset_of, source, target,
};
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::Threads;

const WARM_UP: u64 = 512;

/// As many tasks as the depth says, each one random read after the other.
pub fn read<T: Threads>(job: &Job) -> Cost {
    let (path, depth, count) = (source(job), job.depth as u64, job.count);
    T::start(1).run(async move {
        let file = File::open(path).await.expect("it was made");
        let file = Arc::new(file.into_std().await);
        read_all(&file, depth, WARM_UP).await;
        let watch = Stopwatch::start();
        read_all(&file, depth, count).await;
        watch.stop()
    })
}

/// Has so many tasks each do so many reads.
async fn read_all(file: &Arc<std::fs::File>, tasks: u64, reads: u64) {
    let reader = |task: u64| {
        let file = file.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; BLOCK_LEN];
            for number in task * reads..(task + 1) * reads {
                buffer = read_at(&file, buffer, offset_of(number)).await;
                check(number, &buffer);
            }
        })
    };
    let readers: Vec<_> = (0..tasks).map(reader).collect();
    for reader in readers {
        reader.await.expect("all bytes are right");
    }
}

/// Fills a buffer as `tokio::fs` does, which has no reads at an offset: on a thread for blocking
/// work. Its own copy of the bytes is spared.
async fn read_at(file: &Arc<std::fs::File>, mut buffer: Vec<u8>, offset: u64) -> Vec<u8> {
    let file = file.clone();
    let read = spawn_blocking(move || {
        file.read_exact_at(&mut buffer, offset).expect("it is readable");
        buffer
    });
    read.await.expect("it ends")
}

/// Writes a buffer in the same way.
async fn write_at(file: &Arc<std::fs::File>, buffer: Vec<u8>, offset: u64) -> Vec<u8> {
    let file = file.clone();
    let write = spawn_blocking(move || {
        file.write_all_at(&buffer, offset).expect("the disk has room");
        buffer
    });
    write.await.expect("it ends")
}

/// Copies a file, a piece after the other.
pub fn copy<T: Threads>(job: &Job) -> Cost {
    let (from, to) = (source(job), target(job));
    let cost = T::start(1).run(repeat(1, job.count, async move || {
        let from = File::open(&from).await.expect("it was made");
        let to = File::create(&to).await.expect("the folder can be written to");
        let (from, to) = (Arc::new(from.into_std().await), Arc::new(to.into_std().await));
        let (mut buffer, mut offset) = (vec![0; COPY_STEP], 0);
        while offset < COPY_LEN {
            buffer = read_at(&from, buffer, offset).await;
            buffer = write_at(&to, buffer, offset).await;
            offset += COPY_STEP as u64;
        }
    }));
    check_copy(job);
    cost
}
