//! Streams, listeners, sockets and files in scopes that are stopped: no byte, connection, datagram
//! or entry is lost by it.

use std::future::Future;
use std::io::{Read, Write};
use std::time::Duration;

use crate::common::*;
use crate::network::{Random, connection, narrow};
use crate::support::*;
use futures::FutureExt;
use ringpool::fs::{self, File};
use ringpool::io::{BufReader, BufWriter};
use ringpool::net::{UdpSocket, UnixStream};
use ringpool::stop::{StopSource, with_stop};
use ringpool::{Pool, spawn, yield_now};

fn unix() -> (UnixStream, std::os::unix::net::UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    (UnixStream::from_std(ours).unwrap(), theirs)
}

fn a_path(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("ringpool-stop-{name}-{}", std::process::id()))
}

#[test]
fn a_read_gives_its_buffer_back_and_the_next_one_gets_the_bytes() {
    let _limit = limit();
    let ((tcp, mut tcp_peer), (unix, mut unix_peer)) = (connection(), unix());
    Pool::new(1).block_on(async {
        assert_eq!(given_back(stopped(tcp.read(Vec::with_capacity(9))).await).capacity(), 9);
        assert_eq!(given_back(stopped(unix.read(Vec::with_capacity(9))).await).capacity(), 9);
        assert_eq!(given_back(refused(tcp.read(Vec::with_capacity(9))).await).capacity(), 9);
        let buffers = vec![Vec::with_capacity(2), Vec::with_capacity(3)];
        assert_eq!(given_back(stopped(tcp.read_vectored(buffers)).await).len(), 2);
        given_back(stopped(tcp.peek(vec![0; 3])).await);
        tcp_peer.write_all(b"salt").unwrap();
        unix_peer.write_all(b"pepper").unwrap();
        assert_eq!(tcp.read(Vec::with_capacity(9)).await.unwrap().1, b"salt");
        assert_eq!(unix.read(Vec::with_capacity(9)).await.unwrap().1, b"pepper");
    });
}

#[test]
fn what_a_read_of_all_had_got_by_the_stop_is_in_its_buffer() {
    let _limit = limit();
    let (stream, mut peer) = connection();
    let source = StopSource::new();
    Pool::new(1).block_on(async {
        let mut reading =
            Box::pin(with_stop(source.token(), stream.read_exact(Vec::with_capacity(8))));
        begin(&mut reading).await;
        completed(1, || peer.write_all(b"salt").unwrap()).await;
        assert!(poll_now(&mut reading).await.is_none());
        yield_now().await;
        source.stop();
        assert_eq!(given_back(reading.await), b"salt");
        peer.write_all(b"pepper").unwrap();
        assert_eq!(stream.read(Vec::with_capacity(9)).await.unwrap().1, b"pepper");
    });
}

#[test]
fn bytes_of_a_read_that_was_dropped_are_there_after_a_stop() {
    let _limit = limit();
    let (stream, mut peer) = connection();
    Pool::new(1).block_on(async {
        // Parked, in no scope and in one that is stopped later.
        let source = StopSource::new();
        let mut dropped = Box::pin(with_stop(source.token(), stream.read(Vec::with_capacity(4))));
        begin(&mut dropped).await;
        drop(dropped);
        source.stop();
        // This one finds it in the kernel.
        let result = refused(stream.read(Vec::with_capacity(9))).await;
        assert_eq!(given_back(result).capacity(), 9);
        peer.write_all(b"salt and pepper").unwrap();
        let (_, bytes) = stream.read_exact(vec![0; 15]).await.unwrap();
        assert_eq!(bytes, b"salt and pepper");
        // And this one finds what it has brought.
        let mut dropped = Box::pin(stream.read(Vec::with_capacity(4)));
        begin(&mut dropped).await;
        completed(1, || peer.write_all(b"more").unwrap()).await;
        drop(dropped);
        let (_, left) = refused(stream.read(vec![0; 9])).await.unwrap();
        assert_eq!(&left[..4], b"more");
    });
}

#[test]
fn a_write_that_was_dropped_goes_on_while_those_behind_it_are_stopped() {
    let _limit = limit();
    let (stream, mut peer) = connection();
    narrow(&stream);
    narrow(&peer);
    let bytes = Random::new().bytes(1 << 17);
    Pool::new(1).block_on(async {
        let mut dropped = Box::pin(stream.write_all(bytes.clone()));
        begin(&mut dropped).await;
        drop(dropped);
        let source = StopSource::new();
        let mut waits = Box::pin(with_stop(source.token(), stream.write_all(b"not this".to_vec())));
        let also = Box::pin(with_stop(source.token(), stream.write_vectored(vec![vec![1; 4]])));
        assert!(poll_now(&mut waits).await.is_none());
        source.stop();
        assert_eq!(given_back(waits.await), b"not this");
        given_back(also.await);
        let reads = std::thread::spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            got
        });
        stream.write_all(b"the end".to_vec()).await.unwrap();
        drop(stream);
        let got = reads.join().unwrap();
        assert_eq!(got.len(), bytes.len() + 7);
        assert!(got.starts_with(&bytes) && got.ends_with(b"the end"));
    });
}

#[test]
fn a_write_that_is_stopped_has_written_a_beginning() {
    let _limit = limit();
    let (stream, mut peer) = connection();
    narrow(&stream);
    narrow(&peer);
    let bytes = Random::new().bytes(1 << 20);
    Pool::new(1).block_on(async {
        let buffer = given_back(stopped(stream.write_all(bytes.clone())).await);
        assert!(buffer == bytes);
        drop(stream);
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        assert!(got.len() < bytes.len() && bytes.starts_with(&got));
    });
}

/// Reads all there is, with a stop at any moment, and compares.
async fn reads_all_with_stops<R, Fut>(bytes: &[u8], mut read: R)
where
    R: FnMut(Vec<u8>) -> Fut,
    Fut: Future<Output = ringpool::buf::BufResult<usize, Vec<u8>>>,
{
    let mut random = Random::from_seed(bytes.len() as u64);
    let mut got = Vec::new();
    let mut stops = 0;
    loop {
        let source = StopSource::new();
        let turns = random.below(4);
        let stopper = spawn({
            let source = source.clone();
            async move {
                for _ in 0..turns {
                    yield_now().await;
                }
                source.stop();
            }
        });
        let buffer = Vec::with_capacity(1 + random.below(5000));
        match with_stop(source.token(), read(buffer)).await {
            Ok((0, _)) => break,
            Ok((count, bytes)) => got.extend_from_slice(&bytes[..count]),
            Err(stopped) => {
                is_cancelled(&stopped.error);
                stops += 1;
            }
        }
        drop(stopper);
    }
    println!("{stops} stops");
    assert_eq!(got.len(), bytes.len());
    assert!(got == bytes);
}

#[test]
fn a_connection_and_a_pipe_that_are_read_between_stops_lose_no_byte() {
    let _limit = limit();
    let bytes = Random::new().bytes(rounds(500_000));
    let (stream, mut peer) = connection();
    let (ours, mut theirs) = unix();
    let (pipe, mut into_pipe) = std::io::pipe().unwrap();
    let pipe = futures::lock::Mutex::new(ringpool::pipe::PipeReader::from(pipe));
    let pipe = &pipe;
    let writes = std::thread::spawn({
        let bytes = bytes.clone();
        move || {
            for piece in bytes.chunks(3000) {
                peer.write_all(piece).unwrap();
                theirs.write_all(piece).unwrap();
                into_pipe.write_all(piece).unwrap();
            }
        }
    });
    Pool::new(1).block_on(async {
        futures::join!(
            reads_all_with_stops(&bytes, |buffer| stream.read(buffer)),
            reads_all_with_stops(&bytes, |buffer| ours.read(buffer)),
            reads_all_with_stops(
                &bytes,
                |buffer| async move { pipe.lock().await.read(buffer).await }
            ),
        );
    });
    writes.join().unwrap();
}

#[test]
fn a_file_at_its_position_that_is_read_between_stops_loses_no_byte() {
    let _limit = limit();
    let bytes = Random::new().bytes(rounds(300_000));
    let path = a_path("position");
    std::fs::write(&path, &bytes).unwrap();
    Pool::new(1).block_on(async {
        let file = futures::lock::Mutex::new(File::open(&path).await.unwrap());
        let file = &file;
        reads_all_with_stops(&bytes, |buffer| async move { file.lock().await.read(buffer).await })
            .await;
    });
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_buffered_reader_and_writer_go_on_after_a_stop() {
    let _limit = limit();
    let ((stream, mut peer), (other, mut end)) = (connection(), connection());
    Pool::new(1).block_on(async {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        peer.write_all(b"salt and ").unwrap();
        let source = StopSource::new();
        let mut reading = Box::pin(with_stop(source.token(), reader.read_until(b'\n', &mut line)));
        begin(&mut reading).await;
        for _ in 0..10 {
            yield_now().await;
        }
        source.stop();
        is_cancelled(&reading.await.unwrap_err());
        peer.write_all(b"pepper\n").unwrap();
        reader.read_until(b'\n', &mut line).await.unwrap();
        assert_eq!(line, b"salt and pepper\n");

        let mut writer = BufWriter::new(other);
        writer.write_all(b"salt and ").await.unwrap();
        is_cancelled(&refused(writer.flush()).await.unwrap_err());
        writer.write_all(b"pepper").await.unwrap();
        writer.flush().await.unwrap();
        drop(writer);
        let mut got = String::new();
        end.read_to_string(&mut got).unwrap();
        assert_eq!(got, "salt and pepper");
    });
}

#[test]
fn a_datagram_is_the_next_receives() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        given_back(stopped(socket.recv_from(vec![0; 9])).await);
        given_back(refused(socket.recv_from(vec![0; 9])).await);
        sender.send_to(b"salt", address).unwrap();
        let ((count, _), bytes) = socket.recv_from(vec![0; 9]).await.unwrap();
        assert_eq!(&bytes[..count], b"salt");
        // It won: it is given, and not to the next one.
        let source = StopSource::new();
        let mut receiving = Box::pin(with_stop(source.token(), socket.recv_from(vec![0; 9])));
        begin(&mut receiving).await;
        completed(1, || sender.send_to(b"pepper", address).unwrap()).await;
        source.stop();
        assert_eq!(&receiving.await.unwrap().1[..6], b"pepper");
        given_back(refused(socket.send_to(vec![1; 3], address)).await);
        assert!(socket.recv_from(vec![0; 9]).now_or_never().is_none());
    });
}

#[test]
fn calls_on_files_that_have_not_begun_are_not_made() {
    let _limit = limit();
    let path = a_path("calls");
    std::fs::create_dir(&path).unwrap();
    let file = path.join("file");
    Pool::new(1).block_on(async {
        is_cancelled(&refused(File::create(&file)).await.unwrap_err());
        given_back(refused(fs::write(&file, b"salt".to_vec())).await);
        is_cancelled(&refused(fs::canonicalize(&path)).await.unwrap_err());
        is_cancelled(
            &refused(ringpool::net::lookup_host("localhost:80")).await.map(drop).unwrap_err(),
        );
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        fs::write(&file, b"salt".to_vec()).await.unwrap();
        let mut entries = fs::read_dir(&path).await.unwrap();
        is_cancelled(&refused(entries.next_entry()).await.unwrap_err());
        assert_eq!(entries.next_entry().await.unwrap().unwrap().file_name(), "file");
        assert!(entries.next_entry().await.unwrap().is_none());
    });
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_wait_for_a_lock_on_a_file_ends() {
    let _limit = limit();
    let path = a_path("lock");
    let theirs = std::fs::File::create(&path).unwrap();
    theirs.lock().unwrap();
    Pool::new(1).block_on(async {
        let ours = File::open(&path).await.unwrap();
        let source = StopSource::new();
        let token = source.token();
        let stops = async {
            ringpool::time::sleep(Duration::from_millis(10)).await;
            source.stop();
        };
        let (locked, ()) = futures::join!(with_stop(token, ours.lock()), stops);
        is_cancelled(&locked.unwrap_err());
        theirs.unlock().unwrap();
        ours.lock().await.unwrap();
    });
    std::fs::remove_file(&path).unwrap();
}
