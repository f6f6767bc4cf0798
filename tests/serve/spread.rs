//! Which ring gets a connection.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream as StdUnixStream};

use std::future::IntoFuture;

use futures::future::join_all;
use ringpool::net::{self, TcpListener, TcpStream, UnixListener, UnixStream};
use ringpool::{Pool, spawn};

use super::support::*;
use crate::common::*;
use crate::network::connect;

#[test]
fn connections_that_stay_are_handed_out_exactly_evenly() {
    let _limit = limit();
    let pool = Pool::new(3);
    let (listener, address) = listener(&pool);
    let server = Running::start(&pool, net::serve(listener, echo));
    let clients: Vec<_> = (0..30).map(|_| connect(address)).collect();
    let mut served = [0; 3];
    clients.iter().for_each(|client| served[ring_of(client)] += 1);
    assert_eq!(served, [10; 3]);
    assert_eq!(server.handle.connections_per_ring(), [10; 3]);
    drop(clients);
    assert_eq!(server.stop().completed, 30);
}

#[test]
fn connections_of_unix_sockets_are_as_well() {
    let _limit = limit();
    let pool = Pool::new(2);
    let name = format!("ringpool-serve-{}", std::process::id());
    let address = UnixAddr::from_abstract_name(name).unwrap();
    let listener = pool.block_on(async { UnixListener::bind_addr(&address) }).unwrap();
    let server = net::serve(listener, |stream: UnixStream, peer: UnixAddr| async move {
        assert!(peer.is_unnamed());
        stream.write_all([here().unwrap() as u8]).await?;
        stream.read(vec![0]).await?;
        Ok::<_, std::io::Error>(())
    });
    let server = Running::start(&pool, server);
    let clients: Vec<_> = (0..20).map(|_| StdUnixStream::connect_addr(&address).unwrap()).collect();
    let mut served = [0; 2];
    clients.iter().for_each(|client| served[ring_of(client)] += 1);
    assert_eq!(served, [10; 2]);
    drop(clients);
    assert_eq!(server.stop().completed, 20);
    assert!(StdUnixStream::connect_addr(&address).is_err());
}

#[test]
fn the_ring_that_has_fewest_gets_the_next_ones() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = Running::start(&pool, net::serve(listener, echo));
    let clients = (0..20).map(|_| connect(address));
    let (first, second): (Vec<_>, Vec<_>) = clients.partition(|client| ring_of(client) == 0);
    assert_eq!((first.len(), second.len()), (10, 10));
    drop(second);
    server.serves(10);
    let more: Vec<_> = (0..10).map(|_| connect(address)).collect();
    assert!(more.iter().all(|client| ring_of(client) == 1));
    drop((first, more));
    server.stop();
}

#[test]
fn each_ring_serves_what_it_accepts_from_its_own_listener() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listeners, address) = group(&pool);
    let server = Running::start(&pool, net::serve(listeners, echo));
    let clients: Vec<_> = (0..400).map(|_| connect(address)).collect();
    let mut served = [0; 2];
    clients.iter().for_each(|client| served[ring_of(client)] += 1);
    assert_eq!(server.handle.connections_per_ring(), served);
    // The kernel's hash of 400 ports: 200 each, give or take 10.
    assert!(served.iter().all(|count| (100..=300).contains(count)), "{served:?}");
    drop(clients);
    assert_eq!(server.stop().completed, 400);
}

#[test]
fn listeners_at_different_addresses_belong_to_the_rings_in_order() {
    let _limit = limit();
    let pool = Pool::new(2);
    let listeners = (0..3).map(|_| listener(&pool)).collect::<Vec<_>>();
    let (listeners, addresses): (Vec<_>, Vec<_>) = listeners.into_iter().unzip();
    let server = Running::start(&pool, net::serve(listeners, echo));
    for (index, address) in addresses.into_iter().enumerate() {
        for _ in 0..3 {
            assert_eq!(ring_of(connect(address)), index % 2);
        }
    }
    assert_eq!(server.stop().accepted, 9);
}

#[test]
fn only_the_rings_that_are_named_serve() {
    let _limit = limit();
    let pool = Pool::new(3);
    let (listener, address) = listener(&pool);
    let server = net::serve(listener, echo).on(&pool.runtimes()[1..]);
    let server = Running::start(&pool, server);
    let clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    let rings: Vec<_> = clients.iter().map(ring_of).collect();
    assert_eq!(rings.iter().filter(|ring| **ring == 1).count(), 5);
    assert_eq!(rings.iter().filter(|ring| **ring == 2).count(), 5);
    assert_eq!(server.handle.connections_per_ring(), [5, 5]);
    drop(clients);
    server.stop();
}

/// Thousands of clients, a hundred at a time, from a pool of their own.
fn thousands_are_served(server: impl FnOnce(&Pool) -> (Running, std::net::SocketAddr)) {
    const AT_ONCE: usize = 100;
    let each = rounds(50);
    let (pool, clients) = (Pool::new(2), Pool::new(1));
    let (server, address) = server(&pool);
    clients.block_on(async {
        let clients = (0..AT_ONCE).map(|number| {
            spawn(async move {
                for round in 0..each {
                    let stream = TcpStream::connect(address).await.unwrap();
                    let message = format!("{number} in round {round}").into_bytes();
                    let ((), _ring) = stream.read_exact([0]).await.unwrap();
                    let ((), message) = stream.write_all(message).await.unwrap();
                    let ((), answer) = stream.read_exact(vec![0; message.len()]).await.unwrap();
                    assert_eq!(answer, message);
                }
            })
        });
        for client in join_all(clients.collect::<Vec<_>>()).await {
            client.unwrap();
        }
    });
    let served = server.stop();
    assert_eq!(served.accepted, (AT_ONCE * each) as u64);
    assert_eq!(served.completed, served.accepted, "{served:?}");
}

#[test]
fn thousands_of_clients_are_all_served_from_one_listener() {
    let _limit = limit();
    thousands_are_served(|pool| {
        let (listener, address) = listener(pool);
        (Running::start(pool, net::serve(listener, echo)), address)
    });
}

#[test]
fn thousands_of_clients_are_all_served_from_a_listener_for_each_ring() {
    let _limit = limit();
    thousands_are_served(|pool| {
        let (listeners, address) = group(pool);
        (Running::start(pool, net::serve(listeners, echo)), address)
    });
}

#[test]
fn thousands_of_clients_are_all_served_by_few_at_a_time() {
    let _limit = limit();
    thousands_are_served(|pool| {
        let (listeners, address) = group(pool);
        let server = net::serve(listeners, echo).max_connections(10);
        (Running::start(pool, server), address)
    });
}

#[test]
fn no_listener_is_no_server_and_neither_is_no_ring() {
    let _limit = limit();
    let pool = Pool::new(1);
    let nothing = net::serve(Vec::<TcpListener>::new(), echo);
    let error = pool.block_on(nothing.into_future()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let nowhere = net::serve(listener(&pool).0, echo).on([]);
    let error = pool.block_on(nowhere.into_future()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let off_a_ring = net::serve(listener(&pool).0, echo).into_future();
    let error = futures::executor::block_on(off_a_ring).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
}
