//! Going through the trees on a thread of its own, in front of the workers: directories and links
//! are made here, and files are handed on.
//!
//! What is looked at is in the kernel's memory more often than not, and then a plain system call
//! takes less than the way through a ring and back.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringpool::Sender;

use crate::copy::Job;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::targets::{self, Pair};

/// What the owner of a directory needs to put something into it.
const OWNER_MAY_ALL: u32 = 0o700;
const RIGHTS: u32 = 0o777;
const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;

/// Nobody takes the files any more.
struct Over;

pub(crate) struct Walk {
    jobs: Sender<Job>,
    problems: Sender<Problem>,
    progress: Arc<Progress>,
    /// Who we are, as the owner of this process's entry in `/proc`.
    own: Metadata,
    umask: u32,
    /// Directories that have been made and not yet been gone through.
    left: Vec<Pair>,
    made: Vec<(PathBuf, u32)>,
}

impl Walk {
    pub(crate) fn new(
        jobs: Sender<Job>,
        problems: Sender<Problem>,
        progress: Arc<Progress>,
    ) -> io::Result<Self> {
        let (own, umask) = (fs::metadata("/proc/self")?, umask()?);
        let (left, made) = Default::default();
        Ok(Self { jobs, problems, progress, own, umask, left, made })
    }

    /// Goes through all sources; gives the directories whose permissions are still to be set.
    pub(crate) fn all(mut self, sources: &[PathBuf], destination: &Path) -> io::Result<Finish> {
        for pair in targets::pairs(sources, destination) {
            let found = pair.and_then(|(source, target)| {
                let metadata = fs::symlink_metadata(&source);
                let metadata = metadata.map_err(Problem::of("copy", &source))?;
                Ok((source, target, metadata))
            });
            let walked = match found {
                Ok((source, target, metadata)) => self.tree(source, target, &metadata),
                Err(problem) => self.report(problem),
            };
            if walked.is_err() {
                break;
            }
        }
        Ok(Finish { made: self.made, problems: self.problems })
    }

    fn tree(&mut self, source: PathBuf, target: PathBuf, metadata: &Metadata) -> Result<(), Over> {
        self.entry(source, target, metadata)?;
        while let Some((source, target)) = self.left.pop() {
            let entries = match fs::read_dir(&source).map_err(Problem::of("read", &source)) {
                Ok(entries) => entries,
                Err(problem) => {
                    self.report(problem)?;
                    continue;
                }
            };
            for entry in entries {
                let entry = entry.and_then(|entry| Ok((entry.file_name(), entry.metadata()?)));
                match entry.map_err(Problem::of("read", &source)) {
                    Ok((name, metadata)) => {
                        self.entry(source.join(&name), target.join(&name), &metadata)?;
                    }
                    Err(problem) => self.report(problem)?,
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, source: PathBuf, target: PathBuf, metadata: &Metadata) -> Result<(), Over> {
        let mode = self.mode(metadata);
        let kind = metadata.file_type();
        let made = if kind.is_file() {
            let job = Job::new(source, target, metadata, mode, self.umask);
            self.progress.found_files.add(1);
            self.progress.found_bytes.add(metadata.len());
            return self.jobs.send_blocking(job).map_err(|_| Over);
        } else if kind.is_dir() {
            self.directory(source, target, mode)
        } else if kind.is_symlink() {
            link(&source, &target, metadata)
        } else {
            let reason = "it is neither a file nor a directory nor a symbolic link";
            Err(Problem::because(reason, "copy", &source))
        };
        made.or_else(|problem| self.report(problem))
    }

    /// Makes a directory, or takes the one that is there, with all rights for us for now.
    fn directory(&mut self, source: PathBuf, target: PathBuf, mode: u32) -> Result<(), Problem> {
        let for_now = mode & RIGHTS | OWNER_MAY_ALL;
        match DirBuilder::new().mode(for_now).create(&target) {
            Ok(()) if mode == for_now & !self.umask => {}
            Ok(()) => self.made.push((target.clone(), mode)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let metadata = fs::metadata(&target).map_err(Problem::of("write to", &target))?;
                if !metadata.is_dir() {
                    let reason = "it is there and no directory, but the source is one";
                    return Err(Problem::because(reason, "overwrite", &target));
                }
                self.made.push((target.clone(), mode));
            }
            Err(error) => return Err(Problem::of("make", &target)(error)),
        }
        self.left.push((source, target));
        Ok(())
    }

    /// The permissions of a copy. The right to act as the owner is not given to somebody else's.
    fn mode(&self, metadata: &Metadata) -> u32 {
        let mut mode = metadata.mode() & 0o7777;
        if metadata.uid() != self.own.uid() {
            mode &= !SET_USER;
        }
        if metadata.gid() != self.own.gid() {
            mode &= !SET_GROUP;
        }
        mode
    }

    fn report(&self, problem: Problem) -> Result<(), Over> {
        self.problems.send_blocking(problem).map_err(|_| Over)
    }
}

/// Makes a link to where the source points; one that is there is replaced, and so is a file.
fn link(source: &Path, target: &Path, metadata: &Metadata) -> Result<(), Problem> {
    let to = fs::read_link(source).map_err(Problem::of("read", source))?;
    match symlink(&to, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::symlink_metadata(target).map_err(Problem::of("make", target))?;
            if (there.dev(), there.ino()) == (metadata.dev(), metadata.ino()) {
                let reason = format!("it is the same as {target:?}");
                return Err(Problem::because(reason, "copy", source));
            }
            fs::remove_file(target).map_err(Problem::of("overwrite", target))?;
            symlink(&to, target).map_err(Problem::of("make", target))
        }
        made => made.map_err(Problem::of("make", target)),
    }
}

/// What the system takes away from the permissions of what is made. Of those who can tell, only
/// `/proc` does so without changing it.
fn umask() -> io::Result<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok())
        .ok_or_else(|| io::Error::other("/proc/self/status does not tell the umask"))
}

/// What is left to do when everything has been copied.
pub(crate) struct Finish {
    made: Vec<(PathBuf, u32)>,
    problems: Sender<Problem>,
}

impl Finish {
    /// Gives the directories the permissions of their sources, those inside first: we may not be
    /// able to reach them afterwards.
    pub(crate) fn set_permissions(self) {
        for (path, mode) in self.made.iter().rev() {
            if let Err(error) = fs::set_permissions(path, Permissions::from_mode(*mode)) {
                // Those who print are still there: we can send to them.
                let problem = Problem::of("set the permissions of", path)(error);
                let _ = self.problems.send_blocking(problem);
            }
        }
    }
}
