//! No more connections at once than were asked for, and none lost.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringpool::net::{self, TcpStream};
use ringpool::{Pool, yield_now};

use super::support::*;
use crate::common::*;
use crate::network::connect;

/// How many are there at once, and how many there were at most.
#[derive(Clone, Default)]
struct Peak(Arc<(AtomicUsize, AtomicUsize)>);

impl Peak {
    fn enter(&self) -> Inside {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Inside(self.clone())
    }

    fn get(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

struct Inside(Peak);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn who_comes_while_it_is_full_waits_outside_and_is_served_later() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (listener, address) = listener(&pool);
    let server = Running::start(&pool, net::serve(listener, echo).max_connections(3));
    let mut clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    server.serves(3);
    for client in clients.drain(..) {
        ring_of(&client);
        for round in 0..20 {
            echoed(&client, &format!("round {round}"));
        }
        let served = server.handle.served();
        let ended = served.completed;
        assert!(served.accepted <= ended + 3, "{served:?}");
    }
    assert_eq!(server.stop().completed, 10);
}

/// Clients in great haste are never served more than `most` at a time.
fn never_more_than(most: usize, clients: usize, is_shared: bool) {
    let pool = Pool::new(2);
    let peak = Peak::default();
    let handler = {
        let peak = peak.clone();
        move |stream: TcpStream, _: SocketAddr| {
            let peak = peak.clone();
            async move {
                let _inside = peak.enter();
                yield_now().await;
                stream.write_all("salt").await.map(drop)
            }
        }
    };
    let (server, address) = if is_shared {
        let (listener, address) = listener(&pool);
        let server = net::serve(listener, handler).max_connections(most);
        (Running::start(&pool, server), address)
    } else {
        let (listeners, address) = group(&pool);
        let server = net::serve(listeners, handler).max_connections(most);
        (Running::start(&pool, server), address)
    };
    for _ in 0..5 {
        let clients: Vec<_> = (0..clients).map(|_| connect(address)).collect();
        for mut client in clients {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "salt");
        }
    }
    assert_eq!(server.stop().completed, 5 * clients as u64);
    assert!(peak.get() <= most, "{} at once", peak.get());
}

#[test]
fn the_limit_holds_for_one_listener() {
    let _limit = limit();
    never_more_than(1, 20, true);
    never_more_than(5, 100, true);
}

#[test]
fn the_limit_holds_for_all_listeners_together() {
    let _limit = limit();
    never_more_than(1, 20, false);
    never_more_than(5, 100, false);
}

#[test]
#[should_panic(expected = "would never accept any")]
fn a_limit_of_nothing_is_refused() {
    let pool = Pool::new(1);
    drop(net::serve(listener(&pool).0, echo).max_connections(0));
}
