using Calico.Datastore.Addresses;

namespace Calico.Felix.Rules;

/// <summary>What a rule asks of one side of a packet; everything given must hold.</summary>
public sealed record SideMatch
{
    /// <summary>Nothing is asked.</summary>
    public static readonly SideMatch Any = new();

    /// <summary>The address is in one of them; empty: not asked.</summary>
    public EquatableArray<Cidr> Nets { get; init; }

    /// <summary>The address is in none of them.</summary>
    public EquatableArray<Cidr> NotNets { get; init; }

    /// <summary>The address is in this IP set.</summary>
    public string? Set { get; init; }

    /// <summary>The address is not in this IP set.</summary>
    public string? NotSet { get; init; }

    /// <summary>The port is in one of them; empty: not asked.</summary>
    public EquatableArray<PortRange> Ports { get; init; }

    /// <summary>Address, protocol and port are in this IP set (a named port).</summary>
    public string? PortSet { get; init; }

    /// <summary>The port is in none of them.</summary>
    public EquatableArray<PortRange> NotPorts { get; init; }

    /// <summary>Address, protocol and port are in none of these IP sets.</summary>
    public EquatableArray<string> NotPortSets { get; init; }

    /// <summary>The IP sets it asks.</summary>
    public IEnumerable<string> Sets => new[] { Set, NotSet, PortSet }.OfType<string>().Concat(NotPortSets);

    public override string ToString() => string.Concat(
        Nets.IsEmpty ? "" : $" nets {Text(Nets)}", NotNets.IsEmpty ? "" : $" not nets {Text(NotNets)}",
        Set is null ? "" : $" set {Set}", NotSet is null ? "" : $" not set {NotSet}",
        Ports.IsEmpty ? "" : $" ports {Ports}", PortSet is null ? "" : $" port set {PortSet}",
        NotPorts.IsEmpty ? "" : $" not ports {NotPorts}", NotPortSets.IsEmpty ? "" : $" not port sets {NotPortSets}");

    private static string Text(EquatableArray<Cidr> nets) => string.Join(',', nets.Items.Select(net => net.ToShortString()));
}
