using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>What a request got of one family.</summary>
/// <param name="IpVersion">4 or 6.</param>
/// <param name="Addresses">In the order assigned; fewer than requested when there are no more.</param>
/// <param name="Requested">How many were asked for.</param>
/// <param name="Messages">Why there are fewer, in upstream's words.</param>
/// <param name="Blocks">The block of each address.</param>
/// <param name="HostReservedHandle">Handle of the host's own reservation, where the request has one.</param>
public sealed record AssignedAddresses(int IpVersion, ImmutableArray<IPAddress> Addresses, int Requested, ImmutableArray<string> Messages,
    ImmutableArray<Cidr> Blocks, string? HostReservedHandle = null)
{
    /// <summary>Null when all were assigned; else upstream's sentence.</summary>
    public string? Shortfall => Addresses.Length >= Requested ? null
        : Describe(Addresses.Length, Requested, IpVersion, Messages, HostReservedHandle);

    /// <summary>Upstream's sentence about a partial fulfilment.</summary>
    public static string Describe(int assigned, int requested, int ipVersion, ImmutableArray<string> messages,
        string? hostReservedHandle) =>
        string.Create(CultureInfo.InvariantCulture, $"Assigned {assigned} out of {requested} requested IPv{ipVersion} addresses")
        + string.Concat(messages.Select(m => "; " + m))
        + (hostReservedHandle is null ? "" : $"; HostReservedAttr: {hostReservedHandle}");
}
