using System.Net;
using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker.Addresses;

/// <summary>Handles of leases that were asked for before it was known for what. They tell the process that asked, so that nothing is ended
/// on the word of another daemon.</summary>
internal static class AskedLease
{
    private const string Gateway = "docker-gateway.";
    private const string Any = "docker.";
    private const string ProcessMark = ".by-";

    private const string EndpointOf = "an endpoint of ";

    /// <summary>Who a lease of a pool is for before its endpoint is there.</summary>
    public static string OwnerIn(PoolId pool) => $"{EndpointOf}{pool}";

    /// <summary>The pool that a lease was asked for; null: its owner is another.</summary>
    public static string? PoolOf(AddressLease lease) =>
        lease.Owner.StartsWith(EndpointOf, StringComparison.Ordinal) ? lease.Owner[EndpointOf.Length..] : null;

    /// <summary>The same for the same process, and so the same lease.</summary>
    public static string HandleOfGateway(IPAddress address, string? process) => $"{Gateway}{address}{Mark(process)}";

    /// <summary>Each request is one of its own.</summary>
    public static string NewHandle(string? process) => $"{Any}{Guid.NewGuid():N}{Mark(process)}";

    public static bool IsGateway(AddressLease lease) => lease.Handle.StartsWith(Gateway, StringComparison.Ordinal);

    /// <summary>Which process asked for it, as it marks itself in handles; null: it was not asked for, or nobody knows.</summary>
    public static string? MarkOf(AddressLease lease) =>
        (IsGateway(lease) || lease.Handle.StartsWith(Any, StringComparison.Ordinal))
        && lease.Handle.LastIndexOf(ProcessMark, StringComparison.Ordinal) is >= 0 and var at ? lease.Handle[at..] : null;

    /// <summary>What <see cref="MarkOf"/> says of a process's leases.</summary>
    public static string Mark(string? process) => process is null ? "" : ProcessMark + process.Replace(' ', '-');
}
