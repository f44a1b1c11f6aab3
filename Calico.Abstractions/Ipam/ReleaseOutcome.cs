namespace Calico;

/// <summary>What a release did.</summary>
public enum ReleaseOutcome
{
    /// <summary>Free now.</summary>
    Released,

    /// <summary>It was free before.</summary>
    AlreadyFree,

    /// <summary>Bound to an endpoint; freed when that endpoint is removed.</summary>
    Deferred,

    /// <summary>Another adapter's, another node's or a successor's; nothing was done.</summary>
    NotYours,
}
