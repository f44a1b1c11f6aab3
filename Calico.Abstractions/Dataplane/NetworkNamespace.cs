using Microsoft.Win32.SafeHandles;

namespace Calico;

/// <summary>An open network namespace; by descriptor, so that no path is resolved twice.</summary>
/// <param name="descriptor">Owned by this object.</param>
/// <param name="identity">Inode of the namespace: equal for equal namespaces on this machine.</param>
/// <param name="text">Path or process, for messages.</param>
public sealed class NetworkNamespace(SafeFileHandle descriptor, ulong identity, string text) : IDisposable
{
    /// <summary>The open namespace.</summary>
    public SafeFileHandle Descriptor => descriptor;

    /// <summary>Inode of the namespace.</summary>
    public ulong Identity => identity;

    /// <inheritdoc/>
    public override string ToString() => text;

    /// <inheritdoc/>
    public void Dispose() => descriptor.Dispose();
}
