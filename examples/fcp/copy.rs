//! Copying one file: a small one with one read and one write, a large one by
//! [`large`](crate::large).

use std::fs::{Metadata, Permissions};
use std::io;
use std::mem;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use ringpool::buf::BufError;
use ringpool::fs::{File, OpenOptions};
use ringpool::{Receiver, Sender};

use crate::large::Lanes;
use crate::problem::Problem;
use crate::progress::Progress;

/// What a worker reads at once.
const BUFFER_BYTES: usize = 128 * 1024;
/// A file that has more is large.
const SMALL_BYTES: u64 = 1024 * 1024;
/// Of files with holes so much is looked at at once: if it is all zeros, it is not written.
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;
/// What `st_blocks` counts.
const SECTOR_BYTES: u64 = 512;

/// A file to be copied.
pub(crate) struct Job {
    source: PathBuf,
    target: PathBuf,
    /// The permissions of the copy.
    mode: u32,
    /// Those that a new file would not have by itself.
    is_masked: bool,
    len: u64,
    has_holes: bool,
    /// What tells a file from all others.
    identity: (u64, u64),
}

impl Job {
    pub(crate) fn new(
        source: PathBuf,
        target: PathBuf,
        metadata: &Metadata,
        mode: u32,
        umask: u32,
    ) -> Self {
        // What a new file is given besides rights is lost when it is written to.
        let is_masked = mode & (umask | !0o777) != 0;
        let len = metadata.len();
        let has_holes = metadata.blocks() * SECTOR_BYTES < len;
        let identity = (metadata.dev(), metadata.ino());
        Self { source, target, mode, is_masked, len, has_holes, identity }
    }
}

/// What all workers share.
pub(crate) struct Copier {
    pub(crate) problems: Sender<Problem>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) lanes: Lanes,
}

impl Copier {
    /// Copies files until there are no more.
    pub(crate) async fn work(self: Arc<Self>, jobs: Receiver<Job>) {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        while let Ok(job) = jobs.recv().await {
            let mut copying = Copying { job: &job, copier: &self, buffer, offset: 0 };
            let copied = copying.file().await;
            buffer = copying.buffer;
            self.progress.files.add(1);
            if let Err(problem) = copied {
                // Nobody reads it any more when the program ends anyway.
                let _ = self.problems.send(problem).await;
            }
        }
    }
}

/// A file in the middle of being copied.
struct Copying<'a> {
    job: &'a Job,
    copier: &'a Copier,
    buffer: Vec<u8>,
    /// How much has been copied.
    offset: u64,
}

impl Copying<'_> {
    async fn file(&mut self) -> Result<(), Problem> {
        let Job { source, target, mode, is_masked, len, has_holes, .. } = self.job;
        let from = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(source).await;
        let from = from.map_err(Problem::of("read", source))?;
        let (mut to, is_new) = self.open_target().await?;
        if *len > SMALL_BYTES {
            let copied = self.copier.lanes.copy(from, to, *len, *has_holes, &self.copier.progress);
            let (from, to_back) =
                copied.await.map_err(|failed| failed.into_problem(source, target))?;
            self.offset = *len;
            self.rest(&from, &to_back).await?;
            to = to_back;
        } else {
            self.rest(&from, &to).await?;
        }
        if *has_holes {
            // Zeros at the end have not been written.
            to.set_len(self.offset).await.map_err(Problem::of("write", target))?;
        }
        if *is_masked || !is_new {
            let set = to.set_permissions(Permissions::from_mode(*mode)).await;
            set.map_err(Problem::of("set the permissions of", target))?;
        }
        // Some file systems tell only now that something could not be written.
        to.close().await.map_err(Problem::of("write", target))
    }

    /// Makes the target, or empties the one that is there if it is another file than the source;
    /// says whether it is new.
    async fn open_target(&self) -> Result<(File, bool), Problem> {
        let Job { source, target, mode, identity, .. } = self.job;
        let cannot = || Problem::of("write to", target);
        // While it is being written it is nobody's else.
        match OpenOptions::new().write(true).create_new(true).mode(mode & 0o777).open(target).await
        {
            Ok(file) => return Ok((file, true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot()(error)),
        }
        let file = OpenOptions::new().write(true).open(target).await.map_err(cannot())?;
        let metadata = file.metadata().await.map_err(cannot())?;
        if (metadata.dev(), metadata.ino()) == *identity {
            let reason = format!("it is the same file as {target:?}");
            return Err(Problem::because(reason, "copy", source));
        }
        if metadata.is_file() {
            file.set_len(0).await.map_err(cannot())?;
        }
        Ok((file, false))
    }

    /// Copies from where it got to, to the end of the file: that of a small one from the beginning,
    /// and whatever has come to a large one meanwhile. The length may be wrong: files grow, and
    /// those of `/proc` have none.
    async fn rest(&mut self, from: &File, to: &File) -> Result<(), Problem> {
        let has_len = self.job.len > 0;
        loop {
            let count = self.read(from).await.map_err(Problem::of("read", &self.job.source))?;
            if count == 0 {
                return Ok(());
            }
            let is_zero = self.job.has_holes && self.buffer.iter().all(|byte| *byte == 0);
            if !is_zero {
                self.write(to).await.map_err(Problem::of("write", &self.job.target))?;
            }
            self.offset += count as u64;
            self.copier.progress.bytes.add(count as u64);
            // A read that finds less than it could take has come to the end.
            if has_len && count < self.buffer.capacity() && self.offset >= self.job.len {
                return Ok(());
            }
        }
    }

    async fn read(&mut self, from: &File) -> io::Result<usize> {
        let buffer = mem::take(&mut self.buffer);
        let result = from.read_at(buffer, self.offset).await;
        let (count, buffer) = self.keep(result)?;
        self.buffer = buffer;
        Ok(count)
    }

    async fn write(&mut self, to: &File) -> io::Result<()> {
        let buffer = mem::take(&mut self.buffer);
        let result = to.write_all_at(buffer, self.offset).await;
        let ((), buffer) = self.keep(result)?;
        self.buffer = buffer;
        Ok(())
    }

    /// The buffer is the worker's, whatever comes of the file.
    fn keep<T>(
        &mut self,
        result: Result<(T, Vec<u8>), BufError<Vec<u8>>>,
    ) -> io::Result<(T, Vec<u8>)> {
        result.map_err(|BufError { error, buffer }| {
            self.buffer = buffer;
            error
        })
    }
}
