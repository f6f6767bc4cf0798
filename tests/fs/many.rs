//! More operations than a queue has room for, one after another and at once.

use futures::future::join_all;
use ringpool::fs::File;
use ringpool::op;
use ringpool::time::sleep;
use ringpool::{Pool, spawn};

use crate::common::limit;
use crate::support::{Scratch, begin, open, pipe};

fn cramped(submissions: u32, completions: u32) -> Pool {
    let builder = Pool::builder().threads(2).submission_entries(submissions);
    builder.completion_entries(completions).build().unwrap()
}

/// As many bytes as there are numbers below 65,536, each number in two.
fn numbers() -> Vec<u8> {
    (0..=u16::MAX).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn five_thousand_reads_one_after_another_are_all_right() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = File::from_std(open(&scratch.file("file", numbers())));
    Pool::new(1).block_on(async {
        for number in 0..5_000_u16 {
            let (count, bytes) = file.read_at([0; 2], u64::from(number) * 2).await.unwrap();
            assert_eq!((count, u16::from_le_bytes(bytes)), (2, number));
        }
    });
}

#[test]
fn more_reads_at_once_than_the_queues_hold_are_all_done() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", numbers());
    for (submissions, completions) in [(1, 1), (1, 2), (2, 2), (4, 4)] {
        let file = File::from_std(open(&path));
        cramped(submissions, completions).block_on(async {
            let read = |number: u16| file.read_at([0; 2], u64::from(number) * 2);
            let outcomes = join_all((0..1000).map(read)).await;
            for (number, outcome) in (0..1000).zip(outcomes) {
                assert_eq!(outcome.unwrap(), (2, u16::to_le_bytes(number)));
            }
        });
    }
}

#[test]
fn more_reads_than_the_queues_hold_that_are_done_all_at_once_are_not_lost() {
    let _limit = limit();
    for (submissions, completions) in [(1, 1), (2, 2), (4, 4)] {
        let (reader, writer) = pipe();
        let tasks: Vec<_> = cramped(submissions, completions).block_on(async {
            let mut reads: Vec<_> = (0..200).map(|_| op::read(&reader, [0; 1])).collect();
            for read in &mut reads {
                begin(read).await;
            }
            let all = spawn(join_all(reads));
            assert_eq!(op::write(&writer, vec![7; 200]).await.unwrap().0, 200);
            all.await.unwrap()
        });
        assert_eq!(tasks.len(), 200);
        assert!(tasks.into_iter().all(|read| read.unwrap() == (1, [7])));
    }
}

#[test]
fn more_reads_than_the_queues_hold_are_all_cancelled() {
    let _limit = limit();
    for (submissions, completions) in [(1, 1), (4, 4)] {
        let (reader, writer) = pipe();
        cramped(submissions, completions).block_on(async {
            let mut reads: Vec<_> = (0..200).map(|_| op::read(&reader, [0; 1])).collect();
            for read in &mut reads {
                begin(read).await;
            }
            let kept = reads.split_off(150);
            let cancelled = reads.split_off(50);
            drop(reads);
            for outcome in join_all(cancelled.into_iter().map(op::Op::cancel)).await {
                assert_eq!(outcome.unwrap_err().error.raw_os_error(), Some(libc::ECANCELED));
            }
            assert_eq!(op::write(&writer, vec![7; 50]).await.unwrap().0, 50);
            for outcome in join_all(kept).await {
                assert_eq!(outcome.unwrap(), (1, [7]));
            }
        });
    }
}

#[test]
fn an_operation_that_the_kernel_refuses_does_not_hold_up_those_behind_it() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt");
    let file = File::from_std(open(&path));
    Pool::new(1).block_on(async {
        let (refused, read, null, unknown_flag, slept, known) = futures::join!(
            // The name and the flags are found wrong before the operation is even queued.
            op::openat2(None, "", libc::O_RDONLY, 0),
            file.read_at([0; 4], 0),
            op::openat2(None, "/dev/null", libc::O_RDONLY, 0),
            op::statx(None, &path, -1),
            sleep(std::time::Duration::from_millis(1)),
            op::statx(None, &path, 0),
        );
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ENOENT));
        assert_eq!(read.unwrap(), (4, *b"salt"));
        assert!(null.is_ok());
        assert_eq!(unknown_flag.unwrap_err().raw_os_error(), Some(libc::EINVAL));
        let () = slept;
        assert_eq!(known.unwrap().len(), 4);
    });
}

#[test]
fn tasks_on_all_rings_share_one_file() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"");
    let file = std::sync::Arc::new(File::from_std(open(&path)));
    let pool = Pool::new(3);
    let writers: Vec<_> = (0..30_u64)
        .map(|number| {
            let file = file.clone();
            pool.spawn(async move {
                for block in 0..20 {
                    let place = (block * 30 + number) * 100;
                    file.write_all_at([number as u8; 100], place).await.unwrap();
                    let ((), back) = file.read_exact_at([0; 100], place).await.unwrap();
                    assert_eq!(back, [number as u8; 100]);
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.wait().unwrap());
    let contents = std::fs::read(path).unwrap();
    assert_eq!(contents.len(), 30 * 20 * 100);
    let numbers = contents.chunks(100).zip((0..20).flat_map(|_| 0..30));
    assert!(numbers.into_iter().all(|(block, number)| block == [number; 100]));
}
