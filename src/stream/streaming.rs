//! The traits of [`io`](crate::io) for what has a [`Stream`](super::Stream), which keeps all that
//! is under way itself.

/// Makes a type a reader whose bytes come out of `stream`.
macro_rules! reads {
    ([$($generic:tt)*] $reader:ty, $self:ident => $stream:expr) => {
        impl<$($generic)*> $crate::io::AsyncReadOwned for $reader {
            type Reading = ();

            fn read<B: $crate::buf::IoBufMut>(
                &mut $self,
                buffer: B,
            ) -> impl std::future::Future<Output = $crate::buf::BufResult<usize, B>> + Send {
                $stream.read(buffer)
            }

            fn poll_read_owned(
                &mut $self,
                (): &mut (),
                buffer: &mut Vec<u8>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<usize>> {
                $stream.poll_read(buffer, cx)
            }

            fn poll_stop_reading(
                &mut $self,
                (): &mut (),
                _: &mut Vec<u8>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<()> {
                $stream.stop_reading();
                std::task::Poll::Ready(())
            }

            fn unread(&mut $self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
                $stream.unread(bytes)
            }
        }
    };
}

/// Writing to what has, or leads to, a connection; the connection keeps the write under way, and
/// the caller a spare buffer.
pub(crate) use reads;

/// Makes a type a writer whose bytes go into `stream`; `end` ends the writing direction.
macro_rules! writes {
    ([$($generic:tt)*] $writer:ty, $self:ident => $stream:expr, $end:expr) => {
        impl<$($generic)*> $crate::io::AsyncWriteOwned for $writer {
            type Writing = Vec<u8>;

            fn write<B: $crate::buf::IoBuf>(
                &mut $self,
                buffer: B,
            ) -> impl std::future::Future<Output = $crate::buf::BufResult<usize, B>> + Send {
                $stream.write(buffer)
            }

            /// As the stream's own: it goes on sending what was begun.
            fn write_all<B: $crate::buf::IoBuf>(
                &mut $self,
                buffer: B,
            ) -> impl std::future::Future<Output = $crate::buf::BufResult<(), B>> + Send {
                $stream.write_all(buffer)
            }

            fn poll_write_owned(
                &mut $self,
                spare: &mut Vec<u8>,
                buffer: &mut Vec<u8>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $stream.poll_write(spare, buffer, cx)
            }

            fn poll_flush_owned(
                &mut $self,
                spare: &mut Vec<u8>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $stream.poll_flush(spare, cx)
            }

            fn poll_shutdown_owned(
                &mut $self,
                spare: &mut Vec<u8>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::ready!($stream.poll_flush(spare, cx))?;
                std::task::Poll::Ready($end)
            }
        }
    };
}
pub(crate) use writes;
