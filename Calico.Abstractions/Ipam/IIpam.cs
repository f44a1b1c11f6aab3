using System.Collections.Immutable;
using System.Net;

namespace Calico;

/// <summary>Address leases, for adapters whose orchestrator asks for addresses before there is an endpoint.</summary>
/// <remarks>Safe to call concurrently. An adapter sees and releases its own leases only.</remarks>
public interface IIpam
{
    /// <summary>Claims addresses; durable when it returns; all or nothing over both families. With the store unreachable it serves
    /// from addresses that the store already shows as this node's.</summary>
    /// <returns>IPv4 first, ascending.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Exhausted"/>, <see cref="Problem.NotFound"/> (pool),
    /// <see cref="Problem.Invalid"/> (family, range), <see cref="Problem.AlreadyExists"/> (exact), <see cref="Problem.Conflict"/>,
    /// <see cref="Problem.Unavailable"/>.</exception>
    Task<ImmutableArray<AddressLease>> ClaimAsync(AddressClaim claim, CancellationToken ct);

    /// <summary>The lease of an address, whoever holds it, or null.</summary>
    Task<AddressLease?> FindAsync(IPAddress address, CancellationToken ct);

    /// <summary>This adapter's leases on this node, of one handle or of all.</summary>
    Task<ImmutableArray<AddressLease>> ListAsync(string? handle, CancellationToken ct);

    /// <summary>Never throws for what is gone. With a dead store it is journalled and replayed by sequence number.</summary>
    Task<ReleaseOutcome> ReleaseAsync(AddressLease lease, CancellationToken ct);

    /// <summary>All pools, in name order, from memory.</summary>
    Task<ImmutableArray<AddressPool>> ListPoolsAsync(CancellationToken ct);
}
