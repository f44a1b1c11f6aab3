namespace Calico.Linux.Nftables;

/// <summary>A named counter as the kernel lists it.</summary>
public sealed record NftCounterState(string Name, ulong Packets, ulong Bytes, ulong Handle, uint Uses);
