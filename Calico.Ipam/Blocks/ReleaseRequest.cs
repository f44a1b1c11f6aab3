using System.Net;

namespace Calico.Ipam;

/// <summary>A wish to free an address.</summary>
/// <param name="Address">Which.</param>
/// <param name="Handle">Only if this handle has it; null: whoever has it.</param>
/// <param name="Sequence">Only if it is still this allocation; null: whichever.</param>
public sealed record ReleaseRequest(IPAddress Address, string? Handle = null, ulong? Sequence = null);
