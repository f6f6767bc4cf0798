//! Whole files.

use std::fs;
use std::io::ErrorKind;
use std::io::Write;

use ringpool::Pool;
use ringpool::fs::{read, read_to_string, write};

use crate::common::limit;
use crate::support::{Scratch, assert_same_error};

#[test]
fn a_file_of_any_size_is_read_as_it_is() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for size in [0, 1, 100, 16_383, 16_384, 16_385, 32_768, 100_000, 3_000_000] {
        let contents: Vec<u8> = (0..size).map(|at| (at * 31 + at / 253) as u8).collect();
        let path = scratch.file("file", &contents);
        let ours = pool.block_on(read(&path)).unwrap();
        assert!(ours == contents, "{size} bytes were read as {}", ours.len());
        assert!(ours.capacity() <= 2 * size + 64, "{} for {size}", ours.capacity());
    }
}

#[test]
fn a_file_whose_length_is_said_to_be_zero_is_read_to_its_end() {
    let _limit = limit();
    let pool = Pool::new(1);
    let path = "/proc/self/limits";
    assert_eq!(fs::metadata(path).unwrap().len(), 0);
    assert_eq!(pool.block_on(read(path)).unwrap(), fs::read(path).unwrap());
    // Of this one a read gives a page at most, and it is longer than the first room.
    let path = "/proc/kallsyms";
    if let Ok(theirs) = fs::read(path) {
        assert!(pool.block_on(read(path)).unwrap() == theirs, "{} bytes", theirs.len());
    }
}

#[test]
fn a_named_pipe_is_read_until_its_writer_is_gone() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.named_pipe("pipe");
    let sent: Vec<u8> = (0..200_000).map(|at| (at % 251) as u8).collect();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut pipe = fs::OpenOptions::new().write(true).open(&path).unwrap();
            sent.chunks(1000).for_each(|part| pipe.write_all(part).unwrap());
        });
        let received = Pool::new(1).block_on(read(&path)).unwrap();
        writer.join().unwrap();
        assert!(received == sent, "{} bytes came", received.len());
    });
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_up_to_an_end_it_had() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", vec![1; 20_000]);
    let pool = Pool::new(1);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            for _ in 0..1000 {
                if is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                file.write_all(&[1; 1000]).unwrap();
            }
        });
        let mut shortest = 20_000;
        for _ in 0..50 {
            let contents = pool.block_on(read(&path)).unwrap();
            assert!(contents.iter().all(|byte| *byte == 1));
            assert!(contents.len() >= shortest, "{} after {shortest}", contents.len());
            shortest = contents.len();
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn text_has_to_be_text() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let text = scratch.file("text", "Grüße");
    assert_eq!(pool.block_on(read_to_string(text)).unwrap(), "Grüße");
    let bytes = scratch.file("bytes", b"Gr\xfc\xdfe");
    let ours = pool.block_on(read_to_string(&bytes)).unwrap_err();
    assert_same_error(&ours, &fs::read_to_string(&bytes).unwrap_err());
    assert!(ours.to_string().contains("index 2"), "{ours}");
}

#[test]
fn what_is_written_replaces_what_was_there() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let path = scratch.path("file");
    let long = vec![7; 1_000_000];
    assert_eq!(pool.block_on(write(&path, long.clone())).unwrap(), ((), long.clone()));
    assert!(fs::read(&path).unwrap() == long);
    pool.block_on(write(&path, "short")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"short");
    pool.block_on(write(&path, "")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn what_cannot_be_read_or_written_is_reported_as_by_the_standard_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let nobody = scratch.path("nobody/is/here");
    for path in [nobody.as_path(), nobody.parent().unwrap().parent().unwrap(), "/".as_ref()] {
        let ours = pool.block_on(read(path)).unwrap_err();
        assert_same_error(&ours, &fs::read(path).unwrap_err());
    }
    let ours = pool.block_on(write(&nobody, vec![1, 2, 3])).unwrap_err();
    assert_same_error(&ours.error, &fs::write(&nobody, "").unwrap_err());
    assert_eq!((ours.error.kind(), ours.buffer), (ErrorKind::NotFound, vec![1, 2, 3]));
    let ours = pool.block_on(write("/dev/full", vec![1, 2, 3])).unwrap_err();
    assert_same_error(&ours.error, &fs::write("/dev/full", [1, 2, 3]).unwrap_err());
    assert_eq!(ours.buffer, [1, 2, 3]);
}
