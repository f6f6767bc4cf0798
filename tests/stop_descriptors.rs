//! Connections that are stopped leave no descriptor: counted, so the tests here run one at a time.

mod common;
mod network;
#[path = "stop/support.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};

use common::*;
use futures::StreamExt;
use network::open_fds;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::stop::{StopSource, shield, with_stop};
use ringpool::{Pool, Task, spawn};
use support::*;

#[test]
fn an_accept_is_stopped_and_the_connection_is_the_next_ones() {
    let _alone = network::alone();
    let _limit = limit();
    let before = open_fds();
    let pool = Pool::new(1);
    pool.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        is_cancelled(&stopped(listener.accept()).await.unwrap_err());
        is_cancelled(&refused(listener.accept()).await.unwrap_err());
        // One has the turn, one is in line behind it, in a scope.
        let mut first = Box::pin(listener.accept());
        begin(&mut first).await;
        let source = StopSource::new();
        let mut second = Box::pin(with_stop(source.token(), listener.accept()));
        assert!(poll_now(&mut second).await.is_none());
        let mut third = Box::pin(listener.accept());
        assert!(poll_now(&mut third).await.is_none());
        source.stop();
        is_cancelled(&second.await.unwrap_err());
        // What the first one leaves in the kernel is not that scope's, though its next one is.
        let also = StopSource::new();
        drop(first);
        let mut next = Box::pin(with_stop(also.token(), third));
        assert!(poll_now(&mut next).await.is_none());
        also.stop();
        is_cancelled(&next.await.unwrap_err());
        let _client = network::connect(address);
        listener.accept().await.unwrap();
    });
    shut_down(&pool);
    drop(pool);
    assert_eq!(open_fds(), before);
}

#[test]
fn connections_that_are_delivered_come_before_the_stop_and_none_is_lost() {
    let _alone = network::alone();
    let _limit = limit();
    let pool = Pool::new(1);
    let before = open_fds();
    pool.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let source = StopSource::new();
        let token = source.token();
        let mut incoming = listener.incoming();
        let clients: Vec<_> = (0..10).map(|_| network::connect(address)).collect();
        let mut accepted: Vec<TcpStream> = Vec::new();
        with_stop(token, async {
            accepted.push(incoming.next().await.unwrap().unwrap());
            source.stop();
            loop {
                match incoming.next().await.unwrap() {
                    Ok(stream) => accepted.push(stream),
                    Err(error) => break is_cancelled(&error),
                }
            }
            while accepted.len() < clients.len() {
                accepted.push(shield(incoming.next()).await.unwrap().unwrap());
            }
        })
        .await;
    });
    shut_down(&pool);
    assert!(open_fds() <= before);
}

#[test]
fn a_connect_is_stopped_and_leaves_no_socket() {
    let _alone = network::alone();
    let _limit = limit();
    let before = open_fds();
    // Nobody answers: the backlog is full.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // SAFETY: changes the length of a queue.
    assert_eq!(unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) }, 0);
    let _first = network::connect(address);
    let pool = Pool::new(1);
    pool.block_on(async {
        is_cancelled(&refused(TcpStream::connect(address)).await.unwrap_err());
        let both = [address, address];
        is_cancelled(&stopped(TcpStream::connect(&both[..])).await.unwrap_err());
    });
    shut_down(&pool);
    drop((pool, listener, _first));
    assert_eq!(open_fds(), before);
}

#[test]
fn a_server_that_is_asked_to_stop_finishes_what_it_has_begun() {
    let _alone = network::alone();
    let _limit = limit();
    let before = open_fds();
    let pool = Pool::new(2);
    let source = StopSource::new();
    let served = pool.spawn({
        let token = source.token();
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut tasks: Vec<Task<()>> = Vec::new();
            let (sender, receiver) = ringpool::Channel::bounded(1).split();
            sender.send(address).await.unwrap();
            let accepting = spawn(with_stop(token.clone(), async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            tasks.push(spawn(with_stop(token.clone(), serve(stream))))
                        }
                        Err(error) => {
                            is_cancelled(&error);
                            break;
                        }
                    }
                }
                for task in tasks {
                    task.await.unwrap();
                }
            }));
            (receiver.recv().await.unwrap(), accepting)
        }
    });
    let (address, accepting) = served.wait().unwrap();
    let clients: Vec<_> = (0..5)
        .map(|_| {
            let mut client = network::connect(address);
            client.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            client.read_exact(&mut answer).unwrap();
            client
        })
        .collect();
    source.stop();
    accepting.wait().unwrap();
    for mut client in clients {
        let mut goodbye = String::new();
        client.read_to_string(&mut goodbye).unwrap();
        assert_eq!(goodbye, "goodbye");
    }
    shut_down(&pool);
    drop(pool);
    assert_eq!(open_fds(), before);
}

/// Echoes until it is stopped, and says goodbye.
async fn serve(stream: TcpStream) {
    loop {
        match stream.read(vec![0; 4]).await {
            Ok((0, _)) => return,
            Ok((count, mut bytes)) => {
                bytes.truncate(count);
                shield(stream.write_all(bytes)).await.unwrap();
            }
            Err(stopped) => {
                is_cancelled(&stopped.error);
                assert_ne!(stopped.error.kind(), ErrorKind::TimedOut);
                return shield(stream.write_all("goodbye")).await.map(drop).unwrap();
            }
        }
    }
}
