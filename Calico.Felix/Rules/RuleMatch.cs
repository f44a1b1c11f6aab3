namespace Calico.Felix.Rules;

/// <summary>What a rule asks of a packet; everything given must hold.</summary>
public sealed record RuleMatch
{
    /// <summary>Every packet.</summary>
    public static readonly RuleMatch Any = new();

    /// <summary>4 or 6; null: either.</summary>
    public byte? IpVersion { get; init; }

    /// <summary>IP protocol number.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Any protocol but this.</summary>
    public byte? NotProtocol { get; init; }

    public IcmpTypeCode? Icmp { get; init; }

    public IcmpTypeCode? NotIcmp { get; init; }

    public SideMatch Source { get; init; } = SideMatch.Any;

    public SideMatch Destination { get; init; } = SideMatch.Any;

    public override string ToString()
    {
        var text = string.Concat(
            IpVersion is { } version ? $" ip{version}" : "", Protocol is { } protocol ? $" protocol {protocol}" : "",
            NotProtocol is { } not ? $" not protocol {not}" : "", Icmp is { } icmp ? $" icmp {icmp}" : "",
            NotIcmp is { } notIcmp ? $" not icmp {notIcmp}" : "",
            Source == SideMatch.Any ? "" : $" from{Source}", Destination == SideMatch.Any ? "" : $" to{Destination}");
        return text.Length == 0 ? "any" : text[1..];
    }
}
