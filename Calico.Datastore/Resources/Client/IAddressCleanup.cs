using System.Collections.Immutable;

namespace Calico.Datastore.Resources.Client;

/// <summary>What IPAM has to do when a pool or node is deleted. IPAM stands above this project, so whoever composes the client hands
/// it in.</summary>
/// <remarks>Idempotent: what is already released is no error.</remarks>
public interface IAddressCleanup
{
    /// <summary>Gives up the affinities of every block of a pool.</summary>
    Task ReleasePoolAsync(string cidr, CancellationToken ct);

    /// <summary>Releases addresses, wherever they are assigned.</summary>
    Task ReleaseAddressesAsync(ImmutableArray<string> addresses, CancellationToken ct);

    /// <summary>Gives up all blocks of a node and forgets it.</summary>
    Task ReleaseNodeAsync(string node, CancellationToken ct);
}
