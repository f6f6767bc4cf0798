//! Files that are in the page cache.

use std::rc::Rc;

use glommio::io::BufferedFile;
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
        let file = Rc::new(BufferedFile::open(path).await.expect("it was made"));
        read_all(&file, depth, WARM_UP).await;
        let watch = Stopwatch::start();
        read_all(&file, depth, count).await;
        watch.stop()
    })
}

/// Has so many tasks do so many reads each.
async fn read_all(file: &Rc<BufferedFile>, tasks: u64, reads: u64) {
    let reader = |task: u64| {
        let file = file.clone();
        glommio::spawn_local(async move {
            for number in task * reads..(task + 1) * reads {
                let read = file.read_at(offset_of(number), BLOCK_LEN).await;
                check(number, &read.expect("it is readable"));
            }
        })
    };
    let readers: Vec<_> = (0..tasks).map(reader).collect();
    for reader in readers {
        reader.await;
    }
}

/// Copies a file, a piece after the other.
pub(crate) fn copy(job: &Job) -> Cost {
    let (from, to, count) = (source(job), target(job), job.count);
    let cost = run(move || {
        repeat(1, count, async move || {
            let from = BufferedFile::open(&from).await.expect("it was made");
            let to = BufferedFile::create(&to).await.expect("the folder can be written to");
            let mut offset = 0;
            while offset < COPY_LEN {
                let piece = from.read_at(offset, COPY_STEP).await.expect("it is readable");
                // What was read cannot be given away.
                let piece = piece.to_vec();
                let count = piece.len();
                let written = to.write_at(piece, offset).await;
                assert_eq!(written.expect("the disk has room"), count);
                offset += count as u64;
            }
            from.close().await.expect("it is open");
            to.close().await.expect("it is open");
        })
    });
    check_copy(job);
    cost
}
