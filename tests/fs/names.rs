//! Names of files, beside the calls of the C library.

use std::ffi::CString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ringpool::Pool;
use ringpool::fs as ours;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::support::{Scratch, assert_same_error};

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no zero in it")
}

fn answer(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The same outcome: both well, or the same error.
#[track_caller]
fn assert_same<T, U>(ours: io::Result<T>, theirs: io::Result<U>) {
    match (ours, theirs) {
        (Ok(_), Ok(_)) => {}
        (Err(ours), Err(theirs)) => assert_same_error(&ours, &theirs),
        (ours, theirs) => panic!("{:?} and {:?}", ours.err(), theirs.err()),
    }
}

fn rename_in_c(old: &Path, new: &Path, flags: u32) -> io::Result<()> {
    let (old, new) = (text(old), text(new));
    // SAFETY: both texts end with a zero.
    answer(unsafe {
        libc::renameat2(libc::AT_FDCWD, old.as_ptr(), libc::AT_FDCWD, new.as_ptr(), flags)
    })
}

fn link_in_c(old: &Path, new: &Path, flags: i32) -> io::Result<()> {
    let (old, new) = (text(old), text(new));
    // SAFETY: both texts end with a zero.
    answer(unsafe {
        libc::linkat(libc::AT_FDCWD, old.as_ptr(), libc::AT_FDCWD, new.as_ptr(), flags)
    })
}

fn unlink_in_c(path: &Path, flags: i32) -> io::Result<()> {
    let path = text(path);
    // SAFETY: the text ends with a zero.
    answer(unsafe { libc::unlinkat(libc::AT_FDCWD, path.as_ptr(), flags) })
}

/// Two files, a directory with a file in it, an empty directory, and links.
fn tree(scratch: &Scratch, name: &str) -> PathBuf {
    let root = scratch.path(name);
    fs::create_dir_all(root.join("full")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("one"), "first").unwrap();
    fs::write(root.join("two"), "second").unwrap();
    fs::write(root.join("full/inside"), "third").unwrap();
    std::os::unix::fs::symlink("one", root.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("broken")).unwrap();
    root
}

/// Every path below `root`, with what is there.
fn contents(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().unwrap();
        let what = if kind.is_dir() {
            contents(&path).concat()
        } else if kind.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else {
            fs::read_to_string(&path).unwrap()
        };
        found.push(format!("{name:?}: {kind:?} {what}; "));
    }
    found.sort();
    found
}

const NAMES: [&str; 8] =
    ["one", "two", "full", "empty", "link", "broken", "missing", "missing/below"];

#[test]
fn a_rename_does_what_renameat2_does_with_every_flag() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for flags in [0, libc::RENAME_NOREPLACE, libc::RENAME_EXCHANGE, 1 << 31] {
        for (from, to) in NAMES.iter().flat_map(|from| NAMES.map(|to| (from, to))) {
            if from > &"link" && to > "link" {
                // Nothing new is learnt from them.
                continue;
            }
            let (mine, theirs) = (tree(&scratch, "mine"), tree(&scratch, "theirs"));
            let renamed = op::renameat(None, mine.join(from), None, mine.join(to), flags);
            let renamed = pool.block_on(renamed);
            assert_same(renamed, rename_in_c(&theirs.join(from), &theirs.join(to), flags));
            assert_eq!(contents(&mine), contents(&theirs), "{from} to {to} with {flags}");
            fs::remove_dir_all(mine).unwrap();
            fs::remove_dir_all(theirs).unwrap();
        }
    }
}

#[test]
fn a_hard_link_is_what_linkat_makes() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for flags in [0, libc::AT_SYMLINK_FOLLOW, 1] {
        let name = format!("{flags}");
        let mine = tree(&scratch, &format!("mine{name}"));
        let theirs = tree(&scratch, &format!("theirs{name}"));
        for (number, from) in NAMES.iter().enumerate() {
            let to = format!("new{number}");
            let linked = op::linkat(None, mine.join(from), None, mine.join(&to), flags);
            assert_same(
                pool.block_on(linked),
                link_in_c(&theirs.join(from), &theirs.join(&to), flags),
            );
        }
        assert_eq!(contents(&mine), contents(&theirs), "with {flags}");
    }
}

#[test]
fn an_open_file_without_a_name_gets_one() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.path("named");
    Pool::new(1).block_on(async {
        let directory = path.parent().unwrap();
        let flags = libc::O_TMPFILE | libc::O_RDWR;
        let file = op::openat2(None, directory, flags, 0o600).await.unwrap();
        op::write_at(&file, "unnamed", 0).await.unwrap();
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        op::linkat(None, own, None, &path, libc::AT_SYMLINK_FOLLOW).await.unwrap();
    });
    assert_eq!(fs::read(path).unwrap(), b"unnamed");
}

#[test]
fn a_name_is_taken_away_as_by_unlinkat() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for flags in [0, libc::AT_REMOVEDIR, 1] {
        for name in NAMES {
            let (mine, theirs) = (tree(&scratch, "mine"), tree(&scratch, "theirs"));
            let unlinked = pool.block_on(op::unlinkat(None, mine.join(name), flags));
            assert_same(unlinked, unlink_in_c(&theirs.join(name), flags));
            assert_eq!(contents(&mine), contents(&theirs), "{name} with {flags}");
            fs::remove_dir_all(mine).unwrap();
            fs::remove_dir_all(theirs).unwrap();
        }
    }
}

#[test]
fn directories_and_symbolic_links_are_made_as_by_the_c_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    let (mine, theirs) = (tree(&scratch, "mine"), tree(&scratch, "theirs"));
    for (name, mode) in
        NAMES.into_iter().chain(["new", "full/new"]).zip([0o700, 0o777].iter().cycle())
    {
        let made = pool.block_on(op::mkdirat(None, mine.join(name), *mode));
        let their_path = text(&theirs.join(name));
        // SAFETY: the text ends with a zero.
        let in_c = answer(unsafe { libc::mkdirat(libc::AT_FDCWD, their_path.as_ptr(), *mode) });
        assert_same(made, in_c);
        let modes =
            [&mine, &theirs].map(|root| fs::metadata(root.join(name)).map(|m| m.mode()).ok());
        assert_eq!(modes[0], modes[1], "{name}");
    }
    for (number, target) in ["one", "/", "nowhere/at/all", ""].into_iter().enumerate() {
        for name in ["two".to_owned(), format!("link{number}"), "missing/below/link".to_owned()] {
            let made = pool.block_on(op::symlinkat(target, None, mine.join(&name)));
            assert_same(made, std::os::unix::fs::symlink(target, theirs.join(&name)));
        }
    }
    assert_eq!(contents(&mine), contents(&theirs));
}

#[test]
fn paths_count_from_the_directory_that_is_given() {
    let _limit = limit();
    let scratch = Scratch::new();
    let root = tree(&scratch, "root");
    let open = |name: &str| SharedFd::from(OwnedFd::from(fs::File::open(root.join(name)).unwrap()));
    let (full, empty) = (open("full"), open("empty"));
    Pool::new(1).block_on(async {
        let (full, empty) = (Some(&full), Some(&empty));
        op::renameat(full, "inside", empty, "moved", 0).await.unwrap();
        op::linkat(empty, "moved", full, "linked", 0).await.unwrap();
        op::symlinkat("linked", full, "led").await.unwrap();
        op::mkdirat(empty, "new", 0o700).await.unwrap();
        op::mkdirat(empty, "gone", 0o700).await.unwrap();
        op::unlinkat(empty, "gone", libc::AT_REMOVEDIR).await.unwrap();
        op::unlinkat(empty, "moved", 0).await.unwrap();
    });
    assert_eq!(fs::read(root.join("full/led")).unwrap(), b"third");
    assert!(root.join("empty/new").is_dir());
    assert_eq!(fs::read_dir(root.join("empty")).unwrap().count(), 1);
}

#[test]
fn a_path_with_a_zero_byte_is_refused_whichever_it_is() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (good, bad) = ("good", "b\0d");
    let all = pool.block_on(async {
        vec![
            op::renameat(None, bad, None, good, 0).await,
            op::renameat(None, good, None, bad, 0).await,
            op::linkat(None, bad, None, bad, 0).await,
            op::linkat(None, good, None, bad, 0).await,
            op::symlinkat(bad, None, good).await,
            op::symlinkat(good, None, bad).await,
            op::unlinkat(None, bad, 0).await,
            op::mkdirat(None, bad, 0).await,
        ]
    });
    for result in all {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn an_operation_on_names_that_is_dropped_or_cancelled_is_done_or_not() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (old, new) = (scratch.path("old"), scratch.path("new"));
    Pool::new(1).block_on(async {
        for round in 0..100 {
            fs::write(&old, "contents").unwrap();
            let mut rename = op::renameat(None, &old, None, &new, 0);
            if round % 2 == 0 {
                assert!(futures::poll!(&mut rename).is_pending());
            }
            let outcome = rename.cancel().await;
            assert_eq!(outcome.is_ok(), new.exists());
            assert_ne!(outcome.is_ok(), old.exists());
            let _ = fs::remove_file(&old);
            let _ = fs::remove_file(&new);
        }
    });
}

#[test]
fn what_is_done_by_name_is_what_the_standard_library_does() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (mine, theirs) = (tree(&scratch, "mine"), tree(&scratch, "theirs"));
    Pool::new(1).block_on(async {
        for (number, name) in NAMES.into_iter().enumerate() {
            let (a, b) = (mine.join(name), theirs.join(name));
            let to = format!("to{number}");
            assert_eq!(ours::exists(&a).await.unwrap(), fs::exists(&b).unwrap());
            assert_same(
                ours::hard_link(&a, mine.join(&to)).await,
                fs::hard_link(&b, theirs.join(&to)),
            );
            assert_same(ours::read_link(&a).await, fs::read_link(&b));
            assert_same(ours::canonicalize(&a).await, fs::canonicalize(&b));
            let rights = fs::Permissions::from_mode(0o640);
            assert_same(
                ours::set_permissions(&a, rights.clone()).await,
                fs::set_permissions(&b, rights),
            );
            assert_same(ours::remove_dir(&a).await, fs::remove_dir(&b));
            assert_same(
                ours::rename(&a, mine.join("last")).await,
                fs::rename(&b, theirs.join("last")),
            );
            assert_same(ours::remove_file(&a).await, fs::remove_file(&b));
            assert_same(ours::symlink("x", &a).await, std::os::unix::fs::symlink("x", &b));
        }
        assert_eq!(ours::read_link(mine.join("one")).await.unwrap(), Path::new("x"));
        assert_eq!(ours::canonicalize(&mine).await.unwrap(), fs::canonicalize(&mine).unwrap());
        let below_a_file = scratch.file("file", "").join("below");
        assert_same(ours::exists(&below_a_file).await, fs::exists(&below_a_file));
    });
    assert_eq!(contents(&mine), contents(&theirs));
}

#[test]
fn outside_a_pool_an_error_says_so() {
    let _limit = limit();
    use futures::executor::block_on;
    let kind = |error: io::Error| error.kind();
    assert_eq!(block_on(ours::remove_file("/missing")).map_err(kind), Err(ErrorKind::Unsupported));
    let read = block_on(ours::read_link("/missing")).map_err(kind);
    assert_eq!(read, Err(ErrorKind::Unsupported));
    let all = block_on(ours::remove_dir_all("/missing")).map_err(kind);
    assert_eq!(all, Err(ErrorKind::Unsupported));
}
