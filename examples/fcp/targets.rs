//! Where the sources go.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

const COPY: &str = "copy";

/// A source, and what its copy is called.
pub(crate) type Pair = (PathBuf, PathBuf);

/// Pairs the sources with their targets; what cannot be copied is a problem instead.
pub(crate) fn pairs(sources: &[PathBuf], destination: &Path) -> Vec<Result<Pair, Problem>> {
    let is_directory = fs::metadata(destination).is_ok_and(|metadata| metadata.is_dir());
    if !is_directory && sources.len() > 1 {
        let reason = "several sources are copied into a directory, and this is none";
        return vec![Err(Problem::because(reason, "write to", destination))];
    }
    let mut taken = HashSet::new();
    let pair = |source: &PathBuf| {
        let target = match name_of(source) {
            Some(name) if is_directory => destination.join(name),
            _ => destination.to_owned(),
        };
        may_be_copied(source, &target)?;
        if !taken.insert(target.clone()) {
            let reason = format!("another source has just become {target:?}");
            return Err(Problem::because(reason, COPY, source));
        }
        Ok((source.clone(), target))
    };
    sources.iter().map(pair).collect()
}

/// The name that a source keeps in another directory. Of `.`, `..` and `/` it is the contents that
/// are copied.
fn name_of(source: &Path) -> Option<&std::ffi::OsStr> {
    let ends_with_a_dot = source.as_os_str().as_bytes().ends_with(b"/.");
    source.file_name().filter(|_| !ends_with_a_dot)
}

/// Refuses to copy a directory into itself, which would never end.
fn may_be_copied(source: &Path, target: &Path) -> Result<(), Problem> {
    let metadata = fs::symlink_metadata(source).map_err(Problem::of(COPY, source))?;
    if !metadata.is_dir() {
        return Ok(());
    }
    let source_in_full = source.canonicalize().map_err(Problem::of(COPY, source))?;
    // If it cannot be found out, it cannot be made either, and that is told then.
    if in_full(target).is_ok_and(|target| target.starts_with(source_in_full)) {
        let reason = format!("a directory cannot be copied into itself, as {target:?}");
        return Err(Problem::because(reason, COPY, source));
    }
    Ok(())
}

/// Without links and dots; of what is not there yet, as it will be.
fn in_full(target: &Path) -> io::Result<PathBuf> {
    match (target.canonicalize(), target.file_name()) {
        (Err(error), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok(parent.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        (found, _) => found,
    }
}
