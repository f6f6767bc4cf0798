//! Files that are in the page cache.

use std::fs::File;
use std::os::fd::AsRawFd;

use io_uring::types::Fd;
use io_uring::{opcode, squeue};
use workload::files::{
    BLOCK_LEN, COPY_LEN, COPY_STEP, check, check_copy, offset_of, source, target,
};
use workload::processors::on_core;
use workload::rounds::repeat_calls;
use workload::{Cost, Job, Stopwatch};

use crate::ring::{BareRing, with_bare_ring};

const WARM_UP: u64 = 512;

/// As many reads under way as the depth says; where one has ended, the next one begins.
pub(crate) fn read(job: &Job) -> Cost {
    let (path, depth, count) = (source(job), job.depth as u64, job.count);
    on_core(0, || {
        with_bare_ring(|mut ring, _| {
            let file = File::open(path).expect("it was made");
            read_all(&mut ring, &file, depth, WARM_UP);
            let watch = Stopwatch::start();
            read_all(&mut ring, &file, depth, count);
            watch.stop()
        })
    })
}

/// One of the reads under way: its number, the first that is another's, and its buffer.
struct Reader {
    number: u64,
    end: u64,
    buffer: Vec<u8>,
}

/// Has so many readers each do so many reads.
fn read_all(ring: &mut BareRing<'_>, file: &File, readers: u64, reads: u64) {
    let reader = |which: u64| Reader {
        number: which * reads,
        end: (which + 1) * reads,
        buffer: vec![0; BLOCK_LEN],
    };
    let mut all: Vec<Reader> = (0..readers).map(reader).collect();
    let (mut left, mut completed) = (0, Vec::new());
    for (which, reader) in all.iter_mut().enumerate().filter(|_| reads > 0) {
        start_read(ring, file, which, reader);
        left += 1;
    }
    while left > 0 {
        completed.extend(ring.submit_and_wait().map(|one| (one.user_data(), one.result())));
        for (which, result) in completed.drain(..) {
            let reader = &mut all[which as usize];
            let len = usize::try_from(result).expect("it is readable");
            check(reader.number, &reader.buffer[..len]);
            reader.number += 1;
            if reader.number < reader.end {
                start_read(ring, file, which as usize, reader);
            } else {
                left -= 1;
            }
        }
    }
}

fn start_read(ring: &mut BareRing<'_>, file: &File, which: usize, reader: &mut Reader) {
    let buffer = reader.buffer.as_mut_ptr();
    let entry = opcode::Read::new(Fd(file.as_raw_fd()), buffer, BLOCK_LEN as u32)
        .offset(offset_of(reader.number))
        .build()
        .user_data(which as u64);
    // SAFETY: the caller keeps file and buffer until all reads have completed, and looks at the
    // buffer only after its own has.
    unsafe { ring.push(&entry) };
}

/// Copies a file, a piece after the other; the read and the write of each are submitted at once.
pub(crate) fn copy(job: &Job) -> Cost {
    let (from, to) = (source(job), target(job));
    let cost = on_core(0, || {
        with_bare_ring(|mut ring, _| {
            repeat_calls(1, job.count, || {
                let from = File::open(&from).expect("it was made");
                let to = File::create(&to).expect("the folder can be written to");
                let mut buffer = vec![0; COPY_STEP];
                for offset in (0..COPY_LEN).step_by(COPY_STEP) {
                    copy_piece(&mut ring, &from, &to, offset, &mut buffer);
                }
            })
        })
    });
    check_copy(job);
    cost
}

fn copy_piece(ring: &mut BareRing<'_>, from: &File, to: &File, offset: u64, piece: &mut [u8]) {
    let (len, start) = (piece.len() as u32, piece.as_mut_ptr());
    let read = opcode::Read::new(Fd(from.as_raw_fd()), start, len).offset(offset).build();
    let write = opcode::Write::new(Fd(to.as_raw_fd()), start, len).offset(offset).build();
    // SAFETY: the write is waited for, it begins after the read, and nobody has the piece
    // meanwhile.
    unsafe { ring.push_linked([read.flags(squeue::Flags::SKIP_SUCCESS), write]) };
    // A short read would come first here, and be found.
    let mut completed = ring.submit_and_wait();
    let result = completed.next().expect("it was waited for").result();
    assert_eq!(result, len as i32, "a read or a write came back short");
}
