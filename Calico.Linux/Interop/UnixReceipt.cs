using Microsoft.Win32.SafeHandles;

namespace Calico.Linux;

/// <summary>What came in one read from a unix socket.</summary>
/// <param name="Length">Bytes; 0 at the end of the stream.</param>
/// <param name="Descriptor">The descriptor that came along, close-on-exec, or null. The receiver owns it.</param>
public readonly record struct UnixReceipt(int Length, SafeFileHandle? Descriptor);
