//! Several buffers at once.

use std::io::{ErrorKind, IoSliceMut, Read};

use ringpool::Pool;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::support::{Scratch, assert_same_error, open, pipe};

fn shared(file: std::fs::File) -> SharedFd {
    SharedFd::from(std::os::fd::OwnedFd::from(file))
}

#[test]
fn buffers_are_filled_one_after_the_other() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt and pepper");
    let fd = shared(open(&path));
    Pool::new(1).block_on(async {
        let buffers = vec![Vec::with_capacity(5), Vec::new(), vec![9; 4], vec![9; 10], vec![9; 3]];
        let (count, buffers) = op::readv_at(&fd, buffers, 0).await.unwrap();
        assert_eq!(count, 15);
        assert_eq!(buffers, [&b"salt "[..], b"", b"and ", b"pepper", b""]);

        let mut theirs = [[9; 4], [9; 4]];
        let [first, second] = &mut theirs;
        let parts = &mut [IoSliceMut::new(first), IoSliceMut::new(second)];
        let count = open(&path).read_vectored(parts).unwrap();
        let (ours, buffers) = op::readv(&fd, vec![[9; 4], [9; 4]]).await.unwrap();
        assert_eq!((ours, &buffers[..]), (count, &theirs[..]));
        let (ours, buffers) = op::readv(&fd, vec![Box::<[u8]>::from([9; 100])]).await.unwrap();
        assert_eq!((ours, &buffers[0][..8]), (7, &b" pepper\x09"[..]), "the position has moved");
    });
}

#[test]
fn buffers_are_written_one_after_the_other() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"");
    let fd = shared(open(&path));
    Pool::new(1).block_on(async {
        let (count, words) = op::writev(&fd, vec!["salt", "", " and "]).await.unwrap();
        assert_eq!((count, words), (9, vec!["salt", "", " and "]));
        assert_eq!(op::writev(&fd, vec![String::from("pepper")]).await.unwrap().0, 6);
        assert_eq!(op::writev_at(&fd, vec![*b"S", *b"A"], 0).await.unwrap().0, 2);
        assert_eq!(op::writev(&fd, Vec::<Vec<u8>>::new()).await.unwrap().0, 0);
        assert_eq!(op::readv(&fd, Vec::<Vec<u8>>::new()).await.unwrap().0, 0);
    });
    assert_eq!(std::fs::read(path).unwrap(), b"SAlt and pepper");
}

#[test]
fn as_many_buffers_as_the_kernel_takes_are_all_filled() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let sent: Vec<[u8; 2]> = (0..1024_u16).map(u16::to_le_bytes).collect();
        let (count, sent) = op::writev(&writer, sent).await.unwrap();
        assert_eq!(count, 2048);
        let (count, received) = op::readv(&reader, vec![[0; 2]; 1024]).await.unwrap();
        assert_eq!(count, 2048);
        assert_eq!(received, sent);
    });
}

#[test]
fn too_many_buffers_are_refused_with_the_number_and_come_back() {
    let _limit = limit();
    let null = shared(open("/dev/null".as_ref()));
    Pool::new(1).block_on(async {
        let error = op::readv(&null, vec![[7; 2]; 1025]).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        assert!(error.error.to_string().contains("not 1025"), "{}", error.error);
        assert_eq!(error.buffer, vec![[7; 2]; 1025]);
        let error = op::writev_at(&null, vec!["x"; 2000], 0).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.buffer.len(), 2000);
    });
}

#[test]
fn a_failed_vectored_transfer_gives_all_buffers_back() {
    let _limit = limit();
    let directory = std::fs::File::open("/").unwrap();
    let theirs = (&directory).read_vectored(&mut [IoSliceMut::new(&mut [0; 8])]).unwrap_err();
    let directory = shared(directory);
    Pool::new(1).block_on(async {
        let ours = op::readv(&directory, vec![vec![7; 8], vec![8; 2]]).await.unwrap_err();
        assert_same_error(&ours.error, &theirs);
        assert_eq!(ours.buffer, [vec![7; 8], vec![8; 2]]);
        let ours = op::writev(&directory, vec!["a", "b"]).await.unwrap_err();
        assert_eq!(ours.error.raw_os_error(), Some(libc::EBADF));
        assert_eq!(ours.buffer, ["a", "b"]);
    });
}
