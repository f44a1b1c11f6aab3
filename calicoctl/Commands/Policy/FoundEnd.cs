using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands.Policy;

/// <summary>Who is meant by an end of a connection.</summary>
/// <param name="Key">Of a workload; null: none.</param>
/// <param name="Name">For people; empty: an address alone.</param>
/// <param name="Node">Where it is; null or empty: nobody knows.</param>
/// <param name="HostEndpoint">That was named; null: none.</param>
/// <param name="Addresses">Of which one is taken.</param>
internal sealed record FoundEnd(ResourceKey? Key, string Name, string? Node, string? HostEndpoint, ImmutableArray<Cidr> Addresses);
