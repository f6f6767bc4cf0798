//! The operations of io_uring by name, and since when Linux has them.

use std::io;

use super::features::OpSet;
use crate::metrics::OperationFamily::{self, Files, Names, Other, Polls, Sockets, Timeouts};

/// Name, first Linux and family of every operation up to Linux 7.2; the index is the operation's
/// code.
const KNOWN: [(&str, &str, OperationFamily); 65] = [
    ("NOP", "5.1", Other),
    ("READV", "5.1", Files),
    ("WRITEV", "5.1", Files),
    ("FSYNC", "5.1", Files),
    ("READ_FIXED", "5.1", Files),
    ("WRITE_FIXED", "5.1", Files),
    ("POLL_ADD", "5.1", Polls),
    ("POLL_REMOVE", "5.1", Polls),
    ("SYNC_FILE_RANGE", "5.2", Files),
    ("SENDMSG", "5.3", Sockets),
    ("RECVMSG", "5.3", Sockets),
    ("TIMEOUT", "5.4", Timeouts),
    ("TIMEOUT_REMOVE", "5.5", Timeouts),
    ("ACCEPT", "5.5", Sockets),
    ("ASYNC_CANCEL", "5.5", Other),
    ("LINK_TIMEOUT", "5.5", Timeouts),
    ("CONNECT", "5.5", Sockets),
    ("FALLOCATE", "5.6", Files),
    ("OPENAT", "5.6", Names),
    ("CLOSE", "5.6", Other),
    ("FILES_UPDATE", "5.6", Other),
    ("STATX", "5.6", Names),
    ("READ", "5.6", Files),
    ("WRITE", "5.6", Files),
    ("FADVISE", "5.6", Files),
    ("MADVISE", "5.6", Other),
    ("SEND", "5.6", Sockets),
    ("RECV", "5.6", Sockets),
    ("OPENAT2", "5.6", Names),
    ("EPOLL_CTL", "5.6", Polls),
    ("SPLICE", "5.7", Files),
    ("PROVIDE_BUFFERS", "5.7", Other),
    ("REMOVE_BUFFERS", "5.7", Other),
    ("TEE", "5.8", Files),
    ("SHUTDOWN", "5.11", Sockets),
    ("RENAMEAT", "5.11", Names),
    ("UNLINKAT", "5.11", Names),
    ("MKDIRAT", "5.15", Names),
    ("SYMLINKAT", "5.15", Names),
    ("LINKAT", "5.15", Names),
    ("MSG_RING", "5.18", Other),
    ("FSETXATTR", "5.19", Names),
    ("SETXATTR", "5.19", Names),
    ("FGETXATTR", "5.19", Names),
    ("GETXATTR", "5.19", Names),
    ("SOCKET", "5.19", Sockets),
    ("URING_CMD", "5.19", Other),
    ("SEND_ZC", "6.0", Sockets),
    ("SENDMSG_ZC", "6.1", Sockets),
    ("READ_MULTISHOT", "6.7", Files),
    ("WAITID", "6.7", Other),
    ("FUTEX_WAIT", "6.7", Other),
    ("FUTEX_WAKE", "6.7", Other),
    ("FUTEX_WAITV", "6.7", Other),
    ("FIXED_FD_INSTALL", "6.8", Other),
    ("FTRUNCATE", "6.9", Files),
    ("BIND", "6.11", Sockets),
    ("LISTEN", "6.11", Sockets),
    ("RECV_ZC", "6.15", Sockets),
    ("EPOLL_WAIT", "6.15", Polls),
    ("READV_FIXED", "6.15", Files),
    ("WRITEV_FIXED", "6.15", Files),
    ("PIPE", "6.16", Other),
    ("NOP128", "6.19", Other),
    ("URING_CMD128", "6.19", Other),
];

/// The names and first Linux versions of the known operations that are not in `supported`.
pub(crate) fn missing_from(supported: OpSet) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_missing = move |opcode: &u8| !supported.supports(*opcode);
    (0..)
        .zip(KNOWN)
        .filter(move |(opcode, _)| is_missing(opcode))
        .map(|(_, (name, since, _))| (name, since))
}

/// The families by code, close together: one is looked up twice in the life of every operation.
static FAMILIES: [OperationFamily; 256] = {
    let mut families = [Other; 256];
    let mut code = 0;
    while code < KNOWN.len() {
        families[code] = KNOWN[code].2;
        code += 1;
    }
    families
};

/// What kind of operation that is.
#[inline]
pub(crate) fn family_of(opcode: u8) -> OperationFamily {
    FAMILIES[usize::from(opcode)]
}

/// What an operation is called.
pub(super) fn name_of(opcode: u8) -> &'static str {
    KNOWN.get(usize::from(opcode)).map_or("?", |(name, ..)| name)
}

/// The error of an operation that this kernel does not have.
pub(crate) fn unsupported(opcode: u8) -> io::Error {
    let (name, since, _) = KNOWN.get(usize::from(opcode)).copied().unwrap_or(("?", "?", Other));
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
    fn families_stand_at_their_codes() {
        let codes = [
            (opcode::Nop::CODE, Other),
            (opcode::Write::CODE, Files),
            (opcode::SendMsgZc::CODE, Sockets),
            (opcode::LinkTimeout::CODE, Timeouts),
            (opcode::PollAdd::CODE, Polls),
            (opcode::Statx::CODE, Names),
            (255, Other),
        ];
        for (code, family) in codes {
            assert_eq!(family_of(code), family);
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
