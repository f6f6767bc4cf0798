//! Files: every operation beside the same call made through the standard library, and what becomes
//! of operations that are dropped, forgotten, cancelled or moved.

#[path = "fs/at_offsets.rs"]
mod at_offsets;
#[path = "fs/at_the_position.rs"]
mod at_the_position;
#[path = "fs/attributes.rs"]
mod attributes;
#[path = "fs/buffers.rs"]
mod buffers;
mod common;
#[path = "fs/copying.rs"]
mod copying;
#[path = "fs/directories.rs"]
mod directories;
#[path = "fs/dropped.rs"]
mod dropped;
#[path = "fs/many.rs"]
mod many;
#[path = "fs/metadata.rs"]
mod metadata;
#[path = "fs/names.rs"]
mod names;
#[path = "fs/opening.rs"]
mod opening;
#[path = "fs/support.rs"]
mod support;
#[path = "fs/vectored.rs"]
mod vectored;
#[path = "fs/whole.rs"]
mod whole;
