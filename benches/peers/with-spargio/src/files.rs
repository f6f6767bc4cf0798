//! Files that are in the page cache.

use spargio::fs::File;
use workload::files::{
    BLOCK_LEN, COPY_LEN, COPY_STEP, check, check_copy, offset_of, source, target,
};
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::local::shard;
use crate::{AWAKE, block_on};

const WARM_UP: u64 = 512;

/// As many tasks as the depth says, each one random read after the other.
pub(crate) fn read(job: &Job) -> Cost {
    let (path, depth, count) = (source(job), job.depth as u64, job.count);
    block_on(1, AWAKE, move |handle| async move {
        let file = File::open(handle, path).await.expect("it was made");
        read_all(&file, depth, WARM_UP).await;
        let watch = Stopwatch::start();
        read_all(&file, depth, count).await;
        watch.stop()
    })
}

async fn read_all(file: &File, tasks: u64, reads: u64) {
    let shard = shard();
    let reader = |task: u64| {
        let file = file.clone();
        shard.spawn_local(async move {
            let mut buffer = vec![0; BLOCK_LEN];
            for number in task * reads..(task + 1) * reads {
                let count;
                let read = file.read_at_into(offset_of(number), buffer).await;
                (count, buffer) = read.expect("it is readable");
                check(number, &buffer[..count]);
            }
        })
    };
    let readers: Vec<_> = (0..tasks).map(reader).collect();
    for reader in readers {
        reader.await.expect("all bytes are right");
    }
}

/// Copies a file, a piece after the other. What is written is borrowed, and copied once more:
/// there is no other way to write.
pub(crate) fn copy(job: &Job) -> Cost {
    let (from, to, count) = (source(job), target(job), job.count);
    let cost = block_on(1, AWAKE, move |handle| async move {
        repeat(1, count, async || {
            let from = File::open(handle.clone(), &from).await.expect("it was made");
            let to = File::create(handle.clone(), &to).await.expect("the folder can be written to");
            let (mut buffer, mut offset) = (vec![0; COPY_STEP], 0);
            while offset < COPY_LEN {
                let count;
                (count, buffer) = from.read_at_into(offset, buffer).await.expect("it is readable");
                to.write_all_at(offset, &buffer[..count]).await.expect("the disk has room");
                offset += count as u64;
            }
        })
        .await
    });
    check_copy(job);
    cost
}
