//! Registered buffers: memory that the kernel has pinned and mapped beforehand.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::arena::{Arena, Dimensions, vector_of};
use super::registration::Registration;
use super::{IoBuf, IoBufMut, IoBufs, Slice};
use crate::ring::Bank;
use crate::runtime::{Runtime, Shared};
use crate::task;

/// A set of buffers that one ring knows, or all rings of a pool: `IORING_REGISTER_BUFFERS2`. Since
/// Linux 5.19.
///
/// The kernel pins their memory when they are registered, and so has nothing to look up in
/// operations such as [`read_fixed`](crate::op::read_fixed()). Any other operation takes them too,
/// as it takes other buffers. The value is a handle: clones are of the same set, which is
/// unregistered when the last handle and the last buffer are gone, those that operations have
/// included.
///
/// Pinned memory counts as locked: `ulimit -l` limits it, except for privileged users.
///
/// # Examples
///
/// ```
/// use ringpool::buf::RegisteredBuffers;
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let buffers = RegisteredBuffers::new(4, 4096)?; // Of the ring that this runs on.
///     let file = op::openat2(None, "/proc/self/comm", libc::O_RDONLY, 0).await?;
///     let buffer = buffers.take().expect("there are four");
///     let (count, buffer) = op::read_fixed_at(&file, buffer, 0).await?;
///     assert_eq!(count, buffer.len());
///     assert!(buffer.ends_with(b"\n"));
///     assert_eq!(buffers.available(), 3);
///     drop(buffer); // It goes back to its set.
///     assert_eq!(buffers.available(), 4);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct RegisteredBuffers(Arc<Arena>);

impl RegisteredBuffers {
    /// Registers `count` buffers of `size` bytes each on the ring of the calling thread.
    ///
    /// Each begins at a multiple of 512 bytes; if `size` is a multiple of 4096, so are their
    /// addresses. [`Pool::register_buffers`](crate::Pool::register_buffers) makes a set for all
    /// rings.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) on a thread that has no ring;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there would be none, or more than a
    /// gibibyte; [`OutOfMemory`](io::ErrorKind::OutOfMemory) if that much may not be locked, with
    /// the limit and how to raise it; [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if 1024 sets
    /// are registered on the ring.
    pub fn new(count: usize, size: usize) -> io::Result<Self> {
        let dimensions = Dimensions::new(count, size)?;
        let memory = dimensions.allocate()?;
        // SAFETY: the memory becomes that of the arena below, or is not used.
        let registration = unsafe { Registration::here(&memory, None) }?;
        Ok(Self(Arc::new(Arena::new(dimensions, memory, vec![registration]))))
    }

    /// See [`Pool::register_buffers`](crate::Pool::register_buffers).
    pub(crate) async fn on_all(rings: &[Runtime], count: usize, size: usize) -> io::Result<Self> {
        let dimensions = Dimensions::new(count, size)?;
        let memory = dimensions.allocate()?;
        // Without a bank each ring registers, and says what is wrong.
        // SAFETY: the memory becomes that of the arena below, or is not used.
        let bank = unsafe { Bank::new(vector_of(&memory)) }.ok().map(Arc::new);
        let on_one = |ring: &Runtime| {
            let (memory, bank) = (memory.clone(), bank.clone());
            // SAFETY: as above.
            let register = async move { unsafe { Registration::here(&memory, bank.as_deref()) } };
            task::spawn_on(ring, register)
        };
        let tasks: Vec<_> = rings.iter().map(on_one).collect();
        let mut registrations = Vec::with_capacity(tasks.len());
        for registered in tasks {
            registrations.push(registered.await??);
        }
        Ok(Self(Arc::new(Arena::new(dimensions, memory, registrations))))
    }

    /// A buffer that nobody has, if there is one.
    ///
    /// It is as long as it can be, and has in it whatever its last owner left there.
    pub fn take(&self) -> Option<RegisteredBuffer> {
        self.0.free().try_recv().ok().map(|index| self.buffer(index))
    }

    /// A buffer, as soon as there is one that nobody has; those who wait get one in the order in
    /// which they came.
    ///
    /// # Cancel safety
    ///
    /// Nothing can be lost: a buffer that had been found goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::buf::RegisteredBuffers;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let buffers = RegisteredBuffers::new(1, 4096)?;
    ///     let only = buffers.take().expect("there is one");
    ///     let waiting = ringpool::spawn({
    ///         let buffers = buffers.clone();
    ///         async move { buffers.wait().await.len() }
    ///     });
    ///     ringpool::yield_now().await;
    ///     drop(only);
    ///     assert_eq!(waiting.await?, 4096);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn wait(&self) -> RegisteredBuffer {
        let index = self.0.free().recv().await.expect("we have a handle, so it is not closed");
        self.buffer(index)
    }

    fn buffer(&self, index: u32) -> RegisteredBuffer {
        RegisteredBuffer { arena: self.0.clone(), index, len: self.0.size() }
    }

    /// How many buffers nobody has.
    pub fn available(&self) -> usize {
        self.0.free().len()
    }

    /// How many buffers there are.
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// How many bytes each buffer has.
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

impl fmt::Debug for RegisteredBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredBuffers")
            .field("count", &self.count())
            .field("size", &self.size())
            .field("available", &self.available())
            .field("rings", &self.0.rings())
            .finish()
    }
}

/// A buffer of a set that is registered; dropping it gives it back to the set, from any thread.
///
/// It is a slice of bytes that a read makes as long as what was read, and that
/// [`set_len`](RegisteredBuffer::set_len) makes as long as one likes, up to its capacity.
pub struct RegisteredBuffer {
    arena: Arc<Arena>,
    index: u32,
    len: usize,
}

impl RegisteredBuffer {
    /// How long it can be.
    pub fn capacity(&self) -> usize {
        self.arena.size()
    }

    /// Makes it longer or shorter; what comes to light is what was there before.
    ///
    /// # Panics
    ///
    /// If `len` is more than the capacity.
    #[track_caller]
    pub fn set_len(&mut self, len: usize) {
        let capacity = self.capacity();
        assert!(len <= capacity, "a registered buffer of {capacity} bytes has no {len}");
        self.len = len;
    }

    /// What the kernel calls its buffer index on this ring; `None` if it is not registered there.
    ///
    /// All buffers of a set have the same: the kernel tells them apart by their addresses.
    pub fn index_on(&self, ring: &Runtime) -> Option<u16> {
        self.arena.place_on(ring.shared())
    }

    /// As [`index_on`](Self::index_on), or an error that says what to do.
    #[inline]
    pub(crate) fn place_on(&self, ring: &Arc<Shared>) -> io::Result<u16> {
        self.arena.place_on(ring).ok_or_else(|| self.foreign(ring))
    }

    #[cold]
    fn foreign(&self, ring: &Shared) -> io::Error {
        let message = format!(
            "this buffer is registered on the rings {:?} of its pool, and the operation was \
             started on ring {}{}; switch to a ring of them, register buffers for all rings with \
             Pool::register_buffers, or use an operation that takes any buffer",
            self.arena.rings(),
            ring.index,
            if self.arena.rings().contains(&ring.index) { " of another pool" } else { "" },
        );
        io::Error::new(io::ErrorKind::InvalidInput, message)
    }
}

impl Drop for RegisteredBuffer {
    fn drop(&mut self) {
        self.arena.give_back(self.index);
    }
}

impl Deref for RegisteredBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes were zero at first, and are ours as long as we have the index.
        unsafe { std::slice::from_raw_parts(self.ptr(), self.len) }
    }
}

impl DerefMut for RegisteredBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed from nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.ptr_mut(), self.len) }
    }
}

impl fmt::Debug for RegisteredBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredBuffer")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .field("rings", &self.arena.rings())
            .finish_non_exhaustive()
    }
}

// SAFETY: the memory is the arena's, which we keep, and this part of it is ours alone.
unsafe impl IoBuf for RegisteredBuffer {
    fn ptr(&self) -> *const u8 {
        self.arena.start_of(self.index).as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for RegisteredBuffer {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.arena.start_of(self.index).as_ptr()
    }

    fn capacity(&self) -> usize {
        self.arena.size()
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, len: usize) {
        self.len = len;
    }
}

/// What operations on registered buffers take: a [`RegisteredBuffer`], or a [`Slice`] of one.
pub trait Registered: IoBuf {
    /// The buffer that the bytes are in.
    fn registered(&self) -> &RegisteredBuffer;
}

impl Registered for RegisteredBuffer {
    fn registered(&self) -> &RegisteredBuffer {
        self
    }
}

impl<B: Registered> Registered for Slice<B> {
    fn registered(&self) -> &RegisteredBuffer {
        self.get_ref().registered()
    }
}

/// What vectored operations on registered buffers take: a vector or an array of what is
/// [`Registered`].
pub trait RegisteredBufs: IoBufs {
    /// Calls `visit` with the buffer that each one's bytes are in, in order.
    fn for_each_registered(&self, visit: &mut dyn FnMut(&RegisteredBuffer));
}

impl<B: Registered> RegisteredBufs for Vec<B> {
    fn for_each_registered(&self, visit: &mut dyn FnMut(&RegisteredBuffer)) {
        self.iter().for_each(|buffer| visit(buffer.registered()));
    }
}

impl<B: Registered, const N: usize> RegisteredBufs for [B; N] {
    fn for_each_registered(&self, visit: &mut dyn FnMut(&RegisteredBuffer)) {
        self.iter().for_each(|buffer| visit(buffer.registered()));
    }
}
