using System.Collections.Immutable;
using System.Net;
using System.Text.Json.Serialization;

namespace Calico.Ipam;

/// <summary>An address that the store shows, or may show, as this node's and that no lease has: parked, or released and not yet so in
/// the store.</summary>
internal sealed record HeldAddress
{
    public required string Address { get; init; }

    /// <summary>Its block; empty: not known.</summary>
    public required string Block { get; init; }

    public required string Handle { get; init; }
    public required ulong Sequence { get; init; }

    /// <summary>Handles that it may have instead, if unanswered transactions took: the release is meant for those too.</summary>
    public ImmutableArray<string> OrHandles { get; init; } = [];

    /// <summary>A transaction about it has not been answered: the address may be somebody else's by now and is never given out.</summary>
    public bool IsDoubtful { get; init; }

    /// <summary>Its block cannot be read: it waits, and stops nothing else, until a person has mended the block.</summary>
    public bool IsAside { get; init; }

    [JsonIgnore] public IPAddress Ip => IPAddress.Parse(Address);

    /// <summary>A release of what this node does not know: whether it ever was, the store decides by handle and sequence number.</summary>
    public static HeldAddress Unknown(AddressLease lease) => new()
    {
        Address = lease.Address.ToString(),
        Block = "",
        Handle = lease.Handle,
        Sequence = lease.Sequence,
        IsDoubtful = true,
    };
}
