//! Replacing a file as a whole.
//!
//! The new contents are written to a file that has no name (`O_TMPFILE`), which the kernel removes
//! by itself if nobody gives it one, also when the process is killed or the machine loses its
//! power. Where the file system cannot do that the file has a name of its own in the same
//! directory, which is taken away unless it is committed.
//!
//! A name is given on a thread for blocking work, in one piece that is not interrupted: whoever
//! drops the future gets all of it or nothing.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ffi, fs};

use super::File;
use super::blocking::blocking;
use crate::buf::{BufError, BufResult, IoBuf};
use crate::op::SharedFd;

/// Makes `contents` the whole contents of the file at `path`, so that whoever opens it, also after
/// a crash, finds either what was there before or all that is there now; see [`AtomicFile`].
///
/// When it returns, the disk has it.
///
/// # Errors
///
/// Those of [`AtomicFile::create`], [`File::write_all`] and [`AtomicFile::commit`], with the
/// buffer. The file has its old contents then; only if the directory could not be synced may it
/// have the new ones.
///
/// # Cancel safety
///
/// If it is dropped, the file has its old contents or, if it was about to be ready, the new ones.
/// Nothing else is left behind.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-atomic-{}", std::process::id()));
/// pool.block_on(ringpool::fs::write_atomic(&path, "salt and pepper"))?;
/// assert_eq!(std::fs::read(&path)?, b"salt and pepper");
/// # std::fs::remove_file(&path)
/// # }
/// ```
pub async fn write_atomic<B: IoBuf>(path: impl AsRef<Path>, contents: B) -> BufResult<(), B> {
    let mut file = match AtomicFile::create(path).await {
        Ok(file) => file,
        Err(error) => return Err(BufError { error, buffer: contents }),
    };
    let ((), contents) = file.file().write_all(contents).await?;
    match file.commit().await {
        Ok(()) => Ok(((), contents)),
        Err(error) => Err(BufError { error, buffer: contents }),
    }
}

/// The new contents of a file, which take the place of the old ones all at once.
///
/// A file that is replaced keeps its mode, but not its owner, other names, and attributes. If
/// `path` is a symbolic link to a file, it is that file which is replaced; one that leads nowhere
/// is replaced itself.
///
/// Dropped without [`commit`](Self::commit), it leaves nothing behind. On file systems without
/// unnamed files (`O_TMPFILE`) a process that is killed may leave a file named
/// `.ringpool-(process)-(number)` in the directory.
///
/// # Examples
///
/// ```
/// use ringpool::fs::AtomicFile;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-commit-{}", std::process::id()));
/// pool.block_on(async {
///     let mut spices = AtomicFile::create(&path).await?;
///     spices.file().write_all("salt\n").await?;
///     spices.file().write_all("pepper\n").await?;
///     assert!(!path.exists());
///     spices.commit().await?;
///     assert_eq!(std::fs::read(&path)?, b"salt\npepper\n");
/// #   std::fs::remove_file(&path)?;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    target: Target,
}

/// Where the file is to be.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    directory: PathBuf,
    /// The name that it has until then, if it has one.
    temporary: Option<Temporary>,
}

/// A name that is taken away when this is dropped.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        if path.as_os_str().is_empty() {
            return;
        }
        let unwanted = Unwanted(path);
        if crate::current().is_some() {
            crate::spawn_blocking(|| drop(unwanted)).detach();
        }
    }
}

/// A name that goes when this is dropped: by a thread for blocking work, or by whoever drops what
/// that was to do, as a pool does that stops.
struct Unwanted(PathBuf);

impl Drop for Unwanted {
    fn drop(&mut self) {
        // There is nobody to tell if that fails.
        let _ = fs::remove_file(&self.0);
    }
}

impl AtomicFile {
    /// Begins the new contents of the file at `path`, which need not be there. On a thread for
    /// blocking work.
    ///
    /// # Errors
    ///
    /// Those of making a file in the directory of `path`;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is something at `path` that is no
    /// regular file, or `path` has no file name.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let (file, target) = blocking(|| begin(path)).await?;
        Ok(Self { file: File::from_std(file), target })
    }

    /// The file to write the new contents to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Writes the new contents to the disk, gives the file its name in place of the old one, and
    /// writes that to the disk.
    ///
    /// # Errors
    ///
    /// Those of a dropped write, of fsync(2), linkat(2) and rename(2): the old file is there then,
    /// and nothing of the new one. And those of the directory's fsync(2): then the new file is
    /// there, but may be gone after a crash.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, either the old file is there or the new one, and nothing else.
    pub async fn commit(mut self) -> io::Result<()> {
        self.file.end_of_writes().await?;
        self.file.sync_all().await?;
        let Self { file, target } = self;
        blocking(move || target.put(file.shared_fd())).await
    }
}

fn begin(path: PathBuf) -> io::Result<(fs::File, Target)> {
    let (path, old) = match fs::metadata(&path) {
        Ok(old) if old.is_file() => (fs::canonicalize(path)?, Some(old)),
        Ok(_) => return Err(invalid("what is there is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (path, None),
        Err(error) => return Err(error),
    };
    if path.file_name().is_none() {
        return Err(invalid("the path does not end with the name of a file"));
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mode = if old.is_some() { REPLACING } else { NEW };
    let (file, temporary) = make(&directory, mode)?;
    if let Some(old) = old
        && file.metadata()?.mode() != old.mode()
    {
        file.set_permissions(old.permissions())?;
    }
    Ok((file, Target { path, directory, temporary }))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// The mode of a file that was not there, as far as the process's mask allows.
const NEW: u32 = 0o666;
/// That of one that is to replace another, until it gets the other one's: nobody shall open it who
/// may not open the other.
const REPLACING: u32 = 0o600;

/// A new file in the directory, if possible without a name.
fn make(directory: &Path, mode: u32) -> io::Result<(fs::File, Option<Temporary>)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(mode);
    match options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
        // Without procfs it could not be given a name.
        Ok(file) if fs::exists(own_path(&file))? => return Ok((file, None)),
        Ok(_) => {}
        Err(error) if lacks_unnamed_files(&error) => {}
        Err(error) => return Err(error),
    }
    make_named(directory, mode)
}

fn make_named(directory: &Path, mode: u32) -> io::Result<(fs::File, Option<Temporary>)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(mode);
    let (file, temporary) = at_free_name(directory, |path| options.open(path))?;
    Ok((file, Some(temporary)))
}

/// Older file systems do not know the flag, or take it for the directory itself.
fn lacks_unnamed_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL))
}

/// Makes something at a path in the directory that nobody uses.
fn at_free_name<T>(
    directory: &Path,
    make: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<(T, Temporary)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        // Ordering: Relaxed: all that matters is that the numbers differ.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".ringpool-{}-{number}", std::process::id()));
        match make(&path) {
            Ok(made) => return Ok((made, Temporary(path))),
            // Left by another process that had our number, or runs elsewhere.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// The path by which the kernel knows an open file that may have no name.
fn own_path(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

impl Target {
    fn put(self, file: &SharedFd) -> io::Result<()> {
        let mut temporary = match self.temporary {
            Some(temporary) => temporary,
            None => at_free_name(&self.directory, |path| link(file, path))?.1,
        };
        fs::rename(&temporary.0, &self.path)?;
        // The name is not there any more.
        temporary.0 = PathBuf::new();
        fs::File::open(&self.directory)?.sync_all()
    }
}

/// Gives an open file a name.
fn link(file: &SharedFd, path: &Path) -> io::Result<()> {
    let old = ffi::CString::new(own_path(file))?;
    let new = ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: both are texts that end with a zero.
    let result = unsafe {
        let follow = libc::AT_SYMLINK_FOLLOW;
        libc::linkat(libc::AT_FDCWD, old.as_ptr(), libc::AT_FDCWD, new.as_ptr(), follow)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::OwnedFd;

    /// What is made where there are no unnamed files, in a directory of its own.
    fn begun(name: &str) -> (PathBuf, fs::File, Target) {
        let directory = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let (mut file, temporary) = make_named(&directory, NEW).unwrap();
        file.write_all(b"new").unwrap();
        let target =
            Target { path: directory.join("file"), directory: directory.clone(), temporary };
        (directory, file, target)
    }

    #[test]
    fn a_name_is_taken_away_also_when_the_pool_stops() {
        let (directory, file, target) = begun("ringpool-atomic-stop");
        let pool = crate::Pool::new(1);
        let running = crate::Channel::bounded(1);
        let started = running.clone();
        let task = pool.spawn(async move {
            let _kept = (file, target);
            let _ = started.send(()).await;
            std::future::pending::<()>().await;
        });
        let _ = pool.block_on(running.recv());
        drop(pool);
        assert!(task.wait().is_err());
        assert!(names(&directory).is_empty());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_has_a_name_is_nobody_elses_before_it_has_its_mode() {
        let directory =
            std::env::temp_dir().join(format!("ringpool-atomic-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let (file, _temporary) = make_named(&directory, REPLACING).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o077, 0);
        fs::remove_dir_all(directory).unwrap();
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_that_had_to_have_a_name_gets_the_right_one() {
        let (directory, file, target) = begun("ringpool-atomic-put");
        fs::write(directory.join("file"), "old").unwrap();
        assert_eq!(names(&directory).len(), 2);
        target.put(&OwnedFd::from(file).into()).unwrap();
        assert_eq!(names(&directory), ["file"]);
        assert_eq!(fs::read(directory.join("file")).unwrap(), b"new");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_had_to_have_a_name_loses_it_if_it_is_not_wanted() {
        let (directory, file, target) = begun("ringpool-atomic-drop");
        let (other, temporary) = make_named(&directory, NEW).unwrap();
        assert_eq!(names(&directory).len(), 2, "the names differ");
        drop((file, target));
        assert_eq!(names(&directory).len(), 1);
        drop((other, temporary));
        assert!(names(&directory).is_empty());
        let (file, temporary) = make_named(&directory, NEW).unwrap();
        let path = directory.join("taken");
        fs::create_dir(&path).unwrap();
        let target = Target { path, directory: directory.clone(), temporary };
        target.put(&OwnedFd::from(file).into()).unwrap_err();
        assert_eq!(names(&directory), ["taken"], "also if it could not be put in its place");
        fs::remove_dir_all(directory).unwrap();
    }
}
