namespace Calico.Ipam;

/// <summary>Which of the things that have to agree about an address does not.</summary>
public enum AuditProblem
{
    /// <summary>Allocated, and neither an endpoint, nor a live report, nor a link has it.</summary>
    Leaked,

    /// <summary>Bound to an endpoint that is not known.</summary>
    EndpointMissing,

    /// <summary>Its endpoint is known here, and the kernel has no link with it.</summary>
    LinkMissing,

    /// <summary>Its endpoint is known, and the adapter's complete report does not name it.</summary>
    NotLive,

    /// <summary>An endpoint has it, and it is not allocated.</summary>
    NotAllocated,

    /// <summary>An endpoint has it, and it is bound to another.</summary>
    BoundElsewhere,

    /// <summary>Two endpoints have it.</summary>
    UsedTwice,

    /// <summary>An endpoint has it, and no pool contains it.</summary>
    OutsidePools,

    /// <summary>Its handle's count for the block is another.</summary>
    HandleDisagrees,

    /// <summary>A host's affinity and the block's do not agree.</summary>
    AffinityDisagrees,

    /// <summary>Two blocks have addresses in common.</summary>
    BlocksOverlap,

    /// <summary>A block that cannot be read.</summary>
    BlockDamaged,
}
