//! Loom models of the tree: a stop beside one who lines up, beside a new child, beside one that
//! goes, and beside another stop. A lost wake shows as a deadlock of the model.

use std::sync::Arc as StdArc;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::{Node, Waiting};

async fn stopped(node: &StdArc<Node>) {
    let mut waiting = Waiting::new(node.clone());
    std::future::poll_fn(
        |cx| if waiting.poll(cx.waker()) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

#[test]
fn who_lines_up_beside_a_stop_is_woken() {
    loom::model(|| {
        let node = Node::new();
        let thread = thread::spawn({
            let node = node.clone();
            move || node.stop()
        });
        block_on(stopped(&node));
        assert!(thread.join().unwrap(), "nobody else has stopped it");
    });
}

#[test]
fn a_child_made_beside_a_stop_is_stopped() {
    loom::model(|| {
        let parent = Node::new();
        let thread = thread::spawn({
            let parent = parent.clone();
            move || parent.stop()
        });
        let child = Node::child_of([Some(parent), None]);
        block_on(stopped(&child));
        thread.join().unwrap();
    });
}

#[test]
fn a_child_of_two_is_stopped_by_either() {
    loom::model(|| {
        let (first, second) = (Node::new(), Node::new());
        let child = Node::child_of([Some(first.clone()), Some(second.clone())]);
        let thread = thread::spawn(move || first.stop());
        second.stop();
        assert!(child.is_stopped());
        thread.join().unwrap();
        drop(child);
        assert_eq!(second.children(), 0);
    });
}

#[test]
fn a_child_that_goes_beside_a_stop_is_off_the_list() {
    loom::model(|| {
        let parent = Node::new();
        let child = Node::child_of([Some(parent.clone()), None]);
        let thread = thread::spawn({
            let parent = parent.clone();
            move || parent.stop()
        });
        drop(child);
        thread.join().unwrap();
        assert_eq!(parent.children(), 0);
    });
}

#[test]
fn one_who_waits_and_goes_beside_a_stop_leaves_the_line_as_it_was() {
    loom::model(|| {
        let node = Node::new();
        let mut waiting = Waiting::new(node.clone());
        assert!(!waiting.poll(std::task::Waker::noop()));
        let thread = thread::spawn({
            let node = node.clone();
            move || node.stop()
        });
        drop(waiting);
        block_on(stopped(&node));
        thread.join().unwrap();
    });
}

#[test]
fn the_second_of_two_stops_returns_when_all_are_stopped() {
    loom::model(|| {
        let parent = Node::new();
        let child = Node::child_of([Some(parent.clone()), None]);
        let thread = thread::spawn({
            let (parent, child) = (parent.clone(), child.clone());
            move || {
                let is_first = parent.stop();
                assert!(child.is_stopped());
                is_first
            }
        });
        let is_first = parent.stop();
        assert!(child.is_stopped());
        assert_ne!(thread.join().unwrap(), is_first, "one of them was the first");
    });
}

#[test]
fn a_waker_that_changes_beside_a_stop_is_woken() {
    loom::model(|| {
        let node = Node::new();
        let mut waiting = Waiting::new(node.clone());
        assert!(!waiting.poll(std::task::Waker::noop()));
        let thread = thread::spawn(move || node.stop());
        let by_another = |cx: &mut std::task::Context<'_>| match waiting.poll(cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        };
        block_on(std::future::poll_fn(by_another));
        thread.join().unwrap();
    });
}
