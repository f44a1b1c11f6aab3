using Microsoft.Win32.SafeHandles;

namespace Calico.TestKit.Workloads;

/// <summary>Namespaces by name. A descriptor of anything is adopted under the identity of its text, so that tests need no root.</summary>
public sealed class FakeNamespaces(FaultPlan faults) : INetworkNamespaces
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ulong> _identities = [];
    private readonly HashSet<string> _gone = [];

    /// <summary>Opening it fails from now on, as for a namespace that died.</summary>
    public void Destroy(string path)
    {
        lock (_lock)
        {
            _gone.Add(path);
        }
    }

    public NetworkNamespace Open(string path) => Make(new SafeFileHandle(-1, ownsHandle: false), path, "namespaces.open");

    public NetworkNamespace OpenProcess(int pid) => Open($"/proc/{pid}/ns/net");

    public NetworkNamespace Adopt(SafeFileHandle descriptor, string text) => Make(descriptor, text, "namespaces.adopt");

    private NetworkNamespace Make(SafeFileHandle descriptor, string path, string point)
    {
        faults.Pass(point);
        lock (_lock)
        {
            if (_gone.Contains(path))
            {
                throw new CalicoException(Problem.NotFound, $"nothing at {path}");
            }

            if (!_identities.TryGetValue(path, out var identity))
            {
                _identities[path] = identity = 4026532000UL + (ulong)_identities.Count;
            }

            return new NetworkNamespace(descriptor, identity, path);
        }
    }
}
