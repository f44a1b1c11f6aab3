using System.Collections.Immutable;
using System.Net;

namespace Calico.TestKit.Workloads;

/// <summary>The record of one endpoint.</summary>
public sealed record FakeEndpoint
{
    public required EndpointSpec Spec { get; init; }

    public required string Adapter { get; init; }

    public required Attachment Attachment { get; init; }

    public ImmutableArray<IPAddress> Bound { get; init; } = [];

    public ulong NamespaceIdentity { get; init; }

    public bool IsLinked { get; init; }

    /// <summary>Prepared by a call of its own: it outlives its link.</summary>
    public bool IsSplit { get; init; }

    /// <summary>What an adapter is shown: a split life whose link is gone is prepared, before the host has settled it.</summary>
    internal Attachment Seen(Dictionary<string, ulong> links) => IsSplit && IsLinked && !links.ContainsKey(Attachment.HostInterface)
        ? Attachment with { State = EndpointState.Prepared, Reason = "its link is gone" }
        : Attachment;

    /// <summary>Lives that another one replaced; their addresses go with their own removal.</summary>
    public ImmutableDictionary<string, ImmutableArray<IPAddress>> Superseded { get; init; } =
        ImmutableDictionary<string, ImmutableArray<IPAddress>>.Empty;
}
