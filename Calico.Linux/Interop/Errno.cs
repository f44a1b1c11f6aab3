namespace Calico.Linux;

/// <summary>The kernel's error numbers that a caller of this library may branch on; other numbers pass through by value.</summary>
/// <remarks>Source: uapi asm-generic/errno-base.h and errno.h. (mips, sparc, alpha and parisc number some of them otherwise.)</remarks>
public enum Errno
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>EPERM.</summary>
    NotPermitted = 1,

    /// <summary>ENOENT: the table, chain, set, element or path is not there.</summary>
    NoEntry = 2,

    /// <summary>ESRCH: the route or process is not there.</summary>
    NoProcess = 3,

    /// <summary>EINTR.</summary>
    Interrupted = 4,

    /// <summary>EAGAIN: nothing to read, or the time is up.</summary>
    TryAgain = 11,

    /// <summary>ENOMEM.</summary>
    OutOfMemory = 12,

    /// <summary>EACCES.</summary>
    Access = 13,

    /// <summary>EBUSY: something still refers to the object.</summary>
    Busy = 16,

    /// <summary>EEXIST.</summary>
    Exists = 17,

    /// <summary>ENODEV: no link of that index or name.</summary>
    NoDevice = 19,

    /// <summary>EINVAL.</summary>
    Invalid = 22,

    /// <summary>ERANGE.</summary>
    OutOfRange = 34,

    /// <summary>EMLINK: the chains are nested too deep, or in a loop.</summary>
    TooManyLinks = 31,

    /// <summary>ENOSYS: this kernel has no such call, or a sandbox says so.</summary>
    NoSystemCall = 38,

    /// <summary>ENODATA.</summary>
    NoData = 61,

    /// <summary>ERESTART: the nftables generation named in the batch is not the current one.</summary>
    Restart = 85,

    /// <summary>EMSGSIZE: the batch does not fit the send buffer.</summary>
    MessageSize = 90,

    /// <summary>EPROTONOSUPPORT: this kernel has no such protocol.</summary>
    ProtocolNotSupported = 93,

    /// <summary>ESOCKTNOSUPPORT: this kernel has no such kind of socket.</summary>
    SocketTypeNotSupported = 94,

    /// <summary>EOPNOTSUPP: this kernel was built without it.</summary>
    NotSupported = 95,

    /// <summary>EADDRINUSE: somebody has it.</summary>
    AddressInUse = 98,

    /// <summary>EADDRNOTAVAIL: no such address on the link.</summary>
    AddressNotAvailable = 99,

    /// <summary>ENETDOWN: the link is not up.</summary>
    NetworkDown = 100,

    /// <summary>ENETUNREACH.</summary>
    NetworkUnreachable = 101,

    /// <summary>ENOBUFS: the receive buffer overflowed.</summary>
    NoBufferSpace = 105,
}
