using Calico.Datastore.Addresses;
using Calico.Felix.Rules;

namespace Calico.Felix.Output;

/// <summary>A change of what the kernel should hold. The kinds are closed; <see cref="CalculationGraph.Flush"/> says their order.</summary>
public abstract record DataplaneUpdate
{
    private protected DataplaneUpdate() { }
}

/// <summary>Settings of this node; replaces the former ones.</summary>
public sealed record SettingsUpdate(NodeSettings Settings) : DataplaneUpdate;

/// <summary>Members of an IP set; the first one of a set also makes it. One of another type than before replaces the set: then
/// <paramref name="Added"/> holds all its members.</summary>
public sealed record IpSetUpdate(string Id, IpSetType Type, EquatableArray<IpSetMember> Added, EquatableArray<IpSetMember> Removed)
    : DataplaneUpdate;

/// <summary>No list asks this set any more.</summary>
public sealed record IpSetRemove(string Id) : DataplaneUpdate;

/// <summary>A list that some local endpoint needs; replaces the former one of that id.</summary>
public sealed record RuleListUpdate(RuleList List) : DataplaneUpdate;

/// <summary>No local endpoint needs this list any more.</summary>
public sealed record RuleListRemove(string Id) : DataplaneUpdate;

/// <summary>A local endpoint; replaces the former one of that id.</summary>
/// <param name="Id">Which endpoint.</param>
/// <param name="InterfaceName">Host side of its pair.</param>
/// <param name="Gate">Whether its policy may be asked yet.</param>
/// <param name="Ingress">What judges what comes to it: tiers with their policies in order, then profiles.</param>
/// <param name="Egress">What judges what it sends.</param>
/// <param name="Addresses">Its own.</param>
/// <param name="AllowedSources">What else it may send from.</param>
public sealed record EndpointUpdate(WorkloadEndpointId Id, string InterfaceName, EndpointGate Gate, PolicyProgram Ingress,
    PolicyProgram Egress, EquatableArray<Cidr> Addresses, EquatableArray<Cidr> AllowedSources) : DataplaneUpdate;

/// <summary>A local endpoint is gone.</summary>
public sealed record EndpointRemove(WorkloadEndpointId Id) : DataplaneUpdate;

/// <summary>A host endpoint applies to an interface of this host; replaces what applied there.</summary>
/// <param name="InterfaceName">Whether or not such an interface is there; <see cref="AllInterfaces"/>: every one that has no update of its
/// own.</param>
/// <param name="HostEndpoint">Its name.</param>
/// <param name="Programs">What judges the interface's traffic.</param>
public sealed record HostInterfaceUpdate(string InterfaceName, string HostEndpoint, HostPrograms Programs) : DataplaneUpdate
{
    public const string AllInterfaces = "*";

    /// <summary>Not among <see cref="AllInterfaces"/>: only a host endpoint that is its own judges it.</summary>
    public const string Loopback = "lo";

    /// <summary>What applies to an interface; null: nothing.</summary>
    /// <param name="interfaceName">Which.</param>
    /// <param name="find">What applies to exactly this name.</param>
    public static HostInterfaceUpdate? Of(string interfaceName, Func<string, HostInterfaceUpdate?> find) =>
        find(interfaceName) ?? (interfaceName == Loopback ? null : find(AllInterfaces));
}

/// <summary>No host endpoint applies to the interface any more.</summary>
public sealed record HostInterfaceRemove(string InterfaceName) : DataplaneUpdate;

/// <summary>A route of this node.</summary>
/// <param name="Destination">Where to.</param>
/// <param name="InterfaceName">Out of which workload's interface; null: nowhere (a block of this node, so that an address of it that
/// nobody has is not sent back to where the packet came from).</param>
public sealed record RouteUpdate(Cidr Destination, string? InterfaceName) : DataplaneUpdate;

/// <summary>The route is gone.</summary>
public sealed record RouteRemove(Cidr Destination) : DataplaneUpdate;
