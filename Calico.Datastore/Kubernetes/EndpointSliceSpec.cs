using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Datastore.Kubernetes;

/// <summary>What a slice of a Service's endpoints says that policy asks.</summary>
public sealed record EndpointSliceSpec
{
    /// <summary>The Service, in the slice's namespace.</summary>
    public string Service { get; init; } = "";

    /// <summary>Of its endpoints, ready or not: as upstream.</summary>
    public ImmutableArray<Cidr> Addresses { get; init; } = [];

    /// <summary>Of each of them; a port without a number is none.</summary>
    public ImmutableArray<EndpointSlicePort> Ports { get; init; } = [];
}

/// <summary>A port of a Service's endpoints.</summary>
/// <param name="Protocol">IP protocol number: TCP, UDP or SCTP.</param>
/// <param name="Port">1-65535.</param>
public readonly record struct EndpointSlicePort(byte Protocol, ushort Port);
