using System.Collections.Immutable;
using System.Net;

namespace Calico.Linux.Conntrack;

/// <summary>A tracked connection.</summary>
public sealed record ConntrackEntry
{
    public required IPAddress OriginalSource { get; init; }

    public required IPAddress OriginalDestination { get; init; }

    public required IPAddress ReplySource { get; init; }

    public required IPAddress ReplyDestination { get; init; }

    /// <summary>IPPROTO_*.</summary>
    public required byte Protocol { get; init; }

    /// <summary>0 for protocols without ports.</summary>
    public ushort SourcePort { get; init; }

    public ushort DestinationPort { get; init; }

    /// <summary>Who really answers, after destination NAT; 0 for protocols without ports.</summary>
    public ushort ReplySourcePort { get; init; }

    /// <summary>Where answers go, after source NAT.</summary>
    public ushort ReplyDestinationPort { get; init; }

    /// <summary>Type and code of the packet that opened it; null for protocols other than ICMP.</summary>
    public (byte Type, byte Code)? Icmp { get; init; }

    /// <summary>A helper expected it because of another connection (IPS_EXPECTED): it was let in as "related", not by a rule of its own.
    /// </summary>
    public bool IsExpected { get; init; }

    public uint Mark { get; init; }

    /// <summary>The kernel's number: tells an entry from a later one between the same ends.</summary>
    internal uint Id { get; init; }

    /// <summary>Big-endian, as it came; null for the default zone.</summary>
    internal ushort? Zone { get; init; }

    /// <summary>The original tuple as the kernel wrote it, to name the entry by.</summary>
    internal ImmutableArray<byte> OriginalTuple { get; init; }

    public IPAddress this[ConntrackTuplePart part] => part switch
    {
        ConntrackTuplePart.OriginalSource => OriginalSource,
        ConntrackTuplePart.OriginalDestination => OriginalDestination,
        ConntrackTuplePart.ReplySource => ReplySource,
        ConntrackTuplePart.ReplyDestination => ReplyDestination,
        _ => throw new ArgumentOutOfRangeException(nameof(part)),
    };
}
