using Calico.Linux.Namespaces;

namespace Calico.Dataplane;

/// <summary>The network namespace that the dataplane works in: the process's own, or (tests) another.</summary>
/// <remarks>Sockets and <c>/proc/sys/net</c> belong to the namespace of the thread that opens them, so everything that opens one goes
/// through <see cref="Run"/>. Safe from any thread.</remarks>
public sealed class HostNetwork
{
    private readonly NetworkNamespaceFile? _other;

    /// <param name="broker">Enters workloads' namespaces.</param>
    /// <param name="other">Null: the process's own. Owned by the caller.</param>
    public HostNetwork(NamespaceBroker broker, NetworkNamespaceFile? other = null) => (Broker, _other) = (broker, other);

    /// <summary>The one thread that enters other namespaces.</summary>
    public NamespaceBroker Broker { get; }

    /// <summary>Runs work whose thread is in the namespace.</summary>
    public T Run<T>(Func<T> work) => _other is null ? work() : Broker.Run(_other, work);
}
