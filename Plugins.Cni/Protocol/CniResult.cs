using System.Collections.Immutable;
using System.Net;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>What an ADD gives, in no version's shape.</summary>
internal sealed record CniResult
{
    public static readonly CniResult Empty = new();

    public ImmutableArray<CniInterface> Interfaces { get; init; } = [];

    public ImmutableArray<CniAddress> Addresses { get; init; } = [];

    public ImmutableArray<CniRoute> Routes { get; init; } = [];

    /// <summary>The <c>dns</c> object as JSON text; empty: none.</summary>
    public string Dns { get; init; } = "";
}

/// <param name="Name">As its namespace knows it.</param>
/// <param name="Mac">Empty when unknown.</param>
/// <param name="Sandbox">Path of the namespace; empty: the host.</param>
/// <param name="Mtu">Bytes; 0 when unknown.</param>
internal sealed record CniInterface(string Name, string Mac, string Sandbox, int Mtu);

/// <param name="Address">With prefix length.</param>
/// <param name="Gateway">Or null.</param>
/// <param name="Interface">Index into the interfaces, or null.</param>
internal sealed record CniAddress(InterfaceAddress Address, IPAddress? Gateway, int? Interface);

/// <param name="Destination">Masked.</param>
/// <param name="Gateway">Or null.</param>
internal sealed record CniRoute(IPNetwork Destination, IPAddress? Gateway);
