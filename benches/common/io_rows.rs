//! Rows that compare with a bare ring alone: what the pool itself adds to an operation.

use super::random_reads::{self, Means, Storage};
use super::rows::{Goal, Row, floor, ringpool};
use super::sends::{self, Manner};
use super::{echo, echo_multishot};

/// What ringpool shall reach in each of them.
const GOAL: Goal = Goal::CpuOfFloor(1.10);

macro_rules! read_row {
    ($storage_name:literal, $storage:ident, $means_name:literal, $means:ident, $depth:literal) => {
        Row {
            name: concat!(
                "4 KiB random read, ",
                $storage_name,
                $means_name,
                ", depth ",
                stringify!($depth)
            ),
            operations: $depth,
            contenders: &[
                ringpool(|count| {
                    random_reads::ringpool(Storage::$storage, Means::$means, $depth, count)
                }),
                floor("bare ring", |count| {
                    random_reads::bare(Storage::$storage, Means::$means, $depth, count * $depth)
                }),
            ],
            goal: GOAL,
            notes: &[10],
        }
    };
}

macro_rules! echo_row {
    ($name:literal, $connections:expr) => {
        Row {
            name: concat!("TCP echo 64 B, multishot, ", $name, ", a request"),
            operations: $connections,
            contenders: &[
                ringpool(|rounds| echo_multishot::ringpool($connections, rounds)),
                floor("bare ring", |rounds| echo_multishot::bare($connections, rounds)),
            ],
            goal: GOAL,
            notes: &[8, 11],
        }
    };
}

macro_rules! send_row {
    ($name:literal, $manner:ident, $kib:literal, $notes:expr) => {
        Row {
            name: concat!($name, " of ", stringify!($kib), " KiB over loopback TCP"),
            operations: 1,
            contenders: &[
                ringpool(|count| sends::ringpool(Manner::$manner, $kib * 1024, count)),
                floor("bare ring", |count| sends::bare(Manner::$manner, $kib * 1024, count)),
            ],
            goal: GOAL,
            notes: $notes,
        }
    };
}

/// These rows, as the table has them.
pub(crate) const ROWS: &[Row] = &[
    read_row!("cached", Cached, "", Plain, 1),
    read_row!("cached", Cached, "", Plain, 32),
    read_row!("cached", Cached, "", Plain, 128),
    read_row!("cached", Cached, ", registered buffer", RegisteredBuffer, 1),
    read_row!("cached", Cached, ", registered buffer", RegisteredBuffer, 32),
    read_row!("cached", Cached, ", registered buffer", RegisteredBuffer, 128),
    read_row!("cached", Cached, ", direct descriptor", DirectDescriptor, 1),
    read_row!("cached", Cached, ", direct descriptor", DirectDescriptor, 32),
    read_row!("cached", Cached, ", direct descriptor", DirectDescriptor, 128),
    read_row!("`O_DIRECT`", Disk, "", Plain, 1),
    read_row!("`O_DIRECT`", Disk, "", Plain, 32),
    read_row!("`O_DIRECT`", Disk, "", Plain, 128),
    read_row!("`O_DIRECT`", Disk, ", registered buffer", RegisteredBuffer, 1),
    read_row!("`O_DIRECT`", Disk, ", registered buffer", RegisteredBuffer, 32),
    read_row!("`O_DIRECT`", Disk, ", registered buffer", RegisteredBuffer, 128),
    read_row!("`O_DIRECT`", Disk, ", direct descriptor", DirectDescriptor, 1),
    read_row!("`O_DIRECT`", Disk, ", direct descriptor", DirectDescriptor, 32),
    read_row!("`O_DIRECT`", Disk, ", direct descriptor", DirectDescriptor, 128),
    echo_row!("1 connection", 1),
    echo_row!("64 connections", echo::MANY),
    send_row!("`send`", Copying, 1, &[12]),
    send_row!("`send_zc`", ZeroCopy, 1, &[12]),
    send_row!("`send_zc` with `or_copy`", OrCopy, 1, &[12, 13]),
    send_row!("`send`", Copying, 4, &[12]),
    send_row!("`send_zc`", ZeroCopy, 4, &[12]),
    send_row!("`send_zc` with `or_copy`", OrCopy, 4, &[12, 13]),
    send_row!("`send`", Copying, 16, &[12]),
    send_row!("`send_zc`", ZeroCopy, 16, &[12]),
    send_row!("`send_zc` with `or_copy`", OrCopy, 16, &[12, 13]),
    send_row!("`send`", Copying, 64, &[12]),
    send_row!("`send_zc`", ZeroCopy, 64, &[12]),
    send_row!("`send_zc` with `or_copy`", OrCopy, 64, &[12, 13]),
    send_row!("`send`", Copying, 256, &[12]),
    send_row!("`send_zc`", ZeroCopy, 256, &[12]),
    send_row!("`send_zc` with `or_copy`", OrCopy, 256, &[12, 13]),
];
