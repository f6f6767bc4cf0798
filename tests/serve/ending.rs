//! How a server ends.

use std::future::IntoFuture;
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use ringpool::net::{self, TcpStream};
use ringpool::stop::{StopSource, StopToken, shield, with_stop};
use ringpool::{Pool, Task};

use super::support::*;
use crate::common::*;
use crate::network::{connect, is_ended};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn handlers_end_by_themselves_and_nobody_else_gets_in() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = Running::start(&pool, net::serve(listener, echo).shutdown_timeout(NEVER));
    let clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    all_are_served(&clients);
    server.handle.stop();
    until(|| is_refused(address));
    let before = server.handle.served().accepted;
    for client in &clients {
        echoed(client, "after the stop");
    }
    assert!(!server.task.is_finished());
    drop(clients);
    let served = server.ends();
    assert_eq!(served.accepted, before);
    assert_eq!(served.completed, served.accepted);
}

/// What the kernel had made before the server stopped is served.
fn those_in_line_are_served<L>(listeners: L, address: SocketAddr, pool: &Pool)
where
    L: net::Listen<Stream = TcpStream, Address = SocketAddr>,
{
    let clients: Vec<_> = (0..50).map(|_| connect(address)).collect();
    let server = net::serve(listeners, echo).shutdown_timeout(NEVER);
    server.handle().stop();
    let server = Running::start(pool, server);
    for client in &clients {
        ring_of(client);
        echoed(client, "in line before the stop");
    }
    until(|| is_refused(address));
    drop(clients);
    assert_eq!(server.ends().completed, 50);
}

#[test]
fn connections_that_waited_in_line_when_it_was_stopped_are_served() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (one, address) = listener(&pool);
    those_in_line_are_served(one, address, &pool);
    let (listeners, address) = group(&pool);
    those_in_line_are_served(listeners, address, &pool);
}

#[test]
fn a_server_that_is_full_ends_without_those_in_line() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (listener, address) = listener(&pool);
    let server = Running::start(&pool, net::serve(listener, echo).max_connections(1));
    let inside = connect(address);
    ring_of(&inside);
    let outside = connect(address);
    server.handle.stop();
    assert!(is_ended(&outside), "it is reset, and got no byte");
    drop(inside);
    let served = server.ends();
    assert_eq!((served.accepted, served.completed), (1, 1));
}

#[test]
fn a_server_that_is_dropped_closes_all() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = Running::start(&pool, net::serve(listener, echo));
    let client = connect(address);
    ring_of(&client);
    drop(server.task);
    assert!(is_ended(&client));
    until(|| is_refused(address));
    until(|| server.handle.connections() == 0);
}

/// Says goodbye when it is asked to stop.
async fn polite(stream: TcpStream, _: SocketAddr) -> std::io::Result<()> {
    match stream.read(vec![0; 16]).await {
        Err(_) if StopToken::current().is_stop_requested() => {
            shield(stream.write_all("goodbye")).await.map(drop).map_err(Into::into)
        }
        other => other.map(drop).map_err(Into::into),
    }
}

#[test]
fn handlers_that_are_asked_to_stop_say_goodbye() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = net::serve(listener, polite).stop_handlers().shutdown_timeout(NEVER);
    let server = Running::start(&pool, server);
    let clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    server.serves(10);
    server.handle.stop();
    for mut client in clients {
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        assert_eq!(said, "goodbye");
    }
    assert_eq!(server.ends().completed, 10);
}

#[test]
fn a_handler_that_passes_on_that_it_was_stopped_has_not_failed() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = net::serve(listener, echo)
        .stop_handlers()
        .shutdown_timeout(NEVER)
        .on_failure(|failure| panic!("{failure}"));
    let server = Running::start(&pool, server);
    let client = connect(address);
    ring_of(&client);
    let served = server.stop();
    assert_eq!((served.cancelled, served.failed), (1, 0));
}

#[test]
fn a_token_a_future_and_a_scope_stop_it_too() {
    let _limit = limit();
    let pool = Pool::new(1);
    let source = StopSource::new();
    let by_token = net::serve(listener(&pool).0, echo).with_graceful_shutdown(source.token());
    let gate = Gate::new();
    let by_gate = {
        let gate = gate.clone();
        let server = net::serve(listener(&pool).0, echo);
        server.with_graceful_shutdown(async move { gate.pass().await })
    };
    let by_scope = with_stop(source.token(), net::serve(listener(&pool).0, echo));
    let servers: [Task<_>; 3] = [
        pool.spawn(by_token.into_future()),
        pool.spawn(by_gate.into_future()),
        pool.spawn(by_scope),
    ];
    pool.block_on(ringpool::yield_now());
    assert!(servers.iter().all(|server| !server.is_finished()));
    source.stop();
    gate.open();
    for server in servers {
        assert_eq!(server.wait().unwrap().unwrap().accepted, 0);
    }
}

#[test]
fn a_pool_that_is_shut_down_takes_its_servers_along() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listeners, address) = group(&pool);
    let server = Running::start(&pool, net::serve(listeners, echo));
    let clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    all_are_served(&clients);
    shut_down(&pool);
    assert!(server.task.wait().unwrap_err().is_cancelled());
    assert!(clients.iter().all(is_ended));
    assert!(is_refused(address));
}
