//! Every kind of buffer goes through every operation that takes one.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use ringpool::Pool;
use ringpool::buf::{AlignedBuf, IoBuf, IoBufMut, RegisteredBuffer, RegisteredBuffers, Slice};
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::support::{Scratch, open};

const TEXT: &[u8; 16] = b"salt and pepper!";

/// A file with the text in it, a pipe and a socket: our ends of them, and those that are used
/// through the standard library.
struct Places {
    scratch: Scratch,
    file: SharedFd,
    pipe: (SharedFd, File),
    socket: (SharedFd, UnixStream),
}

impl Places {
    fn new() -> Self {
        let scratch = Scratch::new();
        let file = SharedFd::from(OwnedFd::from(open(&scratch.file("file", TEXT))));
        let (ours, theirs) = UnixStream::pair().unwrap();
        let socket = (SharedFd::from(OwnedFd::from(ours)), theirs);
        let (_, writer) = std::io::pipe().unwrap();
        let pipe = (socket.0.clone(), File::from(OwnedFd::from(writer)));
        Self { scratch, file, pipe, socket }
    }

    fn to_write_to() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let pipe = (OwnedFd::from(writer).into(), File::from(OwnedFd::from(reader)));
        Self { pipe, ..Self::new() }
    }

    fn to_read_from() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let pipe = (OwnedFd::from(reader).into(), File::from(OwnedFd::from(writer)));
        Self { pipe, ..Self::new() }
    }

    fn in_the_pipe<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.pipe.1.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn in_the_file(&self) -> Vec<u8> {
        std::fs::read(self.scratch.path("file")).unwrap()
    }
}

/// Writes a buffer with the text in it by every operation that writes.
async fn write_everywhere<B: IoBuf>(mut make: impl FnMut() -> B) {
    let mut at = Places::to_write_to();
    assert_eq!(make().as_bytes(), TEXT);
    let (count, buffer) = op::write(&at.pipe.0, make()).await.unwrap();
    assert_eq!((count, buffer.as_bytes(), &at.in_the_pipe()), (16, &TEXT[..], TEXT));

    let (count, buffer) = op::write_at(&at.file, buffer, 3).await.unwrap();
    assert_eq!((count, buffer.as_bytes()), (16, &TEXT[..]));
    assert_eq!(at.in_the_file(), b"salsalt and pepper!");

    let (count, buffer) = op::send(&at.socket.0, buffer, 0).await.unwrap();
    assert_eq!((count, buffer.as_bytes()), (16, &TEXT[..]));
    let mut received = [0; 16];
    at.socket.1.read_exact(&mut received).unwrap();
    assert_eq!(&received, TEXT);

    let (count, buffers) = op::writev(&at.pipe.0, vec![buffer, make()]).await.unwrap();
    assert_eq!((count, &at.in_the_pipe()), (32, b"salt and pepper!salt and pepper!"));
    let [first, second]: [B; 2] = buffers.try_into().ok().unwrap();
    let (count, [first, _]) = op::writev_at(&at.file, [first, second], 0).await.unwrap();
    assert_eq!((count, at.in_the_file()), (32, TEXT.repeat(2)));
    let (count, (_, first)) = op::writev(&at.pipe.0, ("<", first)).await.unwrap();
    assert_eq!((count, &at.in_the_pipe()), (17, b"<salt and pepper!"));

    let parts = (first.slice(..4), ",", make().slice(8..=14), make().slice(16..));
    let (count, _) = op::writev(&at.pipe.0, parts).await.unwrap();
    assert_eq!((count, &at.in_the_pipe()), (12, b"salt, pepper"));
    let (count, part) = op::write(&at.pipe.0, make().slice(5..8)).await.unwrap();
    assert_eq!((count, &at.in_the_pipe()), (3, b"and"));
    assert_eq!(part.into_inner().as_bytes(), TEXT);
}

/// Reads the text into a buffer that has room for it by every operation that reads.
async fn read_everywhere<B: IoBufMut>(mut make: impl FnMut() -> B) {
    let mut at = Places::to_read_from();
    at.pipe.1.write_all(TEXT).unwrap();
    let (count, buffer) = op::read(&at.pipe.0, make()).await.unwrap();
    assert_eq!((count, &buffer.as_bytes()[..16]), (16, &TEXT[..]));

    let (count, buffer) = op::read_at(&at.file, buffer, 9).await.unwrap();
    assert_eq!((count, &buffer.as_bytes()[..7]), (7, &b"pepper!"[..]));

    at.socket.1.write_all(b"salt").unwrap();
    let (count, buffer) = op::recv(&at.socket.0, buffer, 0).await.unwrap();
    assert_eq!((count, &buffer.as_bytes()[..4]), (4, &b"salt"[..]));

    let (count, buffers) = op::readv_at(&at.file, vec![buffer, make()], 5).await.unwrap();
    assert_eq!((count, &buffers[0].as_bytes()[..11]), (11, &b"and pepper!"[..]));
    drop(buffers);
    at.pipe.1.write_all(b"<salt and").unwrap();
    let (count, (first, second)) = op::readv(&at.pipe.0, ([0; 1], make())).await.unwrap();
    assert_eq!((count, &first, &second.as_bytes()[..8]), (9, b"<", &b"salt and"[..]));

    let (count, buffer) = op::read_at(&at.file, second.slice(2..6), 9).await.unwrap();
    assert_eq!((count, buffer.as_bytes()), (4, &b"pepp"[..]));
    assert_eq!(&buffer.into_inner().as_bytes()[..8], b"sapeppnd");

    let (count, buffer) = op::read_at(&at.file, make().slice(..0), 0).await.unwrap();
    assert_eq!((count, buffer.as_bytes()), (0, &b""[..]));
    let (count, _) = op::read_at(&at.file, make(), 16).await.unwrap();
    assert_eq!(count, 0, "the end of the file");
}

#[test]
fn what_the_standard_library_has_is_written() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let text = std::str::from_utf8(TEXT).unwrap();
        write_everywhere(|| TEXT.to_vec()).await;
        write_everywhere(|| *TEXT).await;
        write_everywhere(|| TEXT).await;
        write_everywhere(|| &TEXT[..]).await;
        write_everywhere(|| text).await;
        write_everywhere(|| String::from(text)).await;
        write_everywhere(|| Box::<[u8]>::from(*TEXT)).await;
        write_everywhere(|| Box::new(*TEXT)).await;
        write_everywhere(|| Box::<str>::from(text)).await;
        write_everywhere(|| Cow::Borrowed(&TEXT[..])).await;
        write_everywhere(|| Cow::<[u8]>::Owned(TEXT.to_vec())).await;
        write_everywhere(|| Cow::Borrowed(text)).await;
        write_everywhere(|| Cow::<str>::Owned(String::from(text))).await;
        write_everywhere(|| Arc::<[u8]>::from(*TEXT)).await;
        write_everywhere(|| Arc::<str>::from(text)).await;
        write_everywhere(|| Arc::new(TEXT.to_vec())).await;
    });
}

#[test]
fn what_the_standard_library_has_is_read_into() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        read_everywhere(|| Vec::with_capacity(16)).await;
        read_everywhere(|| vec![7; 100]).await;
        read_everywhere(|| [7; 16]).await;
        read_everywhere(|| [7; 5000]).await;
        read_everywhere(|| Box::<[u8]>::from([7; 20])).await;
        read_everywhere(|| Box::new([7; 20])).await;
    });
}

fn aligned() -> AlignedBuf {
    let mut buffer = AlignedBuf::new(16, 512);
    buffer.copy_from_slice(TEXT);
    buffer
}

/// A slice from the middle of a buffer, with the text in it.
fn part() -> Slice<Vec<u8>> {
    let mut buffer = vec![7; 3];
    buffer.extend_from_slice(TEXT);
    buffer.push(7);
    buffer.slice(3..19)
}

fn registered(buffers: &RegisteredBuffers) -> RegisteredBuffer {
    let mut buffer = buffers.take().expect("there are more than are used at once");
    buffer.set_len(16);
    buffer.copy_from_slice(TEXT);
    buffer
}

#[test]
fn our_own_kinds_are_written_and_read_into() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        write_everywhere(aligned).await;
        read_everywhere(aligned).await;
        write_everywhere(part).await;
        read_everywhere(part).await;
        let buffers = RegisteredBuffers::new(8, 100).unwrap();
        write_everywhere(|| registered(&buffers)).await;
        read_everywhere(|| registered(&buffers)).await;
        assert_eq!(buffers.available(), 8);
    });
}

#[cfg(feature = "bytes")]
#[test]
fn those_of_the_crate_bytes_are_written_and_read_into() {
    use bytes::{Bytes, BytesMut};

    let _limit = limit();
    Pool::new(1).block_on(async {
        // Spelled out, as `Bytes` has a `slice` of its own, which is just as good.
        write_everywhere(|| Bytes::from_static(TEXT)).await;
        write_everywhere(|| Bytes::from(TEXT.to_vec()).slice(..)).await;
        write_everywhere(|| BytesMut::from(&TEXT[..])).await;
        read_everywhere(|| BytesMut::with_capacity(16)).await;
        read_everywhere(|| BytesMut::from(&[7; 100][..])).await;

        let at = Places::to_read_from();
        let (_, mut buffer) = op::read_at(&at.file, BytesMut::with_capacity(64), 0).await.unwrap();
        assert_eq!(buffer, TEXT[..]);
        let salt = buffer.split_to(4).freeze();
        assert_eq!((&salt[..], &buffer[..]), (&b"salt"[..], &b" and pepper!"[..]));
        let (count, rest) = op::read_at(&at.file, buffer, 9).await.unwrap();
        assert_eq!((count, &rest[..], &salt[..]), (7, &b"pepper!"[..], &b"salt"[..]));
    });
}

#[test]
fn several_buffers_may_be_of_up_to_eight_kinds() {
    let _limit = limit();
    let mut at = Places::to_write_to();
    Pool::new(1).block_on(async {
        let kinds = (
            "a",
            String::from("b"),
            *b"c",
            Vec::from(*b"d"),
            Box::<[u8]>::from(*b"e"),
            Arc::<str>::from("f"),
            Cow::Borrowed("g"),
            AlignedBuf::new(1, 1),
        );
        let (count, kinds) = op::writev(&at.pipe.0, kinds).await.unwrap();
        assert_eq!((count, &at.in_the_pipe()), (8, b"abcdefg\0"));
        assert_eq!((kinds.0, &kinds.1[..], kinds.5.as_ref()), ("a", "b", "f"));

        let boxed: Box<[_]> = Box::new(["salt", " and pepper"]);
        assert_eq!(op::writev(&at.pipe.0, boxed).await.unwrap().0, 15);
        assert_eq!(&at.in_the_pipe(), b"salt and pepper");
        let none: [&str; 0] = [];
        assert_eq!(op::writev(&at.pipe.0, none).await.unwrap().0, 0);

        let kinds = ([7; 2], Vec::with_capacity(2), Box::new([7; 4]), vec![7; 3].slice(1..));
        let spare = kinds.1.capacity();
        let (count, kinds) = op::readv_at(&at.file, kinds, 0).await.unwrap();
        assert_eq!(count, 8 + spare);
        assert_eq!((&kinds.0, &kinds.1[..2]), (b"sa", &b"lt"[..]));
        assert_eq!(kinds.3.into_inner().len(), 3);

        let error = op::writev(&at.pipe.0, [""; 1025]).await.unwrap_err();
        assert_eq!(error.error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.error.to_string().contains("not 1025"), "{}", error.error);
        let error = op::readv(&at.file, vec![[0; 1]; 1025]).await.unwrap_err();
        assert_eq!(error.buffer.len(), 1025);
    });
}

#[test]
fn a_slice_that_a_failed_read_gives_back_is_as_it_was() {
    let _limit = limit();
    let directory = SharedFd::from(OwnedFd::from(File::open("/").unwrap()));
    Pool::new(1).block_on(async {
        let error = op::read(&directory, TEXT.to_vec().slice(5..8)).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EISDIR));
        assert_eq!(error.buffer.as_bytes(), b"and");
        assert_eq!(error.buffer.into_inner(), TEXT);
    });
}

#[test]
fn slices_take_the_long_way_through_files_too() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", TEXT);
    Pool::new(1).block_on(async {
        let file = ringpool::fs::File::open(&path).await.unwrap();
        let part = vec![7; 10].slice(2..6);
        let ((), part) = file.read_exact_at(part, 5).await.unwrap();
        assert_eq!(part.into_inner(), b"\x07\x07and \x07\x07\x07\x07");
        let error = file.read_exact_at(vec![7; 20].slice(..), 0).await.unwrap_err();
        assert_eq!(error.error.kind(), std::io::ErrorKind::UnexpectedEof);
        let file = ringpool::fs::File::create(&path).await.unwrap();
        file.write_all_at(TEXT.to_vec().slice(5..8), 0).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"and");
    });
}
