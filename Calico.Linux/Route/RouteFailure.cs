namespace Calico.Linux.Route;

/// <summary>One request of a batch that the kernel refused.</summary>
/// <param name="Index">Its place in the batch.</param>
/// <param name="Request">What it asked for, with the object.</param>
/// <param name="Errno">Why.</param>
/// <param name="KernelText">The kernel's own words, or null.</param>
public readonly record struct RouteFailure(int Index, string Request, Errno Errno, string? KernelText);
