namespace Calico.Host.Workloads.Ports;

/// <summary>What came of an attempt to keep a port of the host from other processes.</summary>
/// <param name="Socket">Holds it; null: it is not held.</param>
/// <param name="Port">Which; the kernel chose it where 0 was asked for.</param>
/// <param name="Why">Why it is not held, in words; null: it is, or this kernel has no sockets of that protocol and nobody else can have
/// it.</param>
internal readonly record struct PortHold(IDisposable? Socket, int Port, string? Why);
