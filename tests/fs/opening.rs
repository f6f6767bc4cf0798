//! Opening and closing, beside `std::fs::OpenOptions`.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ringpool::fs::{File, OpenOptions};
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, spawn_blocking};

use crate::common::limit;
use crate::support::{Scratch, assert_same_error, begin, pipe};

/// All six switches of the options, as bits.
fn options(bits: u32) -> (OpenOptions, fs::OpenOptions) {
    let is_set = |bit: u32| bits & (1 << bit) != 0;
    let (mut ours, mut theirs) = (OpenOptions::new(), fs::OpenOptions::new());
    ours.read(is_set(0)).write(is_set(1)).append(is_set(2));
    ours.truncate(is_set(3)).create(is_set(4)).create_new(is_set(5));
    theirs.read(is_set(0)).write(is_set(1)).append(is_set(2));
    theirs.truncate(is_set(3)).create(is_set(4)).create_new(is_set(5));
    (ours, theirs)
}

#[test]
fn every_combination_of_options_does_what_it_does_in_the_standard_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for bits in 0..64 {
        let (ours, theirs) = options(bits);
        for exists in [true, false] {
            let outcome = |who: &str| {
                let path = scratch.path(&format!("{who}-{bits}-{exists}"));
                if exists {
                    fs::write(&path, "contents").unwrap();
                }
                path
            };
            let (our_path, their_path) = (outcome("ours"), outcome("theirs"));
            let opened = pool.block_on(ours.open(&our_path));
            match (opened, theirs.open(&their_path)) {
                (Ok(ours), Ok(theirs)) => assert_same_flags(&ours, &theirs),
                (Err(ours), Err(theirs)) => assert_eq!(ours.kind(), theirs.kind(), "{bits:06b}"),
                (ours, theirs) => panic!("{bits:06b}, exists: {exists}: {ours:?}, {theirs:?}"),
            }
            assert_eq!(fs::read(&our_path).ok(), fs::read(&their_path).ok(), "{bits:06b}");
            if let (Ok(ours), Ok(theirs)) = (fs::metadata(our_path), fs::metadata(their_path)) {
                assert_eq!(ours.permissions(), theirs.permissions());
            }
        }
    }
}

fn assert_same_flags(ours: &File, theirs: &fs::File) {
    for command in [libc::F_GETFL, libc::F_GETFD] {
        // SAFETY: only numbers are passed.
        let flags = |fd| unsafe { libc::fcntl(fd, command) };
        assert_eq!(flags(ours.as_raw_fd()), flags(theirs.as_raw_fd()));
    }
}

#[test]
fn mode_and_further_flags_are_passed_on() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.path("ours"), scratch.path("theirs"));
    let flags = libc::O_SYNC | libc::O_RDWR;
    Pool::new(1).block_on(async {
        let (mut our, mut their) = (OpenOptions::new(), fs::OpenOptions::new());
        our.write(true).create(true).mode(0o100604).custom_flags(flags);
        their.write(true).create(true).mode(0o100604).custom_flags(flags);
        let file = our.open(&ours).await.unwrap();
        assert_same_flags(&file, &their.open(&theirs).unwrap());
        let mode = file.metadata().await.unwrap().permissions().mode();
        assert_eq!(mode, fs::metadata(&theirs).unwrap().permissions().mode());
    });
}

#[test]
fn what_cannot_be_opened_is_reported_as_by_the_standard_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = scratch.file("file", b"");
    let pool = Pool::new(1);
    let below = file.join("below a file");
    let long = "x".repeat(300);
    for path in ["", "nobody/is/here", &long].map(Path::new).into_iter().chain([&*below]) {
        let theirs = fs::File::open(path).unwrap_err();
        let ours = pool.block_on(File::open(path)).unwrap_err();
        assert_same_error(&ours, &theirs);
    }
    for path in [Path::new("/"), Path::new("a\0b")] {
        let theirs = fs::File::create(path).unwrap_err();
        let ours = pool.block_on(File::create(path)).unwrap_err();
        assert_same_error(&ours, &theirs);
    }
    let theirs = fs::OpenOptions::new().write(true).create_new(true).open(&file).unwrap_err();
    let mut options = File::options();
    let ours = pool.block_on(options.write(true).create_new(true).open(&file)).unwrap_err();
    assert_same_error(&ours, &theirs);
    assert_eq!(ours.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn a_path_is_looked_up_in_the_given_directory() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt");
    Pool::new(1).block_on(async {
        let place = path.parent().unwrap();
        let directory = op::openat2(None, place, libc::O_DIRECTORY, 0).await.unwrap();
        let file = op::openat2(Some(&directory), "file", libc::O_RDONLY, 0).await.unwrap();
        assert_eq!(op::read(&file, Vec::with_capacity(10)).await.unwrap().1, b"salt");
        let new = libc::O_CREAT | libc::O_WRONLY;
        let opened = op::openat2(Some(&directory), "new", new, 0o600).await.unwrap();
        op::write(&opened, "pepper").await.unwrap();
        assert_eq!(fs::read(scratch.path("new")).unwrap(), b"pepper");
        let error = op::openat2(Some(&file), "file", libc::O_RDONLY, 0).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTDIR));
    });
}

#[test]
fn a_closed_file_is_closed_when_that_is_said() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        op::write(&writer, "last words").await.unwrap();
        op::close(writer).await.unwrap();
        let (count, _) = op::read(&reader, [0; 100]).await.unwrap();
        assert_eq!(count, 10);
        // Nobody has the other end any more: the end of the pipe is there at once.
        assert_eq!(op::read(&reader, [0; 100]).await.unwrap().0, 0);
    });
}

#[test]
fn a_close_that_never_begins_closes_all_the_same() {
    let _limit = limit();
    let pool = Pool::new(1);
    for way in 0..4 {
        let (reader, writer) = pipe();
        match way {
            0 => drop(op::close(writer)),
            1 => {
                let cancelled = op::close(writer).cancel();
                let error = pool.block_on(cancelled).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
            }
            2 => {
                let error = futures::executor::block_on(op::close(writer)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported);
            }
            _ => pool.block_on(async {
                let mut close = op::close(writer);
                crate::support::begin_without_submitting(&mut close).await;
                drop(close);
            }),
        }
        let (count, _) = pool.block_on(op::read(&reader, [0; 1])).unwrap();
        assert_eq!(count, 0, "way {way}: the writer is gone");
    }
}

#[test]
fn a_close_beside_other_owners_says_so_and_the_last_of_them_closes() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let (_unused, idle_writer) = pipe();
    Pool::new(1).block_on(async {
        let mut waiting = op::read(&reader, [0; 8]);
        begin(&mut waiting).await;
        let error = op::close(reader).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        assert!(error.to_string().contains("other owners"), "{error}");
        op::write(&writer, "still").await.unwrap();
        assert_eq!(waiting.await.unwrap().0, 5, "the read has its descriptor until it is done");
        let error = op::write(&writer, "nobody").await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::BrokenPipe, "and nobody else had it");
        let clone = idle_writer.clone();
        assert_eq!(op::close(idle_writer).await.unwrap_err().kind(), ErrorKind::ResourceBusy);
        op::close(clone).await.unwrap();
    });
}

#[test]
fn a_file_becomes_the_standard_librarys_unless_operations_are_under_way() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let file = File::from(reader);
        let number = file.as_raw_fd();
        let mut read = file.read_at([0; 8], 0);
        begin(&mut read).await;
        let file = file.into_std().expect_err("a read is under way");
        assert_eq!(file.as_raw_fd(), number);
        op::write(&writer, "done").await.unwrap();
        read.await.unwrap();
        let file = file.into_std().expect("nothing is under way");
        assert_eq!(file.as_raw_fd(), number);
    });
}

#[test]
fn a_clone_has_a_descriptor_of_its_own() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let file = File::open("/dev/zero").await.unwrap();
        let clone = file.try_clone().unwrap();
        assert_ne!(file.as_raw_fd(), clone.as_raw_fd());
        file.close().await.unwrap();
        assert_eq!(clone.read_at([1; 4], 0).await.unwrap().1, [0; 4]);
        let owned: OwnedFd = clone.into_std().expect("the only one").into();
        assert!(SharedFd::from(owned).try_into_owned().is_ok());
    });
}

#[test]
fn the_descriptor_of_an_open_that_nobody_waits_for_is_closed() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.named_pipe("pipe");
    Pool::new(1).block_on(async {
        for _ in 0..20 {
            // With this flag the kernel opens it in a thread of its own, which waits for a reader.
            let mut write_end = op::openat2(None, &path, libc::O_WRONLY | libc::O_CREAT, 0o600);
            begin(&mut write_end).await;
            let other_end = path.clone();
            let reader = spawn_blocking(move || fs::File::open(other_end)).await.unwrap().unwrap();
            drop(write_end);
            // The writer was there, opened or about to be; when it is gone the pipe ends.
            assert_eq!(File::from_std(reader).read([0; 8]).await.unwrap().0, 0);
        }
    });
}

#[test]
fn a_named_pipe_is_opened_to_write_when_somebody_reads() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.named_pipe("pipe");
    Pool::new(1).block_on(async {
        let error = op::openat2(None, &path, libc::O_WRONLY, 0).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENXIO), "the bare operation does not wait");
        let mut not_waiting = File::options();
        not_waiting.write(true).custom_flags(libc::O_NONBLOCK);
        let error = not_waiting.open(&path).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENXIO), "it is told not to");
        let write = async {
            let mut file = File::options().write(true).open(&path).await.unwrap();
            file.write_all(*b"salt").await.unwrap();
        };
        let read = async {
            for _ in 0..10 {
                ringpool::yield_now().await;
            }
            ringpool::fs::read(&path).await.unwrap()
        };
        assert_eq!(futures::join!(write, read).1, b"salt");
    });
}

#[test]
fn futures_of_files_can_be_sent() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let path = Path::new("/dev/null");
    let file = || File::from_std(fs::File::open(path).unwrap());
    let (one, mut two) = (sent(file()), file());
    drop(sent(File::open(path)));
    drop(sent(one.read_at(vec![0; 1], 0)));
    drop(sent(one.read_exact_at(vec![0; 1], 0)));
    drop(sent(one.write_all_at("x", 0)));
    drop(sent(one.metadata()));
    drop(sent(one.close()));
    drop(sent(two.read([0; 1])));
    drop(sent(two.write_all("x")));
    drop(sent(op::readv(two.shared_fd(), vec![vec![0; 1]])));
    drop(sent(ringpool::fs::read(path)));
    drop(sent(ringpool::fs::write(path, "x")));
    drop(sent(ringpool::fs::metadata(path)));
}
