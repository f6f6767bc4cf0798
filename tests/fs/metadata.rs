//! What file systems know, beside the standard library's answers.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use ringpool::Pool;
use ringpool::fs::{File, Metadata, metadata, symlink_metadata};
use ringpool::op;

use crate::common::limit;
use crate::support::{Scratch, assert_same_error, open, pipe};

#[track_caller]
fn assert_same(ours: &Metadata, theirs: &fs::Metadata) {
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours.is_file(), theirs.is_file());
    assert_eq!(ours.is_dir(), theirs.is_dir());
    assert_eq!(ours.is_symlink(), theirs.is_symlink());
    assert_eq!(ours.is_fifo(), theirs.file_type().is_fifo());
    assert_eq!(ours.is_socket(), theirs.file_type().is_socket());
    assert_eq!(ours.is_char_device(), theirs.file_type().is_char_device());
    assert_eq!(ours.is_block_device(), theirs.file_type().is_block_device());
    assert_eq!(ours.permissions(), theirs.permissions());
    assert_eq!(ours.mode(), theirs.mode());
    assert_eq!((ours.dev(), ours.rdev()), (theirs.dev(), theirs.rdev()));
    assert_eq!((ours.ino(), ours.nlink()), (theirs.ino(), theirs.nlink()));
    assert_eq!((ours.uid(), ours.gid()), (theirs.uid(), theirs.gid()));
    assert_eq!((ours.blocks(), ours.blksize()), (theirs.blocks(), theirs.blksize()));
    assert_eq!(ours.modified().unwrap(), theirs.modified().unwrap());
    assert_eq!(ours.accessed().unwrap(), theirs.accessed().unwrap());
    assert_eq!(ours.created().ok(), theirs.created().ok());
    assert_eq!(ours.created().map_err(|e| e.kind()), theirs.created().map_err(|e| e.kind()));
}

#[test]
fn files_directories_links_and_devices_look_as_to_the_standard_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", vec![1; 10_000]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&path, scratch.path("another name")).unwrap();
    let link = scratch.path("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    Pool::new(1).block_on(async {
        let directory = path.parent().unwrap();
        let paths = [&path, &link, directory, Path::new("/dev/null"), Path::new("/proc/self")];
        for path in paths {
            let theirs = fs::metadata(path).unwrap();
            assert_same(&metadata(path).await.unwrap(), &theirs);
            let theirs = fs::symlink_metadata(path).unwrap();
            assert_same(&symlink_metadata(path).await.unwrap(), &theirs);
        }
        assert!(symlink_metadata(&link).await.unwrap().is_symlink());
        let file = File::open(&path).await.unwrap();
        assert_same(&file.metadata().await.unwrap(), &fs::metadata(&path).unwrap());
    });
}

#[test]
fn what_is_not_there_is_reported_as_by_the_standard_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = scratch.file("file", b"");
    let paths = [scratch.path("nobody"), file.join("below a file"), "".into(), "a\0b".into()];
    Pool::new(1).block_on(async {
        for path in &paths[..3] {
            let theirs = fs::metadata(path).unwrap_err();
            assert_same_error(&metadata(path).await.unwrap_err(), &theirs);
            let theirs = fs::symlink_metadata(path).unwrap_err();
            assert_same_error(&symlink_metadata(path).await.unwrap_err(), &theirs);
        }
        let ours = metadata(&paths[3]).await.unwrap_err();
        assert_same_error(&ours, &fs::metadata(&paths[3]).unwrap_err());
        assert!(ours.to_string().contains(r"a\0b"), "{ours}");
    });
}

#[test]
fn a_file_that_has_no_name_is_looked_at_by_its_descriptor() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt");
    let std_file = open(&path);
    fs::remove_file(&path).unwrap();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let theirs = std_file.metadata().unwrap();
        let file = File::from_std(std_file);
        assert_same(&file.metadata().await.unwrap(), &theirs);
        assert_eq!(theirs.nlink(), 0);
        assert!(op::statx(Some(&reader), "", libc::AT_EMPTY_PATH).await.unwrap().is_fifo());
    });
}

#[test]
fn a_name_is_looked_up_in_the_given_directory() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt");
    Pool::new(1).block_on(async {
        let directory = File::open(path.parent().unwrap()).await.unwrap();
        let ours = op::statx(Some(directory.shared_fd()), "file", 0).await.unwrap();
        assert_same(&ours, &fs::metadata(&path).unwrap());
    });
}
