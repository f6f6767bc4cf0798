//! The operations of io_uring by name, and since when Linux has them.

use std::io;

use super::features::OpSet;

/// Name and first Linux of every operation up to Linux 7.2; the index is the operation's code.
const KNOWN: [(&str, &str); 65] = [
    ("NOP", "5.1"),
    ("READV", "5.1"),
    ("WRITEV", "5.1"),
    ("FSYNC", "5.1"),
    ("READ_FIXED", "5.1"),
    ("WRITE_FIXED", "5.1"),
    ("POLL_ADD", "5.1"),
    ("POLL_REMOVE", "5.1"),
    ("SYNC_FILE_RANGE", "5.2"),
    ("SENDMSG", "5.3"),
    ("RECVMSG", "5.3"),
    ("TIMEOUT", "5.4"),
    ("TIMEOUT_REMOVE", "5.5"),
    ("ACCEPT", "5.5"),
    ("ASYNC_CANCEL", "5.5"),
    ("LINK_TIMEOUT", "5.5"),
    ("CONNECT", "5.5"),
    ("FALLOCATE", "5.6"),
    ("OPENAT", "5.6"),
    ("CLOSE", "5.6"),
    ("FILES_UPDATE", "5.6"),
    ("STATX", "5.6"),
    ("READ", "5.6"),
    ("WRITE", "5.6"),
    ("FADVISE", "5.6"),
    ("MADVISE", "5.6"),
    ("SEND", "5.6"),
    ("RECV", "5.6"),
    ("OPENAT2", "5.6"),
    ("EPOLL_CTL", "5.6"),
    ("SPLICE", "5.7"),
    ("PROVIDE_BUFFERS", "5.7"),
    ("REMOVE_BUFFERS", "5.7"),
    ("TEE", "5.8"),
    ("SHUTDOWN", "5.11"),
    ("RENAMEAT", "5.11"),
    ("UNLINKAT", "5.11"),
    ("MKDIRAT", "5.15"),
    ("SYMLINKAT", "5.15"),
    ("LINKAT", "5.15"),
    ("MSG_RING", "5.18"),
    ("FSETXATTR", "5.19"),
    ("SETXATTR", "5.19"),
    ("FGETXATTR", "5.19"),
    ("GETXATTR", "5.19"),
    ("SOCKET", "5.19"),
    ("URING_CMD", "5.19"),
    ("SEND_ZC", "6.0"),
    ("SENDMSG_ZC", "6.1"),
    ("READ_MULTISHOT", "6.7"),
    ("WAITID", "6.7"),
    ("FUTEX_WAIT", "6.7"),
    ("FUTEX_WAKE", "6.7"),
    ("FUTEX_WAITV", "6.7"),
    ("FIXED_FD_INSTALL", "6.8"),
    ("FTRUNCATE", "6.9"),
    ("BIND", "6.11"),
    ("LISTEN", "6.11"),
    ("RECV_ZC", "6.15"),
    ("EPOLL_WAIT", "6.15"),
    ("READV_FIXED", "6.15"),
    ("WRITEV_FIXED", "6.15"),
    ("PIPE", "6.16"),
    ("NOP128", "6.19"),
    ("URING_CMD128", "6.19"),
];

/// The names and first Linux versions of the known operations that are not in `supported`.
pub(crate) fn missing_from(supported: OpSet) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_missing = move |opcode: &u8| !supported.supports(*opcode);
    (0..).zip(KNOWN).filter(move |(opcode, _)| is_missing(opcode)).map(|(_, row)| row)
}

/// What an operation is called.
pub(super) fn name_of(opcode: u8) -> &'static str {
    KNOWN.get(usize::from(opcode)).map_or("?", |(name, _)| name)
}

/// The error of an operation that this kernel does not have.
pub(crate) fn unsupported(opcode: u8) -> io::Error {
    let (name, since) = KNOWN.get(usize::from(opcode)).copied().unwrap_or(("?", "?"));
    let message = format!(
        "the io_uring of this kernel lacks {name} (operation {opcode}); it is there since Linux \
         {since}"
    );
    io::Error::new(io::ErrorKind::Unsupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use io_uring::opcode;

    #[test]
    fn names_stand_at_their_codes() {
        let codes = [
            (opcode::Nop::CODE, "NOP"),
            (opcode::Timeout::CODE, "TIMEOUT"),
            (opcode::AsyncCancel::CODE, "ASYNC_CANCEL"),
            (opcode::Read::CODE, "READ"),
            (opcode::Splice::CODE, "SPLICE"),
            (opcode::UnlinkAt::CODE, "UNLINKAT"),
            (opcode::LinkAt::CODE, "LINKAT"),
            (opcode::MsgRingData::CODE, "MSG_RING"),
            (opcode::Socket::CODE, "SOCKET"),
            (opcode::SendZc::CODE, "SEND_ZC"),
            (opcode::SendMsgZc::CODE, "SENDMSG_ZC"),
            (opcode::ReadMulti::CODE, "READ_MULTISHOT"),
            (opcode::WaitId::CODE, "WAITID"),
            (opcode::FutexWaitV::CODE, "FUTEX_WAITV"),
            (opcode::FixedFdInstall::CODE, "FIXED_FD_INSTALL"),
            (opcode::Ftruncate::CODE, "FTRUNCATE"),
            (opcode::Listen::CODE, "LISTEN"),
            (opcode::Pipe::CODE, "PIPE"),
        ];
        for (code, name) in codes {
            assert_eq!(KNOWN[usize::from(code)].0, name);
        }
    }

    #[test]
    fn versions_never_go_back() {
        let order = |version: &str| {
            let (major, minor) = version.split_once('.').expect("major.minor");
            (major.parse::<u32>().expect("a number"), minor.parse::<u32>().expect("a number"))
        };
        for pair in KNOWN.windows(2) {
            assert!(order(pair[0].1) <= order(pair[1].1), "{pair:?}");
        }
    }

    #[test]
    fn what_a_kernel_of_6_12_lacks_is_named() {
        let missing: Vec<_> = missing_from(OpSet::from_fn(|opcode| opcode <= 57)).collect();
        assert_eq!(missing.first(), Some(&("RECV_ZC", "6.15")));
        assert_eq!(missing.len(), KNOWN.len() - 58);
        assert_eq!(missing_from(OpSet::from_fn(|_| true)).count(), 0);
    }

    #[test]
    fn the_error_of_a_missing_operation_names_it_and_the_linux_to_go_to() {
        let error = unsupported(opcode::Ftruncate::CODE);
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let text = error.to_string();
        assert!(text.contains("FTRUNCATE (operation 55)"), "{text}");
        assert!(text.contains("since Linux 6.9"), "{text}");
    }
}
