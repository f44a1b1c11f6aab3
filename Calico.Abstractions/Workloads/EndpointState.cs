namespace Calico;

/// <summary>Where an endpoint is in its life.</summary>
public enum EndpointState
{
    /// <summary>Recorded, with addresses; no link.</summary>
    Prepared,

    /// <summary>Linked, no traffic: the reason says why.</summary>
    Closed,

    /// <summary>Its policy is in the kernel.</summary>
    Enforced,

    /// <summary>It cannot be brought up; a person is needed.</summary>
    Failed,

    /// <summary>Removed, or its namespace died.</summary>
    Gone,
}
