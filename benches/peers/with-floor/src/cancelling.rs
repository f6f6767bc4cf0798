//! Receives that are cancelled.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use io_uring::types::Fd;
use io_uring::{opcode, squeue};
use workload::processors::on_core;
use workload::rounds::repeat_calls;
use workload::{Cost, Job};

use crate::ring::{BareRing, with_bare_ring};

/// Receives that are under way at once.
const RECEIVES: usize = 1_000;
/// So long they wait before they are cancelled.
const WAITING: Duration = Duration::from_millis(2);
/// What a receive ends with that was cancelled.
const CANCELED: i32 = -125;

/// Cancels receives that each wait for a byte of a connection of their own, and waits for their
/// ends. The connections must not have lost anything by that.
pub(crate) fn cancel(job: &Job) -> Cost {
    let pairs = (0..RECEIVES).map(|_| UnixStream::pair().expect("there are descriptors"));
    let (ours, mut theirs): (Vec<_>, Vec<_>) = pairs.unzip();
    on_core(0, || {
        with_bare_ring(|mut ring, _| {
            let mut bytes = vec![0_u8; RECEIVES];
            let cost = repeat_calls(1, job.count, || {
                receive_all(&mut ring, &ours, &mut bytes);
                std::thread::sleep(WAITING);
                for number in 0..RECEIVES as u64 {
                    let cancel = opcode::AsyncCancel::new(number).build();
                    // SAFETY: it points to nothing.
                    unsafe { ring.push(&cancel.flags(squeue::Flags::SKIP_SUCCESS)) };
                }
                assert!(ends(&mut ring).iter().all(|end| *end == CANCELED), "nothing was there");
            });
            theirs.iter_mut().for_each(|one| one.write_all(b"x").expect("it is open"));
            receive_all(&mut ring, &ours, &mut bytes);
            assert!(ends(&mut ring).iter().all(|end| *end == 1), "a byte is lost");
            cost
        })
    })
}

/// Begins a receive of one byte from each.
fn receive_all(ring: &mut BareRing<'_>, streams: &[UnixStream], bytes: &mut [u8]) {
    for ((number, stream), byte) in streams.iter().enumerate().zip(bytes) {
        let receive = opcode::Recv::new(Fd(stream.as_raw_fd()), byte, 1).build();
        // SAFETY: all have ended before the bytes go, which `ends` waits for.
        unsafe { ring.push(&receive.user_data(number as u64)) };
    }
    ring.submit();
}

/// Waits for the ends of all.
fn ends(ring: &mut BareRing<'_>) -> Vec<i32> {
    let mut ends = Vec::with_capacity(RECEIVES);
    while ends.len() < RECEIVES {
        ends.extend(ring.submit_and_wait().map(|end| end.result()));
    }
    ends
}
