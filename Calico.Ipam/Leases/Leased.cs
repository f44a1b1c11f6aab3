using System.Collections.Immutable;

namespace Calico.Ipam;

/// <summary>Leases, and what their companion made.</summary>
/// <param name="Leases">IPv4 first, ascending.</param>
/// <param name="Made">Of the plan that was done: other plans of the same claim may have been made, and were not.</param>
public sealed record Leased<T>(ImmutableArray<AddressLease> Leases, T Made);
