//! The fields of a submission entry, for what the constructors of the io_uring crate leave out.

use io_uring::{opcode, squeue};

/// A submission entry as the kernel reads it. What the unions hold depends on the operation; a
/// field is named for what it mostly is.
#[repr(C)]
pub(super) struct Fields {
    opcode: u8,
    flags: u8,
    priority: u16,
    fd: i32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) len: u32,
    pub(super) operation_flags: u32,
    user_data: u64,
    buffer: u16,
    personality: u16,
    file_index: u32,
    address3: u64,
    reserved: u64,
}

const _: () = assert!(size_of::<Fields>() == size_of::<squeue::Entry>());

/// The descriptor's field, and whether it is a place in the ring's table. A close names that place
/// elsewhere, counted from one.
#[inline]
pub(crate) fn target_of(entry: &squeue::Entry) -> (i32, bool) {
    // SAFETY: both are the kernel's `struct io_uring_sqe`, laid out as C does it.
    let fields = unsafe { &*std::ptr::from_ref(entry).cast::<Fields>() };
    if fields.opcode == opcode::Close::CODE && fields.file_index != 0 {
        return (fields.file_index.wrapping_sub(1).cast_signed(), true);
    }
    (fields.fd, fields.flags & squeue::Flags::FIXED_FILE.bits() != 0)
}

/// The entry with some of its fields changed.
pub(super) fn change(entry: squeue::Entry, change: impl FnOnce(&mut Fields)) -> squeue::Entry {
    // SAFETY: both are the kernel's `struct io_uring_sqe`: plain numbers without gaps, laid out as
    // C does it, of which any bytes are valid.
    let mut fields = unsafe { std::mem::transmute::<squeue::Entry, Fields>(entry) };
    change(&mut fields);
    // SAFETY: as above.
    unsafe { std::mem::transmute::<Fields, squeue::Entry>(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use io_uring::types;

    #[test]
    fn fields_are_where_the_crate_puts_them() {
        let entry = opcode::Fadvise::new(types::Fd(3), 5, 7).offset(11).build().user_data(13);
        let entry = change(entry, |fields| {
            assert_eq!(fields.opcode, opcode::Fadvise::CODE);
            assert_eq!((fields.fd, fields.len, fields.operation_flags), (3, 5, 7));
            assert_eq!((fields.offset, fields.user_data), (11, 13));
            fields.address = 17;
        });
        assert_eq!(entry.get_user_data(), 13);
        assert_eq!(target_of(&entry), (3, false));
        assert_eq!(target_of(&entry.flags(squeue::Flags::FIXED_FILE)), (3, true));
        assert_eq!(target_of(&opcode::Close::new(types::Fd(3)).build()), (3, false));
        assert_eq!(target_of(&opcode::Close::new(types::Fixed(3)).build()), (3, true));
        let entry = opcode::Madvise::new(std::ptr::without_provenance(19), 0, 0).build();
        change(entry, |fields| assert_eq!(fields.address, 19));
    }
}
