using System.Net;

namespace Calico;

/// <summary>An address and who has it.</summary>
/// <param name="Address">The address.</param>
/// <param name="Handle">Owner key.</param>
/// <param name="Purpose">Who may still need it.</param>
/// <param name="Adapter">Name of the adapter that claimed it.</param>
/// <param name="Owner">Network id, task, pool id.</param>
/// <param name="Sequence">Changes with each new owner of the address; a release carries it, so it never frees a successor.</param>
/// <param name="BoundTo">The endpoint that uses it, or null.</param>
/// <param name="Since">When it was claimed, UTC.</param>
public sealed record AddressLease(IPAddress Address, string Handle, LeasePurpose Purpose, string Adapter, string Owner,
    ulong Sequence, WorkloadEndpointId? BoundTo, DateTimeOffset Since);
