//! The names of files: given, changed and taken away.

use std::io;
use std::path::Path;

use io_uring::{opcode, squeue};

use super::path::Place;
use super::{Op, Operation, SharedFd, Start};

/// See [`renameat`].
#[derive(Debug)]
pub struct RenameAt {
    old: Place,
    new: Place,
    flags: u32,
}

/// Gives the file `old` the name `new`, each relative to its directory or to the working
/// directory: `IORING_OP_RENAMEAT`. Since Linux 5.11.
///
/// Whatever had the name `new` loses it in the same instant. `flags` are those of `renameat2(2)`:
/// [`RENAME_NOREPLACE`](libc::RENAME_NOREPLACE) refuses to take the name from another file,
/// [`RENAME_EXCHANGE`](libc::RENAME_EXCHANGE) lets the two change names,
/// [`RENAME_WHITEOUT`](libc::RENAME_WHITEOUT) is for file systems that lie over others.
///
/// # Errors
///
/// Those of `renameat2(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if a path has a zero byte
/// in it.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the file may have either name, and is never without one.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-renameat-{}", std::process::id()));
/// # std::fs::create_dir(&path)?;
/// std::fs::write(path.join("salt"), "")?;
/// pool.block_on(async {
///     let directory = op::openat2(None, &path, libc::O_PATH, 0).await?;
///     let here = Some(&directory);
///     op::renameat(here, "salt", here, "pepper", libc::RENAME_NOREPLACE).await?;
///     op::unlinkat(here, "pepper", 0).await
/// })?;
/// # std::fs::remove_dir(&path)
/// # }
/// ```
pub fn renameat(
    old_directory: Option<&SharedFd>,
    old: impl AsRef<Path>,
    new_directory: Option<&SharedFd>,
    new: impl AsRef<Path>,
    flags: u32,
) -> Op<RenameAt> {
    let old = Place::new(old_directory, old.as_ref());
    let new = Place::new(new_directory, new.as_ref());
    with_both(old, new, |old, new| RenameAt { old, new, flags })
}

// SAFETY: the paths are on the heap; the operation owns them, and the directories.
unsafe impl Operation for RenameAt {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (from, to) = (self.old.directory(), self.new.directory());
        Ok(opcode::RenameAt::new(from, self.old.path(), to, self.new.path())
            .flags(self.flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`linkat`].
#[derive(Debug)]
pub struct LinkAt {
    old: Place,
    new: Place,
    flags: i32,
}

/// Gives the file `old` one more name, each relative to its directory or to the working directory:
/// `IORING_OP_LINKAT`. Since Linux 5.15.
///
/// `flags` are those of `linkat(2)`: with [`AT_SYMLINK_FOLLOW`](libc::AT_SYMLINK_FOLLOW) it is the
/// file that a symbolic link leads to which gets the name, and with
/// [`AT_EMPTY_PATH`](libc::AT_EMPTY_PATH) and an empty path `old_directory` itself, which may be a
/// file that has no name yet.
///
/// # Errors
///
/// Those of `linkat(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if a path has a zero byte in
/// it.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the file may or may not have the new name.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-linkat-{}", std::process::id()));
/// # std::fs::create_dir(&path)?;
/// std::fs::write(path.join("salt"), "white")?;
/// pool.block_on(op::linkat(None, path.join("salt"), None, path.join("sugar"), 0))?;
/// assert_eq!(std::fs::read(path.join("sugar"))?, b"white");
/// # std::fs::remove_dir_all(&path)
/// # }
/// ```
pub fn linkat(
    old_directory: Option<&SharedFd>,
    old: impl AsRef<Path>,
    new_directory: Option<&SharedFd>,
    new: impl AsRef<Path>,
    flags: i32,
) -> Op<LinkAt> {
    let old = Place::new(old_directory, old.as_ref());
    let new = Place::new(new_directory, new.as_ref());
    with_both(old, new, |old, new| LinkAt { old, new, flags })
}

// SAFETY: the paths are on the heap; the operation owns them, and the directories.
unsafe impl Operation for LinkAt {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (from, to) = (self.old.directory(), self.new.directory());
        Ok(opcode::LinkAt::new(from, self.old.path(), to, self.new.path())
            .flags(self.flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`symlinkat`].
#[derive(Debug)]
pub struct SymlinkAt {
    target: Place,
    link: Place,
}

/// Makes a symbolic link at `link`, relative to `directory` or to the working directory, which
/// leads to `target`: `IORING_OP_SYMLINKAT`. Since Linux 5.15.
///
/// The target is only text, which counts from where the link is and may lead nowhere.
///
/// # Errors
///
/// Those of `symlinkat(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if a path has a zero byte
/// in it.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the link may or may not be there.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-symlinkat-{}", std::process::id()));
/// pool.block_on(op::symlinkat("/dev/null", None, &path))?;
/// assert_eq!(std::fs::read_link(&path)?.as_os_str(), "/dev/null");
/// # std::fs::remove_file(&path)
/// # }
/// ```
pub fn symlinkat(
    target: impl AsRef<Path>,
    directory: Option<&SharedFd>,
    link: impl AsRef<Path>,
) -> Op<SymlinkAt> {
    let target = Place::new(None, target.as_ref());
    let link = Place::new(directory, link.as_ref());
    with_both(target, link, |target, link| SymlinkAt { target, link })
}

// SAFETY: the paths are on the heap; the operation owns them, and the directory.
unsafe impl Operation for SymlinkAt {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let directory = self.link.directory();
        Ok(opcode::SymlinkAt::new(directory, self.target.path(), self.link.path()).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`unlinkat`].
#[derive(Debug)]
pub struct UnlinkAt {
    place: Place,
    flags: i32,
}

/// Takes the name `path` away, relative to `directory` or to the working directory:
/// `IORING_OP_UNLINKAT`. Since Linux 5.11.
///
/// A file without any name is removed when nobody has it open any more. `flags` are those of
/// `unlinkat(2)`: [`AT_REMOVEDIR`](libc::AT_REMOVEDIR) for a directory, which has to be empty; 0
/// for everything else.
///
/// # Errors
///
/// Those of `unlinkat(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if the path has a zero
/// byte in it.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the name may or may not be there.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-unlinkat-{}", std::process::id()));
/// std::fs::write(&path, "salt")?;
/// pool.block_on(op::unlinkat(None, &path, 0))?;
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
pub fn unlinkat(directory: Option<&SharedFd>, path: impl AsRef<Path>, flags: i32) -> Op<UnlinkAt> {
    match Place::new(directory, path.as_ref()) {
        Ok(place) => Op::new(UnlinkAt { place, flags }),
        Err((place, error)) => Op::refused(UnlinkAt { place, flags }, error),
    }
}

// SAFETY: the path is on the heap; the operation owns it, and the directory.
unsafe impl Operation for UnlinkAt {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::UnlinkAt::new(self.place.directory(), self.place.path())
            .flags(self.flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`mkdirat`].
#[derive(Debug)]
pub struct MkDirAt {
    place: Place,
    mode: u32,
}

/// Makes a directory, relative to `directory` or to the working directory: `IORING_OP_MKDIRAT`.
/// Since Linux 5.15.
///
/// `mode` says who has what rights to it, less what the process's umask takes away.
///
/// # Errors
///
/// Those of `mkdirat(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if the path has a zero byte
/// in it.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the directory may or may not have been made.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-mkdirat-{}", std::process::id()));
/// pool.block_on(async {
///     op::mkdirat(None, &path, 0o755).await?;
///     assert!(path.is_dir());
///     op::unlinkat(None, &path, libc::AT_REMOVEDIR).await
/// })
/// # }
/// ```
pub fn mkdirat(directory: Option<&SharedFd>, path: impl AsRef<Path>, mode: u32) -> Op<MkDirAt> {
    match Place::new(directory, path.as_ref()) {
        Ok(place) => Op::new(MkDirAt { place, mode }),
        Err((place, error)) => Op::refused(MkDirAt { place, mode }, error),
    }
}

// SAFETY: the path is on the heap; the operation owns it, and the directory.
unsafe impl Operation for MkDirAt {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::MkDirAt::new(self.place.directory(), self.place.path()).mode(self.mode).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

type Placed = Result<Place, (Place, io::Error)>;

/// The operation on two places, which is refused if one of them is none.
fn with_both<O: Operation>(
    first: Placed,
    second: Placed,
    make: impl FnOnce(Place, Place) -> O,
) -> Op<O> {
    match (first, second) {
        (Ok(first), Ok(second)) => Op::new(make(first, second)),
        (Err((first, error)), Ok(second) | Err((second, _)))
        | (Ok(first), Err((second, error))) => Op::refused(make(first, second), error),
    }
}
