//! Servers for which there are no descriptors left, such with very many, and what is left of them:
//! tests about the descriptors of the whole process, one at a time.

mod common;
mod network;
#[path = "serve/support.rs"]
mod support;

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use common::*;
use network::{alone, connect, is_ended, open_fds};
use ringpool::Pool;
use ringpool::net::{self, TcpStream};
use support::*;

fn descriptors_max() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a limit of ours.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit
}

fn set_descriptors_max(limit: libc::rlimit) {
    // SAFETY: the pointer is to a limit of ours.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// Begins to serve a client while there is no descriptor for its connection.
fn with_none_left<L: net::Listen<Stream = TcpStream, Address = SocketAddr>>(
    pool: &Pool,
    (listeners, address): (L, SocketAddr),
    limit: Option<usize>,
    then: impl FnOnce(Running, std::net::TcpStream, &dyn Fn()),
) {
    let client = connect(address);
    let before = descriptors_max();
    set_descriptors_max(libc::rlimit { rlim_cur: 3, ..before });
    let mut server = net::serve(listeners, echo).on_failure(|_| ());
    if let Some(limit) = limit {
        server = server.max_connections(limit);
    }
    let server = Running::start(pool, server);
    until(|| server.handle.served().accept_errors >= 3);
    assert!(!server.task.is_finished());
    then(server, client, &|| set_descriptors_max(before));
    set_descriptors_max(before);
}

#[test]
fn it_goes_on_when_there_are_descriptors_again() {
    let (_limit, _alone) = (limit(), alone());
    let pool = Pool::new(2);
    for limit in [None, Some(10)] {
        let goes_on = |server: Running, client: std::net::TcpStream, give_back: &dyn Fn()| {
            give_back();
            ring_of(&client);
            echoed(&client, "at last");
            drop(client);
            assert_eq!(server.stop().completed, 1);
        };
        with_none_left(&pool, listener(&pool), limit, goes_on);
        with_none_left(&pool, group(&pool), limit, goes_on);
    }
}

#[test]
fn it_can_be_stopped_all_the_same() {
    let (_limit, _alone) = (limit(), alone());
    let pool = Pool::new(2);
    with_none_left(&pool, listener(&pool), None, |server, client, _| {
        let served = server.stop();
        assert_eq!(served.accepted, 0);
        assert!(is_ended(&client), "nobody could accept it");
    });
}

#[test]
fn the_limit_holds_also_where_connections_are_taken_many_at_a_time() {
    let (_limit, _alone) = (limit(), alone());
    const MOST: usize = 600;
    const CLIENTS: usize = 1000;
    let before = descriptors_max();
    let needed = (2 * CLIENTS + 200) as libc::rlim_t;
    if before.rlim_max < needed {
        return skip("a limit of 2,200 descriptors");
    }
    set_descriptors_max(libc::rlimit { rlim_cur: before.rlim_cur.max(needed), ..before });
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = net::serve(listener, |stream: TcpStream, _| async move {
        stream.read_exact([0]).await?;
        stream.write_all("salt").await?;
        Ok::<_, std::io::Error>(())
    });
    let server = Running::start(&pool, server.max_connections(MOST));
    let clients: Vec<_> = (0..CLIENTS).map(|_| connect(address)).collect();
    server.serves(MOST);
    for mut client in clients {
        assert!(server.handle.connections() <= MOST + 1);
        std::io::Write::write_all(&mut client, b"?").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "salt");
    }
    assert_eq!(server.stop().completed, CLIENTS as u64);
    set_descriptors_max(before);
}

#[test]
fn when_its_time_is_up_the_rest_is_cancelled_and_nothing_is_left_in_the_kernel() {
    let (_limit, _alone) = (limit(), alone());
    let pool = Pool::new(2);
    let in_flight = || pool.runtimes().iter().map(|ring| ring.load().operations_in_flight).sum();
    pool.block_on(async {});
    let (idle, fds): (usize, _) = (in_flight(), open_fds());
    for is_shared in [true, false] {
        let dropped = Count::new();
        let handler = {
            let dropped = dropped.clone();
            move |stream: TcpStream, peer: SocketAddr| {
                let dropped = dropped.on_drop();
                async move {
                    let _dropped = dropped;
                    echo(stream, peer).await
                }
            }
        };
        let timeout = Duration::from_millis(50);
        let (server, address) = if is_shared {
            let (listener, address) = listener(&pool);
            let server = net::serve(listener, handler).shutdown_timeout(timeout);
            (Running::start(&pool, server), address)
        } else {
            let (listeners, address) = group(&pool);
            let server = net::serve(listeners, handler).shutdown_timeout(timeout);
            (Running::start(&pool, server), address)
        };
        let clients: Vec<_> = (0..20).map(|_| connect(address)).collect();
        all_are_served(&clients);
        let served = server.stop();
        assert_eq!((served.completed, served.cancelled), (0, 20));
        assert_eq!(dropped.get(), 20, "they are gone when the server has ended");
        assert!(clients.iter().all(is_ended));
        drop(clients);
        assert_eq!(open_fds(), fds);
        until(|| in_flight() == idle);
    }
}

#[test]
fn a_server_that_is_cancelled_takes_its_handlers_along() {
    let (_limit, _alone) = (limit(), alone());
    let pool = Pool::new(2);
    let fds = open_fds();
    for is_shared in [true, false] {
        let (server, address) = if is_shared {
            let (listener, address) = listener(&pool);
            (Running::start(&pool, net::serve(listener, echo)), address)
        } else {
            let (listeners, address) = group(&pool);
            (Running::start(&pool, net::serve(listeners, echo)), address)
        };
        let clients: Vec<_> = (0..20).map(|_| connect(address)).collect();
        all_are_served(&clients);
        let Running { handle, task } = server;
        assert!(pool.block_on(task.cancel()).is_none());
        assert_eq!(handle.connections(), 0);
        assert_eq!(handle.served().cancelled, 20);
        assert!(is_refused(address));
        assert!(clients.iter().all(is_ended));
        drop(clients);
        assert_eq!(open_fds(), fds);
    }
}
