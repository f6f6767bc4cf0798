//! Every kind of operation in a scope that is stopped: before it has begun, in the kernel, and when
//! the result has come first.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::time::Duration;

use crate::common::*;
use crate::network;
use crate::support::*;
use futures::{FutureExt, StreamExt};
use io_uring::{opcode, squeue};
use ringpool::buf::BufferPool;
use ringpool::op::{self, AnyFd, Op, Operation, SharedFd, Start};
use ringpool::stop::{StopSource, shield, with_stop};
use ringpool::{Pool, yield_now};

#[test]
fn an_operation_that_has_not_begun_never_does() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    put(&mut writer, b"salt");
    Pool::new(1).block_on(async {
        assert_eq!(given_back(refused(read(&reader)).await).capacity(), 77);
        is_cancelled(&refused(op::nop()).await.unwrap_err());
        assert_eq!(read(&reader).await.unwrap().1, b"salt", "nothing was taken");
    });
}

#[test]
fn an_operation_in_the_kernel_ends_with_its_buffer() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    Pool::new(1).block_on(async {
        assert_eq!(given_back(stopped_in_the_kernel(read(&reader)).await).capacity(), 77);
        put(&mut writer, b"salt");
        assert_eq!(read(&reader).await.unwrap().1, b"salt", "nobody has taken it before");
    });
}

#[test]
fn an_operation_that_won_gives_its_result_and_the_next_one_is_refused() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let source = StopSource::new();
    Pool::new(1).block_on(with_stop(source.token(), async {
        let mut reading = read(&reader);
        begin(&mut reading).await;
        completed(1, || put(&mut writer, b"salt")).await;
        source.stop();
        assert_eq!(reading.await.unwrap().1, b"salt");
        put(&mut writer, b"pepper");
        given_back(read(&reader).await);
        assert_eq!(shield(read(&reader)).await.unwrap().1, b"pepper");
    }));
}

#[test]
fn whoever_wins_no_byte_is_lost() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let mut got = Vec::new();
    let mut stops = 0;
    let count = rounds(500);
    Pool::new(2).block_on(async {
        for round in 0..count {
            let source = StopSource::new();
            let byte = [round as u8];
            let thread = ringpool::spawn_blocking({
                let (source, mut writer) = (source.clone(), writer.try_clone().unwrap());
                move || {
                    if byte[0].is_multiple_of(2) {
                        put(&mut writer, &byte);
                        source.stop();
                    } else {
                        source.stop();
                        put(&mut writer, &byte);
                    }
                }
            });
            match with_stop(source.token(), read(&reader)).await {
                Ok((_, bytes)) => got.extend(bytes),
                Err(stopped) => {
                    is_cancelled(&stopped.error);
                    stops += 1;
                }
            }
            thread.await.unwrap();
        }
        writer.write_all(b"!").unwrap();
        while got.last() != Some(&b'!') || got.len() <= count {
            got.extend(read(&reader).await.unwrap().1);
        }
    });
    println!("{stops} of {count} were stopped");
    got.pop();
    assert_eq!(got, (0..count).map(|round| round as u8).collect::<Vec<_>>());
}

/// Waits until there is something to read, and cannot be stopped.
struct Unstoppable(AnyFd);

// SAFETY: the entry points to nothing.
unsafe impl Operation for Unstoppable {
    type Output = io::Result<u32>;

    const STOPS: bool = false;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::PollAdd::new(start.target(&self.0)?, libc::POLLIN as u32).build())
    }

    fn finish(self, result: io::Result<u32>) -> io::Result<u32> {
        result
    }
}

#[test]
fn an_operation_that_cannot_be_stopped_is_awaited() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let source = StopSource::new();
    Pool::new(1).block_on(with_stop(source.token(), async {
        let mut waiting = Op::new(Unstoppable(AnyFd::from(reader.clone())));
        begin(&mut waiting).await;
        source.stop();
        for _ in 0..10 {
            yield_now().await;
            assert!(poll_now(&mut waiting).await.is_none());
        }
        put(&mut writer, b"salt");
        assert_eq!(waiting.await.unwrap(), libc::POLLIN as u32);
        is_cancelled(&Op::new(Unstoppable(AnyFd::from(reader.clone()))).await.unwrap_err());
    }));
}

#[test]
fn a_stop_is_no_time_limit() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let long = Duration::from_secs(1000);
    Pool::new(1).block_on(async {
        assert_eq!(given_back(refused(read(&reader).timeout(long)).await).capacity(), 77);
        let stopped = stopped_in_the_kernel(read(&reader).timeout(long)).await;
        assert_eq!(given_back(stopped).capacity(), 77);
        let source = StopSource::new();
        let short = read(&reader).timeout(Duration::from_millis(1));
        let error = with_stop(source.token(), short).await.unwrap_err().error;
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    });
}

#[test]
fn a_chain_is_refused_as_a_whole_and_stopped_as_a_whole() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let (first, second) = refused(read(&reader).link(op::nop())).await;
        given_back(first);
        is_cancelled(&second.unwrap_err());
        let chain = op::link((read(&reader), read(&reader), op::nop()));
        let (first, second, third) = stopped_in_the_kernel(chain).await;
        given_back(first);
        given_back(second);
        is_cancelled(&third.unwrap_err());
        let chain = op::hard_link(vec![read(&reader), read(&reader), read(&reader)]);
        for ended in stopped_in_the_kernel(chain).await {
            given_back(ended);
        }
    });
}

#[test]
fn a_drained_operation_that_is_held_back_ends() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    Pool::new(1).block_on(async {
        let mut before = read(&reader);
        begin(&mut before).await;
        is_cancelled(&stopped_in_the_kernel(op::nop().drain()).await.unwrap_err());
        put(&mut writer, b"salt");
        assert_eq!(before.await.unwrap().1, b"salt");
    });
}

#[test]
fn waits_of_the_kernel_for_other_things_end_as_well() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    Pool::new(1).block_on(async {
        let poll = op::poll_add(&reader, libc::POLLIN);
        is_cancelled(&stopped_in_the_kernel(poll).await.unwrap_err());
        is_cancelled(&stopped_in_the_kernel(op::accept(&listener)).await.unwrap_err());
        let ended = stopped_in_the_kernel(op::timeout(Duration::from_secs(1000))).await;
        is_cancelled(&ended.unwrap_err());
    });
}

#[test]
fn a_stream_of_the_kernel_gives_what_was_delivered_and_then_the_stop() {
    let _limit = limit();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    let source = StopSource::new();
    Pool::new(1).block_on(with_stop(source.token(), async {
        let mut connections = op::accept_multishot(&listener);
        let _clients = [(); 3].map(|()| network::connect(address));
        let mut accepted = vec![connections.next().await.unwrap().unwrap()];
        source.stop();
        loop {
            match connections.next().await.unwrap() {
                Ok(connection) => accepted.push(connection),
                Err(error) => break is_cancelled(&error),
            }
        }
        while accepted.len() < 3 {
            accepted.push(shield(connections.next()).await.unwrap().unwrap());
        }
        for _ in 0..3 {
            is_cancelled(&connections.next().await.unwrap().unwrap_err());
        }
        let _later = network::connect(address);
        shield(connections.next()).await.unwrap().unwrap();
        // What is armed now was so in no scope.
        is_cancelled(&connections.next().await.unwrap().unwrap_err());
        connections.stop();
        assert!(connections.next().await.is_none());
    }));
}

#[test]
fn a_stream_that_waits_in_the_kernel_or_has_not_begun_tells_of_the_stop() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let mut ready = op::poll_multishot(&reader, libc::POLLIN);
        is_cancelled(&stopped_in_the_kernel(ready.next()).await.unwrap().unwrap_err());
        let mut fresh = op::poll_multishot(&reader, libc::POLLIN);
        is_cancelled(&refused(fresh.next()).await.unwrap().unwrap_err());
    });
}

#[test]
fn a_send_without_a_copy_gives_its_buffer_back() {
    let _limit = limit();
    let (ours, peer) = network::connection();
    network::narrow(&ours);
    network::narrow(&peer);
    let fd = SharedFd::from(OwnedFd::from(ours.into_std().unwrap()));
    Pool::new(1).block_on(async {
        let bytes = vec![7; 20_000];
        let refused = refused(op::send_zc(&fd, bytes, 0)).await.unwrap_err();
        is_cancelled(&refused.error);
        assert_eq!(refused.buffer.len(), 20_000);
        let source = StopSource::new();
        let mut ended = None;
        // Until the peer's window is full, so that one is in the kernel.
        while ended.is_none() {
            let mut sending =
                Box::pin(with_stop(source.token(), op::send_zc(&fd, vec![7; 20_000], 0)));
            let stops = async {
                for _ in 0..20 {
                    yield_now().await;
                }
                if started() > 0 {
                    ringpool::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let mut stops = pin!(stops.fuse());
            futures::select! {
                sent = sending.as_mut().fuse() => drop(sent.unwrap().1),
                () = stops => {
                    source.stop();
                    ended = Some(sending.await);
                }
            }
        }
        match ended.unwrap() {
            Ok((count, returning)) => {
                assert!(count < 20_000, "the rest had no room");
                drop(peer);
                assert_eq!(returning.await.len(), 20_000);
            }
            Err(stopped) => {
                is_cancelled(&stopped.error);
                assert_eq!(stopped.buffer, vec![7; 20_000]);
            }
        }
    });
}

#[test]
fn a_wait_for_a_buffer_of_a_pool_ends() {
    let _limit = limit();
    let (peer, socket) = std::os::unix::net::UnixStream::pair().unwrap();
    let socket = SharedFd::from(OwnedFd::from(socket));
    (&peer).write_all(b"salt").unwrap();
    let source = StopSource::new();
    Pool::new(1).block_on(with_stop(source.token(), async {
        let buffers = BufferPool::new(1, 2).unwrap();
        let first = op::recv_pooled(&socket, &buffers, 0).await.unwrap();
        let mut waiting = op::recv_pooled(&socket, &buffers, 0).or_wait();
        let mut stream = op::recv_multishot(&socket, &buffers, 0);
        let both = async { futures::join!(&mut waiting, stream.next()) };
        let stops = async {
            for _ in 0..20 {
                yield_now().await;
            }
            source.stop();
        };
        let ((single, item), ()) = futures::join!(both, stops);
        is_cancelled(&single.unwrap_err());
        is_cancelled(&item.unwrap().unwrap_err());
        drop(first);
        let rest = shield(op::recv_pooled(&socket, &buffers, 0)).await.unwrap();
        assert_eq!(&rest[..], b"lt");
    }));
}

#[test]
fn an_operation_that_is_dropped_after_a_stop_or_forgotten_harms_nobody() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let source = StopSource::new();
    let token = source.token();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut dropped = with_stop(token.clone(), read(&reader));
        begin(&mut dropped).await;
        let mut forgotten = with_stop(token.clone(), read(&reader));
        begin(&mut forgotten).await;
        drop(dropped);
        forget(forgotten);
        source.stop();
        yield_now().await;
        // What is forgotten is in the kernel still.
        put(&mut writer, b"salt");
        assert_eq!(given_back(refused(read(&reader)).await).capacity(), 77);
    });
    shut_down(&pool);
}

#[test]
fn operations_on_two_rings_are_stopped_from_a_plain_thread() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (reader, _writer) = pipe();
    for _ in 0..rounds(50) {
        let source = StopSource::new();
        let begun = Count::new();
        let tasks: Vec<_> = (0..2)
            .map(|ring| {
                let (reader, begun) = (reader.clone(), begun.clone());
                let work = async move {
                    let mut reading = read(&reader);
                    begin(&mut reading).await;
                    begun.add();
                    given_back(reading.await)
                };
                pool.runtime(ring).spawn(with_stop(source.token(), work))
            })
            .collect();
        begun.reaches(2);
        source.stop();
        for task in tasks {
            assert_eq!(task.wait().unwrap().capacity(), 77);
        }
    }
}

#[test]
fn a_cancelled_task_in_a_stopped_scope_ends_as_any_other() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    let source = StopSource::new();
    let token = source.token();
    pool.block_on(async {
        let task = ringpool::spawn(with_stop(token, async move { read(&reader).await }));
        yield_now().await;
        source.stop();
        // Whichever of the two requests was first.
        if let Some(output) = task.cancel().await {
            given_back(output);
        }
    });
    shut_down(&pool);
}

#[test]
fn operations_that_race_all_come_back() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let both = || op::race((read(&reader), read(&reader)));
        for (_, (first, second)) in [stopped_in_the_kernel(both()).await, refused(both()).await] {
            assert_eq!(given_back(first).capacity() + given_back(second).capacity(), 2 * 77);
        }
    });
}
