//! Finding the files, in the order of their paths' bytes, without holding more than the listings of
//! the directories one is in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A regular file, or what was one when it was looked at.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// The path as it is to be printed.
    bytes: Vec<u8>,
    /// Named by the user, so that a symbolic link is followed.
    pub(crate) is_given: bool,
}

impl Found {
    pub(crate) fn into_path(self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.bytes))
    }
}

/// The files under several paths, merged into one order.
pub(crate) struct Walk<R> {
    trees: Vec<Tree>,
    /// The next file of every tree that has one.
    next: BinaryHeap<Reverse<(Found, usize)>>,
    report: R,
}

impl<R: FnMut(&Path, io::Error)> Walk<R> {
    /// `report` is told of every path that cannot be looked at.
    pub(crate) fn new(paths: Vec<PathBuf>, mut report: R) -> Self {
        let mut trees = Vec::new();
        for path in paths {
            match Tree::new(&path) {
                Ok(tree) => trees.push(tree),
                Err(error) => report(&path, error),
            }
        }
        let mut walk = Self { trees, next: BinaryHeap::new(), report };
        for index in 0..walk.trees.len() {
            walk.advance(index);
        }
        walk
    }

    fn advance(&mut self, index: usize) {
        if let Some(found) = self.trees[index].next(&mut self.report) {
            self.next.push(Reverse((found, index)));
        }
    }
}

impl<R: FnMut(&Path, io::Error)> Iterator for Walk<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let Reverse((found, index)) = self.next.pop()?;
        self.advance(index);
        Some(found)
    }
}

/// What is left to look at under one path; the last one comes first.
///
/// A directory's path ends with a slash. Since no name has a slash in it, sorting the entries of
/// each directory by these paths sorts the paths of all files.
struct Tree {
    left: Vec<Entry>,
}

struct Entry {
    bytes: Vec<u8>,
    is_directory: bool,
    is_given: bool,
}

impl Tree {
    fn new(path: &Path) -> io::Result<Self> {
        let kind = fs::metadata(path)?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            let message = "neither a regular file nor a directory";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let entry = Entry::new(path.as_os_str().as_bytes().to_vec(), kind.is_dir(), true);
        Ok(Self { left: vec![entry] })
    }

    fn next(&mut self, report: &mut impl FnMut(&Path, io::Error)) -> Option<Found> {
        loop {
            let entry = self.left.pop()?;
            if !entry.is_directory {
                return Some(Found { bytes: entry.bytes, is_given: entry.is_given });
            }
            let directory = PathBuf::from(OsString::from_vec(entry.bytes));
            let first = self.left.len();
            if let Err(error) = self.add_entries_of(&directory, report) {
                report(&directory, error);
            }
            self.left[first..].sort_unstable_by(|one, other| other.bytes.cmp(&one.bytes));
        }
    }

    /// Adds the files and directories in a directory, as far as they can be read. What is neither
    /// is left out, symbolic links included.
    fn add_entries_of(
        &mut self,
        directory: &Path,
        report: &mut impl FnMut(&Path, io::Error),
    ) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_file() || kind.is_dir() => {
                    let bytes = path.into_os_string().into_vec();
                    self.left.push(Entry::new(bytes, kind.is_dir(), false));
                }
                Ok(_) => {}
                Err(error) => report(&path, error),
            }
        }
        Ok(())
    }
}

impl Entry {
    fn new(mut bytes: Vec<u8>, is_directory: bool, is_given: bool) -> Self {
        if is_directory && !bytes.ends_with(b"/") {
            bytes.push(b'/');
        }
        Self { bytes, is_directory, is_given }
    }
}
