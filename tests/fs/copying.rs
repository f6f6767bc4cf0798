//! Copies of whole files, and files that are replaced as a whole.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use futures::FutureExt;
use ringpool::fs::{AtomicFile, copy, write_atomic};
use ringpool::{Pool, yield_now};

use crate::common::{limit, until};
use crate::support::{Scratch, assert_same_error};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode()
}

fn count(path: &Path) -> usize {
    fs::read_dir(path).unwrap().count()
}

#[test]
fn a_copy_has_the_contents_and_the_rights_of_the_original() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for (len, rights) in [(0, 0o600), (1, 0o755), (4096, 0o444), (500_000, 0o640)] {
        let contents: Vec<u8> = (0..len).map(|at: u32| (at * 7 + at / 251) as u8).collect();
        let from = scratch.file("from", &contents);
        fs::set_permissions(&from, fs::Permissions::from_mode(rights)).unwrap();
        for there_already in [false, true] {
            let (mine, theirs) = (scratch.path("mine"), scratch.path("theirs"));
            if there_already {
                fs::write(&mine, vec![1; 10_000]).unwrap();
                fs::write(&theirs, vec![1; 10_000]).unwrap();
            }
            let copied = pool.block_on(copy(&from, &mine)).unwrap();
            assert_eq!(copied, fs::copy(&from, &theirs).unwrap());
            assert!(fs::read(&mine).unwrap() == contents);
            assert_eq!((mode(&mine), mode(&mine) & 0o777), (mode(&theirs), rights));
            fs::remove_file(mine).unwrap();
            fs::remove_file(theirs).unwrap();
        }
        fs::remove_file(from).unwrap();
    }
}

#[test]
fn holes_stay_holes_and_data_between_them_stays_data() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let layouts: [&[(u64, usize)]; 4] =
        [&[], &[(0, 10)], &[(5 << 20, 5000)], &[(1 << 20, 1), (9 << 20, 9)]];
    for layout in layouts {
        let (from, to) = (scratch.file("from", ""), scratch.path("to"));
        let file = fs::OpenOptions::new().write(true).open(&from).unwrap();
        file.set_len(16 << 20).unwrap();
        for (offset, len) in layout {
            file.write_all_at(&vec![7; *len], *offset).unwrap();
        }
        assert_eq!(pool.block_on(copy(&from, &to)).unwrap(), 16 << 20);
        let copied = fs::metadata(&to).unwrap();
        assert_eq!(copied.len(), 16 << 20);
        assert!(copied.blocks() * 512 < 1 << 20, "{} blocks", copied.blocks());
        let same = std::process::Command::new("cmp").arg(&from).arg(&to).status().unwrap();
        assert!(same.success(), "{layout:?}");
        fs::remove_file(&to).unwrap();
    }
}

#[test]
fn files_without_a_length_and_other_devices_are_copied_too() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let to = scratch.path("to");
    let copied = pool.block_on(copy("/proc/version", &to)).unwrap();
    assert_eq!(fs::read(&to).unwrap(), fs::read("/proc/version").unwrap());
    assert_eq!(copied, fs::metadata(&to).unwrap().len());
    let from = scratch.file("from", "contents");
    assert_eq!(pool.block_on(copy(&from, "/dev/null")).unwrap(), 8);
    let link = scratch.path("link");
    std::os::unix::fs::symlink(&from, &link).unwrap();
    assert_eq!(pool.block_on(copy(&link, &to)).unwrap(), 8);
    assert_eq!(fs::read(&to).unwrap(), b"contents");
}

#[test]
fn what_cannot_be_copied_is_refused_and_nothing_is_lost() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let (from, root) = (scratch.file("from", "contents"), scratch.path(""));
    for (from, to) in [
        (scratch.path("missing"), scratch.path("to")),
        (from.clone(), scratch.path("missing/to")),
        (from.clone(), root.clone()),
    ] {
        let mine = pool.block_on(copy(&from, &to)).unwrap_err();
        assert_same_error(&mine, &fs::copy(&from, &to).unwrap_err());
    }
    let mine = pool.block_on(copy(&root, scratch.path("to"))).unwrap_err();
    assert_eq!(mine.kind(), fs::copy(&root, scratch.path("to")).unwrap_err().kind());
    let link = scratch.path("link");
    fs::hard_link(&from, &link).unwrap();
    for itself in [&from, &link] {
        let error = pool.block_on(copy(&from, itself)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(fs::read(&from).unwrap(), b"contents");
    }
}

#[test]
fn a_copy_that_is_dropped_stops() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (from, to) = (scratch.path("from"), scratch.path("to"));
    let file = fs::File::create(&from).unwrap();
    // Data, of which no part is a hole, and which takes more than two steps.
    for step in 0..96 {
        file.write_all_at(&vec![step; 1 << 20], u64::from(step) << 20).unwrap();
    }
    let pool = Pool::builder().threads(1).build().unwrap();
    pool.block_on(async {
        let mut copying = Box::pin(copy(&from, &to));
        assert!(futures::poll!(&mut copying).is_pending());
        while !to.exists() {
            yield_now().await;
        }
        drop(copying);
    });
    // Its thread ends its step before the pool does.
    drop(pool);
    let copied = fs::metadata(&to).unwrap().len();
    assert!(copied <= 32 << 20, "{copied} bytes were copied");
}

#[test]
fn a_file_is_replaced_as_a_whole_and_keeps_its_mode() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let path = scratch.path("file");
    assert_eq!(pool.block_on(write_atomic(&path, "first")).unwrap(), ((), "first"));
    let fresh = scratch.file("fresh", "");
    assert_eq!(mode(&path), mode(&fresh), "the umask counts");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut old = fs::File::open(&path).unwrap();
    let number = fs::metadata(&path).unwrap().ino();
    pool.block_on(write_atomic(&path, vec![7; 1_000_000])).unwrap();
    assert!(fs::read(&path).unwrap() == vec![7; 1_000_000]);
    assert_eq!(mode(&path) & 0o7777, 0o640);
    assert_ne!(fs::metadata(&path).unwrap().ino(), number);
    let mut before = String::new();
    std::io::Read::read_to_string(&mut old, &mut before).unwrap();
    assert_eq!(before, "first", "who had it open still has the old one");
    let link = scratch.path("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    pool.block_on(write_atomic(&link, "through the link")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"through the link");
    assert!(link.is_symlink());
    assert_eq!(count(&scratch.path("")), 3, "nothing is left behind");
}

#[test]
fn a_replacement_that_is_dropped_leaves_the_old_file_and_nothing_else() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "old");
    Pool::new(2).block_on(async {
        let mut file = AtomicFile::create(&path).await.unwrap();
        file.file().write_all("new").await.unwrap();
        drop(file);
        drop(AtomicFile::create(&path).now_or_never());
        let file = AtomicFile::create(&path).await.unwrap();
        assert!(file.commit().now_or_never().is_none());
        let (mut done, mut not_done) = (0, 0);
        for polls in 0..200 {
            fs::write(&path, "old").unwrap();
            let mut replacing = Box::pin(write_atomic(&path, "new"));
            let mut is_ready = false;
            for _ in 0..polls {
                is_ready = is_ready || futures::poll!(&mut replacing).is_ready();
                if is_ready {
                    break;
                }
                yield_now().await;
            }
            drop(replacing);
            let found = fs::read(&path).unwrap();
            assert!(found == b"old" || found == b"new", "{found:?}");
            done += usize::from(is_ready);
            not_done += usize::from(!is_ready);
        }
        println!("{done} were done and {not_done} were not");
        assert!(not_done > 0);
    });
    // A job that had begun went on to its end.
    until(|| count(&scratch.path("")) == 1);
}

#[test]
fn what_cannot_be_replaced_is_as_it_was() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let directory = scratch.path("directory");
    fs::create_dir(&directory).unwrap();
    for path in [directory.as_path(), "/dev/null".as_ref(), "".as_ref(), "/".as_ref()] {
        let error = pool.block_on(write_atomic(path, vec![1])).unwrap_err();
        assert_eq!(
            (error.error.kind(), error.buffer),
            (ErrorKind::InvalidInput, vec![1]),
            "{path:?}"
        );
    }
    let below = scratch.path("missing/below");
    let error = pool.block_on(write_atomic(below, vec![1])).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::NotFound, vec![1]));
    // The name is taken by a directory while the contents are written.
    let path = scratch.path("file");
    pool.block_on(async {
        let file = AtomicFile::create(&path).await.unwrap();
        fs::create_dir(&path).unwrap();
        let error = file.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
    });
    assert_eq!(count(&scratch.path("")), 2, "nothing is left behind");
    // A file system that has no unnamed files.
    let error = pool.block_on(write_atomic("/proc/self/no-such-file", "x")).unwrap_err();
    assert!(error.error.raw_os_error().is_some(), "{error}");
}
