//! Why no ring could be made, in words a person can act on.

use std::fmt;
use std::io;

use super::environment::Environment;

/// Why io_uring cannot be used here, and what to do about it.
///
/// Every function of this crate that makes rings returns it inside an [`io::Error`]; get it back
/// with [`io::Error::get_ref`] and `downcast_ref`.
///
/// # Examples
///
/// ```
/// use ringpool::SetupError;
///
/// let error = std::io::Error::from(SetupError::Disabled { setting: 2 });
/// assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
/// assert!(error.to_string().contains("sysctl -w kernel.io_uring_disabled=0"));
/// assert!(error.get_ref().is_some_and(|inner| inner.is::<SetupError>()));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// The kernel, or the sandbox that stands in for one, has no io_uring.
    NotImplemented,
    /// The administrator has switched io_uring off with `kernel.io_uring_disabled`.
    Disabled {
        /// The value of the setting: 1 allows it to privileged processes and the members of one
        /// group, 2 to nobody.
        setting: u8,
    },
    /// A security policy forbids io_uring to this process.
    Denied {
        /// True if a seccomp filter is in force, which then is the likely cause.
        seccomp_filter: bool,
    },
    /// There is no memory that the ring may use.
    Memlock {
        /// How much memory this user may lock, in bytes; `u64::MAX` is no limit.
        limit_bytes: u64,
    },
    /// There is no file descriptor left for the ring.
    TooManyFiles {
        /// How many files this process may have open; `u64::MAX` is no limit.
        limit: u64,
        /// True if it is not this process but the whole system that has too many.
        whole_system: bool,
    },
    /// The kernel is too old.
    MissingFeature {
        /// What it lacks, by the name in the kernel's headers.
        name: &'static str,
        /// The first Linux that has it.
        since: &'static str,
        /// The release of the kernel that was found.
        kernel: String,
    },
    /// Anything else the system said.
    Other(io::Error),
}

/// Turns what the kernel said into what it means in this environment.
pub(crate) fn explain(errno: i32, environment: &Environment) -> SetupError {
    match errno {
        libc::ENOSYS => SetupError::NotImplemented,
        libc::EPERM | libc::EACCES => match environment.io_uring_disabled {
            Some(setting @ (1 | 2)) => SetupError::Disabled { setting },
            _ => SetupError::Denied { seccomp_filter: environment.seccomp_filter },
        },
        libc::ENOMEM => SetupError::Memlock { limit_bytes: environment.memlock_bytes },
        libc::EMFILE | libc::ENFILE => SetupError::TooManyFiles {
            limit: environment.open_files,
            whole_system: errno == libc::ENFILE,
        },
        libc::EINVAL => match environment.missing {
            Some(missing) => SetupError::MissingFeature {
                name: missing.name,
                since: missing.since,
                kernel: environment.kernel_release.clone(),
            },
            None => SetupError::Other(io::Error::from_raw_os_error(errno)),
        },
        _ => SetupError::Other(io::Error::from_raw_os_error(errno)),
    }
}

impl SetupError {
    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotImplemented | Self::MissingFeature { .. } => io::ErrorKind::Unsupported,
            Self::Disabled { .. } | Self::Denied { .. } => io::ErrorKind::PermissionDenied,
            Self::Memlock { .. } => io::ErrorKind::OutOfMemory,
            Self::TooManyFiles { .. } => io::ErrorKind::QuotaExceeded,
            Self::Other(error) => error.kind(),
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotImplemented => formatter.write_str(
                "io_uring is not there: the kernel was built without it (CONFIG_IO_URING), or a \
                 sandbox such as gVisor or WSL 1 stands in for the kernel; run on Linux 6.1 or \
                 newer, outside that sandbox",
            ),
            Self::Disabled { setting } => write_disabled(formatter, *setting),
            Self::Denied { seccomp_filter } => write_denied(formatter, *seccomp_filter),
            Self::Memlock { limit_bytes } => write_memlock(formatter, *limit_bytes),
            Self::TooManyFiles { limit, whole_system } => {
                write_too_many_files(formatter, *limit, *whole_system)
            }
            Self::MissingFeature { name, since, kernel } => write!(
                formatter,
                "this kernel ({kernel}) is too old for ringpool: its io_uring lacks {name}, which \
                 Linux {since} brought; run on Linux 6.1 or newer",
            ),
            Self::Other(error) => write!(
                formatter,
                "no io_uring ring could be made: {error}; ringpool::capabilities() prints what \
                 this machine allows",
            ),
        }
    }
}

fn write_disabled(formatter: &mut fmt::Formatter<'_>, setting: u8) -> fmt::Result {
    write!(formatter, "io_uring is switched off here (kernel.io_uring_disabled is {setting}")?;
    if setting == 1 {
        return formatter.write_str(
            ": privileged processes only); run `sysctl -w kernel.io_uring_disabled=0` as root, or \
             set kernel.io_uring_group to a group this process is in",
        );
    }
    formatter.write_str("); run `sysctl -w kernel.io_uring_disabled=0` as root")
}

fn write_denied(formatter: &mut fmt::Formatter<'_>, seccomp_filter: bool) -> fmt::Result {
    if seccomp_filter {
        return formatter.write_str(
            "io_uring is denied to this process by a seccomp filter, as the default profiles of \
             Docker and containerd do; allow io_uring_setup, io_uring_enter and io_uring_register \
             in the container's seccomp profile (docker run --security-opt seccomp=profile.json)",
        );
    }
    formatter.write_str(
        "io_uring is denied to this process by a security policy, for it is not switched off and \
         no seccomp filter is in force; look in the audit log and allow it (with SELinux the \
         permissions of class io_uring for this process's domain)",
    )
}

fn write_memlock(formatter: &mut fmt::Formatter<'_>, limit_bytes: u64) -> fmt::Result {
    formatter.write_str("there is no memory for an io_uring ring: ")?;
    match limit_bytes {
        u64::MAX => formatter.write_str(
            "the limit on locked memory is not the cause, for it is \
             unlimited; raise the memory limit of the container or cgroup, or use fewer threads \
             or smaller rings",
        ),
        _ => write!(
            formatter,
            "all rings of this user share what it may lock, {limit_bytes} bytes; raise that limit \
             (`ulimit -l`, LimitMEMLOCK= in systemd, --ulimit memlock= in Docker) or the memory \
             limit of the container, or use fewer threads or smaller rings",
        ),
    }
}

fn write_too_many_files(
    formatter: &mut fmt::Formatter<'_>,
    limit: u64,
    whole_system: bool,
) -> fmt::Result {
    if whole_system {
        return formatter.write_str(
            "no file descriptor is left for an io_uring ring: the whole system has too many files \
             open; raise fs.file-max with sysctl, or find the process that keeps them",
        );
    }
    write!(
        formatter,
        "no file descriptor is left for an io_uring ring: this process may have {limit} files \
         open; raise that limit (`ulimit -n`, LimitNOFILE= in systemd), or close files",
    )
}

impl std::error::Error for SetupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Other(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SetupError> for io::Error {
    fn from(error: SetupError) -> Self {
        Self::new(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::Missing;
    use super::*;

    fn environment() -> Environment {
        Environment {
            kernel_release: String::from("6.1.0-test"),
            io_uring_disabled: Some(0),
            seccomp_filter: false,
            memlock_bytes: 65_536,
            open_files: 1024,
            processors_online: 2,
            missing: None,
        }
    }

    /// Explains `errno` and checks what the text names and which kind the `io::Error` has.
    fn expect(errno: i32, environment: &Environment, kind: io::ErrorKind, named: &[&str]) {
        let text = explain(errno, environment).to_string();
        for name in named {
            assert!(text.contains(name), "{name:?} is not in {text:?}");
        }
        let error = io::Error::from(explain(errno, environment));
        assert_eq!(error.kind(), kind);
        assert_eq!(error.to_string(), text);
        assert!(error.get_ref().is_some_and(|inner| inner.is::<SetupError>()));
    }

    #[test]
    fn no_system_call_means_no_io_uring() {
        let named = ["CONFIG_IO_URING", "gVisor", "Linux 6.1"];
        expect(libc::ENOSYS, &environment(), io::ErrorKind::Unsupported, &named);
    }

    #[test]
    fn a_switched_off_io_uring_names_the_switch() {
        for errno in [libc::EPERM, libc::EACCES] {
            let kind = io::ErrorKind::PermissionDenied;
            let mut environment = environment();
            environment.io_uring_disabled = Some(1);
            let named = ["io_uring_disabled is 1", "io_uring_disabled=0", "io_uring_group"];
            expect(errno, &environment, kind, &named);
            environment.io_uring_disabled = Some(2);
            expect(errno, &environment, kind, &["io_uring_disabled is 2", "io_uring_disabled=0"]);
        }
    }

    #[test]
    fn a_refusal_without_the_switch_is_a_policy() {
        for disabled in [None, Some(0)] {
            let kind = io::ErrorKind::PermissionDenied;
            let mut environment = environment();
            environment.io_uring_disabled = disabled;
            expect(libc::EPERM, &environment, kind, &["security policy", "SELinux"]);
            environment.seccomp_filter = true;
            expect(libc::EACCES, &environment, kind, &["seccomp", "Docker", "io_uring_setup"]);
        }
    }

    #[test]
    fn no_memory_names_the_limit_only_where_there_is_one() {
        let kind = io::ErrorKind::OutOfMemory;
        let mut environment = environment();
        expect(libc::ENOMEM, &environment, kind, &["65536 bytes", "ulimit -l"]);
        environment.memlock_bytes = u64::MAX;
        expect(libc::ENOMEM, &environment, kind, &["unlimited", "cgroup"]);
    }

    #[test]
    fn too_many_files_says_whose() {
        let kind = io::ErrorKind::QuotaExceeded;
        expect(libc::EMFILE, &environment(), kind, &["1024 files", "ulimit -n"]);
        expect(libc::ENFILE, &environment(), kind, &["whole system", "fs.file-max"]);
    }

    #[test]
    fn an_old_kernel_is_told_what_it_lacks() {
        let missing = Missing { name: "IORING_SETUP_DEFER_TASKRUN", since: "6.1" };
        let environment = Environment { missing: Some(missing), ..environment() };
        let named = ["6.1.0-test", "IORING_SETUP_DEFER_TASKRUN", "Linux 6.1"];
        expect(libc::EINVAL, &environment, io::ErrorKind::Unsupported, &named);
    }

    #[test]
    fn what_is_not_understood_keeps_the_systems_own_words() {
        for errno in [libc::EINVAL, libc::EIO] {
            let system = io::Error::from_raw_os_error(errno);
            expect(errno, &environment(), system.kind(), &[&system.to_string(), "capabilities()"]);
            let error = explain(errno, &environment());
            let source = std::error::Error::source(&error).expect("the system's error");
            assert_eq!(source.to_string(), system.to_string());
        }
    }
}
