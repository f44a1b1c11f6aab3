namespace Calico.Linux.Nftables;

/// <summary>A change that the kernel refused.</summary>
/// <param name="Index">Its place in the batch; -1 when the transaction as a whole was refused.</param>
/// <param name="Request">Which change.</param>
/// <param name="Errno">Why.</param>
/// <param name="KernelText">The kernel's own words, or null.</param>
public readonly record struct NftFailure(int Index, NftRequest Request, Errno Errno, string? KernelText);
