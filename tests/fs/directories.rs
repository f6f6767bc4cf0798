//! Directories that are made, read and removed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use futures::{FutureExt, StreamExt};
use ringpool::fs::{self as ours, DirBuilder};
use ringpool::{Pool, yield_now};

use crate::common::{here, limit};
use crate::support::{Scratch, assert_same_error};

fn names(path: &Path) -> BTreeSet<OsString> {
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn a_directory_of_many_batches_is_read_to_the_last_entry() {
    let _limit = limit();
    let scratch = Scratch::new();
    let root = scratch.path("root");
    fs::create_dir(&root).unwrap();
    for number in 0..3000 {
        let name = format!("{number}-{}", "n".repeat(number % 200));
        fs::write(root.join(name), "").unwrap();
    }
    Pool::new(1).block_on(async {
        let mut entries = ours::read_dir(&root).await.unwrap();
        let mut found = BTreeSet::new();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert_eq!(entry.path(), root.join(entry.file_name()));
            assert!(found.insert(entry.file_name()), "{entry:?} comes twice");
        }
        assert!(found == names(&root), "{} were found", found.len());
        assert!(entries.next_entry().await.unwrap().is_none(), "it stays at its end");
        let stream = ours::read_dir(&root).await.unwrap();
        assert_eq!(stream.map(Result::unwrap).count().await, 3000);
    });
}

#[test]
fn an_entry_knows_what_the_standard_library_knows() {
    let _limit = limit();
    let scratch = Scratch::new();
    scratch.file("file", "contents");
    scratch.named_pipe("pipe");
    fs::create_dir(scratch.path("directory")).unwrap();
    std::os::unix::fs::symlink("file", scratch.path("link")).unwrap();
    let _socket = UnixListener::bind(scratch.path("socket")).unwrap();
    let root = scratch.path("");
    Pool::new(1).block_on(async {
        let mut entries = ours::read_dir(&root).await.unwrap();
        let mut count = 0;
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let mut theirs = fs::read_dir(&root).unwrap().flatten();
            let theirs = theirs.find(|other| other.file_name() == entry.file_name()).unwrap();
            assert_eq!((entry.path(), entry.ino()), (theirs.path(), theirs.ino()));
            let (mine, kind) = (entry.file_type().await.unwrap(), theirs.file_type().unwrap());
            assert_eq!(
                [
                    mine.is_file(),
                    mine.is_dir(),
                    mine.is_symlink(),
                    mine.is_fifo(),
                    mine.is_socket()
                ],
                [
                    kind.is_file(),
                    kind.is_dir(),
                    kind.is_symlink(),
                    kind.is_fifo(),
                    kind.is_socket()
                ],
                "{entry:?}"
            );
            assert_eq!(mine.is_char_device(), kind.is_char_device());
            assert_eq!(mine.is_block_device(), kind.is_block_device());
            let (mine, known) = (entry.metadata().await.unwrap(), theirs.metadata().unwrap());
            assert_eq!(
                (mine.ino(), mine.mode(), mine.len()),
                (known.ino(), known.mode(), known.len())
            );
            assert_eq!(mine.file_type(), entry.file_type().await.unwrap());
            count += 1;
        }
        assert_eq!(count, 5);
    });
}

#[test]
fn entries_are_right_though_the_directory_gets_another_name() {
    let _limit = limit();
    let scratch = Scratch::new();
    let root = scratch.path("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "contents").unwrap();
    Pool::new(1).block_on(async {
        let mut entries = ours::read_dir(&root).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        fs::rename(&root, scratch.path("moved")).unwrap();
        assert_eq!(entry.metadata().await.unwrap().len(), 8);
    });
}

#[test]
fn no_entry_is_lost_to_a_future_that_is_dropped() {
    let _limit = limit();
    let scratch = Scratch::new();
    for number in 0..500 {
        scratch
            .file(&format!("a-rather-long-name-so-that-there-are-many-batches-{number:0100}"), "");
    }
    let root = scratch.path("");
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let mut entries = ours::read_dir(&root).await.unwrap();
        let (mut found, mut dropped) = (BTreeSet::new(), 0);
        loop {
            match entries.next_entry().now_or_never() {
                Some(Ok(Some(entry))) => assert!(found.insert(entry.file_name())),
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error}"),
                None => {
                    dropped += 1;
                    if dropped == 1 {
                        ringpool::switch_to(&there).await.unwrap();
                        assert_eq!(here(), Some(1));
                    }
                    yield_now().await;
                }
            }
        }
        assert!(dropped > 0);
        assert!(found == names(&root), "{} were found", found.len());
    });
}

#[test]
fn what_is_no_directory_cannot_be_read() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    Pool::new(1).block_on(async {
        for path in [file.as_path(), &scratch.path("missing"), &file.join("below")] {
            let mine = ours::read_dir(path).await.unwrap_err();
            assert_same_error(&mine, &fs::read_dir(path).unwrap_err());
        }
        // One that is removed while it is read has come to its end.
        let root = scratch.path("root");
        fs::create_dir(&root).unwrap();
        let mut entries = ours::read_dir(&root).await.unwrap();
        fs::remove_dir(&root).unwrap();
        let ended = entries.next_entry().await;
        assert!(ended.as_ref().is_ok_and(Option::is_none) || ended.is_err());
        assert!(entries.next_entry().await.unwrap().is_none());
    });
}

#[test]
fn directories_are_made_with_those_above_them() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (mine, theirs) = (scratch.path("mine"), scratch.path("theirs"));
    fs::create_dir(&mine).unwrap();
    fs::create_dir(&theirs).unwrap();
    fs::write(mine.join("file"), "").unwrap();
    fs::write(theirs.join("file"), "").unwrap();
    Pool::new(1).block_on(async {
        let below = ["a/b/c", "a/b/c", "a/b/../d/", "file", "file/x", "", "./e/./f", "g/"];
        for (below, recursive) in below.iter().flat_map(|path| [(path, false), (path, true)]) {
            for mode in [0o777, 0o700] {
                let mut builder = DirBuilder::new();
                let made = builder.recursive(recursive).mode(mode).create(mine.join(below)).await;
                let mut builder = fs::DirBuilder::new();
                let made_by_std =
                    builder.recursive(recursive).mode(mode).create(theirs.join(below));
                match (made, made_by_std) {
                    (Ok(()), Ok(())) => {
                        let modes = [&mine, &theirs].map(|root| fs::metadata(root.join(below)));
                        let [a, b] = modes.map(|metadata| metadata.unwrap().mode());
                        assert_eq!(a, b, "{below}");
                    }
                    (Err(a), Err(b)) => assert_same_error(&a, &b),
                    (a, b) => panic!("{below}: {a:?} and {b:?}"),
                }
            }
        }
        assert!(ours::create_dir_all("").await.is_ok(), "as in std");
        let error = ours::create_dir("").await.unwrap_err();
        assert_same_error(&error, &fs::create_dir("").unwrap_err());
    });
    assert!(mine.join("a/d").is_dir() && mine.join("e/f").is_dir());
}

#[test]
fn many_tasks_make_one_tree_at_the_same_time() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(2);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let path = scratch.path(&format!("a/b/c/d/e/{}", number % 3));
            pool.runtime(number % 2).spawn(async move { ours::create_dir_all(path).await })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.wait().unwrap().unwrap());
    assert_eq!(names(&scratch.path("a/b/c/d/e")).len(), 3);
}

#[test]
fn a_tree_is_removed_and_links_in_it_are_not_followed() {
    let _limit = limit();
    let scratch = Scratch::new();
    let kept = scratch.path("kept");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("file"), "kept").unwrap();
    let root = scratch.path("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), "").unwrap();
    std::os::unix::fs::symlink(&kept, root.join("a/link")).unwrap();
    Pool::new(1).block_on(async {
        let error = ours::remove_dir(&root).await.unwrap_err();
        assert_same_error(&error, &fs::remove_dir(&root).unwrap_err());
        ours::remove_dir_all(&root).await.unwrap();
        assert!(!root.exists());
        let error = ours::remove_dir_all(&root).await.unwrap_err();
        assert_same_error(&error, &fs::remove_dir_all(&root).unwrap_err());
    });
    assert_eq!(fs::read(kept.join("file")).unwrap(), b"kept");
}
