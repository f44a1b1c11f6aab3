namespace Calico.Ipam;

/// <summary>Addresses of each new block that the host keeps for itself (Windows needs them).</summary>
/// <param name="StartOfBlock">How many at the start.</param>
/// <param name="EndOfBlock">How many at the end.</param>
/// <param name="Handle">Who has them.</param>
/// <param name="Note">Kept with them, under <c>note</c>.</param>
public sealed record HostReservation(int StartOfBlock, int EndOfBlock, string Handle, string Note = "");
