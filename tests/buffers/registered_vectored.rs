//! Several registered buffers at once.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use ringpool::Pool;
use ringpool::buf::{IoBuf, RegisteredBuffers};
use ringpool::op::{self, SharedFd};

use crate::common::{limit, skip};
use crate::support::{Scratch, open};

/// Says so if the kernel lacks the operation.
fn is_missing(error: &std::io::Error) -> bool {
    let is_missing = error.kind() == ErrorKind::Unsupported;
    if is_missing {
        skip(&error.to_string());
    }
    is_missing
}

#[test]
fn registered_buffers_are_filled_and_written_one_after_the_other() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt and pepper");
    let file = SharedFd::from(OwnedFd::from(open(&path)));
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(3, 512).unwrap();
        let parts = [5, 4, 512].map(|len| buffers.take().unwrap().slice(..len));
        let (count, [first, second, third]) = match op::readv_fixed_at(&file, parts, 0).await {
            Err(error) if is_missing(&error.error) => return,
            answer => answer.unwrap(),
        };
        assert_eq!(count, 15);
        let read = [first.as_bytes(), second.as_bytes(), third.as_bytes()];
        assert_eq!(read, [&b"salt "[..], b"and ", b"pepper"]);

        let parts = vec![third, first];
        let (count, parts) = op::writev_fixed_at(&file, parts, 4).await.unwrap();
        assert_eq!((count, parts.len()), (11, 2));
        assert_eq!(std::fs::read(&path).unwrap(), b"saltpeppersalt ");
        let parts = [second.into_inner()];
        let (count, parts) = op::readv_fixed(&file, parts).await.unwrap();
        assert_eq!((count, &parts[0][..]), (15, &b"saltpeppersalt "[..]));
        let (count, _) = op::writev_fixed(&file, parts).await.unwrap();
        assert_eq!(count, 15);
        assert_eq!(std::fs::read(&path).unwrap(), b"saltpeppersalt ".repeat(2));
    });
}

#[test]
fn buffers_of_several_sets_or_none_are_refused_and_given_back() {
    let _limit = limit();
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    let null = SharedFd::from(OwnedFd::from(null));
    let pool = Pool::new(2);
    pool.block_on(async {
        let sets = [(); 2].map(|()| RegisteredBuffers::new(1, 512).unwrap());
        let mixed = sets.each_ref().map(|set| set.take().unwrap());
        let error = op::writev_fixed(&null, mixed).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        assert!(error.error.to_string().contains("of several sets"), "{}", error.error);
        let error = op::readv_fixed(&null, Vec::from(error.buffer)).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer.len()), (ErrorKind::InvalidInput, 2));
        let (count, _) = op::writev(&null, error.buffer).await.unwrap();
        assert_eq!(count, 1024, "other operations do not mind");

        let none: Vec<ringpool::buf::RegisteredBuffer> = Vec::new();
        let error = op::writev_fixed(&null, none).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);

        let buffer = [sets[0].take().unwrap()];
        ringpool::switch_to(&pool.runtime(1)).await.unwrap();
        let error = op::readv_fixed(&null, buffer).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        assert!(error.error.to_string().contains("was started on ring 1"), "{}", error.error);
    });
}
