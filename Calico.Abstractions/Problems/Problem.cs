namespace Calico;

/// <summary>Why an operation could not be done; decides the code an adapter answers with.</summary>
public enum Problem
{
    /// <summary>The caller's input is wrong; <see cref="CalicoException.Path"/> names the field.</summary>
    Invalid,

    /// <summary>What was named does not exist.</summary>
    NotFound,

    /// <summary>It exists already and is somebody else's.</summary>
    AlreadyExists,

    /// <summary>Somebody else changed it meanwhile, again and again. Transient.</summary>
    Conflict,

    /// <summary>No free address, block or slot.</summary>
    Exhausted,

    /// <summary>The store, the kernel loop or a peer did not answer in time. Transient.</summary>
    Unavailable,

    /// <summary>This version does not do that.</summary>
    Unsupported,

    /// <summary>The kernel said no; the message has its text.</summary>
    Refused,

    /// <summary>Stored data cannot be read.</summary>
    Damaged,
}
