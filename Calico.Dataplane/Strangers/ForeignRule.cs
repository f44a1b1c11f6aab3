using Calico.Datastore.Addresses;

namespace Calico.Dataplane.Strangers;

/// <summary>A rule of somebody else's chain: what it asks of a packet, as far as that can be told, and what it does.</summary>
/// <param name="Text">For people.</param>
/// <param name="Action">What happens to a packet that matches.</param>
internal sealed record ForeignRule(string Text, ForeignAction Action)
{
    /// <summary>Target of a jump or goto.</summary>
    public string Target { get; init; } = "";

    /// <summary>Interface that a packet came in by; a last <c>*</c> is any ending.</summary>
    public NameMatch? Incoming { get; init; }

    /// <summary>Interface that it leaves by.</summary>
    public NameMatch? Outgoing { get; init; }

    public AddressMatch? Source { get; init; }

    public AddressMatch? Destination { get; init; }

    /// <summary>It asks for protocol or port: some packets of any sender.</summary>
    public bool IsPartial { get; init; }

    /// <summary>It asks something that is not understood here, so nothing can be said of what it does.</summary>
    public bool IsUnclear { get; init; }

    /// <summary>How it is taken away.</summary>
    public string Removal { get; init; } = "";
}

/// <summary>What a rule does with what it matches.</summary>
internal enum ForeignAction
{
    /// <summary>Counts, logs, marks; the next rule follows.</summary>
    Continue,
    Accept,
    Drop,
    Return,
    Jump,
    Goto,
}

/// <summary>An interface by name.</summary>
internal readonly record struct NameMatch(string Name, bool IsInverted = false)
{
    /// <summary>Whether it is a name of a workload's host side, or any of them.</summary>
    public bool IsOf(string prefix) => Name.EndsWith('*') ? Name[..^1].StartsWith(prefix, StringComparison.Ordinal)
        || prefix.StartsWith(Name[..^1], StringComparison.Ordinal)
        : Name.StartsWith(prefix, StringComparison.Ordinal);
}

/// <summary>Addresses that a rule asks for.</summary>
internal sealed record AddressMatch(IReadOnlyList<Cidr> Ranges, bool IsInverted = false)
{
    public bool Matches(Cidr address) => Ranges.Any(r => r.Overlaps(address)) != IsInverted && Ranges.Any(r => r.IsIpv6 == address.IsIpv6);

    /// <summary>Every address: no more than asking nothing.</summary>
    public bool IsAny => !IsInverted && Ranges.Any(r => r.PrefixLength == 0);
}
