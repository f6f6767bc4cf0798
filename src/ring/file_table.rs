//! A ring's table of files.

use std::io;

use io_uring::Submitter;

use super::environment::soft_limit;

/// The table of files that only this ring knows; made when it is first needed.
pub(super) struct FileTable {
    wanted: u32,
    places: Option<u32>,
}

impl FileTable {
    pub(super) fn new(wanted: u32) -> Self {
        Self { wanted, places: None }
    }

    /// How many places the table has, which is there then: as many as wanted, but no more than
    /// files may be open, which is the kernel's limit for it too.
    pub(super) fn make(&mut self, submitter: &Submitter<'_>) -> io::Result<u32> {
        if let Some(places) = self.places {
            return Ok(places);
        }
        let limit = u32::try_from(soft_limit(libc::RLIMIT_NOFILE)).unwrap_or(u32::MAX);
        let places = self.wanted.min(limit);
        submitter.register_files_sparse(places).map_err(|error| explain(&error, places))?;
        self.places = Some(places);
        Ok(places)
    }
}

fn explain(error: &io::Error, places: u32) -> io::Error {
    let message = format!(
        "no table of {places} direct descriptors could be made for the ring: {error}; make it \
         smaller with Builder::direct_descriptors"
    );
    io::Error::new(error.kind(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_made_once_and_as_large_as_wanted() {
        let ring = io_uring::IoUring::new(2).expect("io_uring works here");
        let mut table = FileTable::new(7);
        assert_eq!(table.make(&ring.submitter()).expect("a small table"), 7);
        assert_eq!(table.make(&ring.submitter()).expect("it is there"), 7);
        let past_the_end = ring.submitter().register_files_update(6, &[-1, -1]);
        assert_eq!(past_the_end.expect_err("it ends there").raw_os_error(), Some(libc::EINVAL));
        ring.submitter().register_files_update(5, &[-1, -1]).expect("these are places");
    }

    #[test]
    fn a_table_that_is_refused_names_the_option() {
        let ring = io_uring::IoUring::new(2).expect("io_uring works here");
        ring.submitter().register_files_sparse(1).expect("a small table");
        let error = FileTable::new(7).make(&ring.submitter()).expect_err("there is one already");
        assert!(error.to_string().contains("Builder::direct_descriptors"), "{error}");
    }
}
