namespace Calico.Linux.Conntrack;

/// <summary>Which address of a tracked connection.</summary>
public enum ConntrackTuplePart
{
    /// <summary>Who opened it.</summary>
    OriginalSource,

    /// <summary>Whom they meant, before destination NAT.</summary>
    OriginalDestination,

    /// <summary>Who really answers: differs from the original destination after destination NAT.</summary>
    ReplySource,

    /// <summary>Where answers go: differs from the original source after source NAT.</summary>
    ReplyDestination,
}
