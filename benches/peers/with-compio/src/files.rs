//! Files that are in the page cache.

use compio::BufResult;
use compio::fs::File;
use compio::io::{AsyncReadAt, AsyncWriteAtExt};
use workload::files::{
    BLOCK_LEN, COPY_LEN, COPY_STEP, check, check_copy, offset_of, source, target,
};
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::run;

const WARM_UP: u64 = 512;

/// As many tasks as the depth says, each one random read after the other.
pub(crate) fn read(job: &Job) -> Cost {
    let (path, depth, count) = (source(job), job.depth as u64, job.count);
    run(move || async move {
        let file = File::open(path).await.expect("it was made");
        read_all(&file, depth, WARM_UP).await;
        let watch = Stopwatch::start();
        read_all(&file, depth, count).await;
        watch.stop()
    })
}

/// Has so many tasks do so many reads each.
async fn read_all(file: &File, tasks: u64, reads: u64) {
    let reader = |task: u64| {
        let file = file.clone();
        compio::runtime::spawn(async move {
            let mut buffer = Vec::with_capacity(BLOCK_LEN);
            for number in task * reads..(task + 1) * reads {
                buffer.clear();
                let read;
                BufResult(read, buffer) = file.read_at(buffer, offset_of(number)).await;
                read.expect("it is readable");
                check(number, &buffer);
            }
        })
    };
    let readers: Vec<_> = (0..tasks).map(reader).collect();
    for reader in readers {
        reader.await.expect("all bytes are right");
    }
}

/// Copies a file, a piece after the other.
pub(crate) fn copy(job: &Job) -> Cost {
    let (from, to, count) = (source(job), target(job), job.count);
    let cost = run(move || {
        repeat(1, count, async move || {
            let from = File::open(&from).await.expect("it was made");
            let mut to = File::create(&to).await.expect("the folder can be written to");
            let (mut buffer, mut offset) = (Vec::with_capacity(COPY_STEP), 0);
            while offset < COPY_LEN {
                buffer.clear();
                let (read, written);
                BufResult(read, buffer) = from.read_at(buffer, offset).await;
                BufResult(written, buffer) = to.write_all_at(buffer, offset).await;
                written.expect("the disk has room");
                offset += read.expect("it is readable") as u64;
            }
        })
    });
    check_copy(job);
    cost
}
