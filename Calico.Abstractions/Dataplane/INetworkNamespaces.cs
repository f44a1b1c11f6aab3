using Microsoft.Win32.SafeHandles;

namespace Calico;

/// <summary>Opens network namespaces, and checks that each is one and is not the host's own.</summary>
/// <remarks>Throws <see cref="CalicoException"/>: <see cref="Problem.NotFound"/> nothing there, <see cref="Problem.Invalid"/> not a
/// network namespace or the host's own.</remarks>
public interface INetworkNamespaces
{
    /// <summary>By path, as this process sees it.</summary>
    NetworkNamespace Open(string path);

    /// <summary>By process.</summary>
    NetworkNamespace OpenProcess(int pid);

    /// <summary>By a descriptor that a client passed (SCM_RIGHTS); owned by the result, closed when refused.</summary>
    NetworkNamespace Adopt(SafeFileHandle descriptor, string text);
}
