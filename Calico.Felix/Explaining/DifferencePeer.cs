using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;

namespace Calico.Felix.Explaining;

/// <summary>An end of flows that changed.</summary>
/// <param name="Endpoint">A workload endpoint; null: addresses that no workload has.</param>
/// <param name="Net">Those addresses: of a net that some rule names; null: all that no rule names.</param>
public readonly record struct DifferencePeer(ResourceKey? Endpoint, Cidr? Net) : IComparable<DifferencePeer>
{
    /// <summary>Endpoints by name, then nets, then the rest of the world.</summary>
    public int CompareTo(DifferencePeer other) =>
        Endpoint is null != other.Endpoint is null ? (Endpoint is null).CompareTo(other.Endpoint is null)
        : Endpoint is { } endpoint ? string.CompareOrdinal(endpoint.ToString(), other.Endpoint.ToString())
        : Net is null != other.Net is null ? (Net is null).CompareTo(other.Net is null)
        : Net is { } net ? net.CompareTo(other.Net!.Value) : 0;

    public static bool operator <(DifferencePeer left, DifferencePeer right) => left.CompareTo(right) < 0;

    public static bool operator >(DifferencePeer left, DifferencePeer right) => left.CompareTo(right) > 0;

    public static bool operator <=(DifferencePeer left, DifferencePeer right) => left.CompareTo(right) <= 0;

    public static bool operator >=(DifferencePeer left, DifferencePeer right) => left.CompareTo(right) >= 0;
}
