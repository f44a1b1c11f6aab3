using Calico.Linux.Namespaces;
using Microsoft.Win32.SafeHandles;

namespace Calico.Host.Workloads;

/// <summary>Opens and checks namespaces; the host's own is refused, whatever name it is given by.</summary>
public sealed class HostNamespaces : INetworkNamespaces
{
    public NetworkNamespace Open(string path) => Wrap(() => NamespaceHandle.Open(path), path);

    public NetworkNamespace OpenProcess(int pid) => Wrap(() => NamespaceHandle.OpenProcess(pid), $"process {pid}");

    public NetworkNamespace Adopt(SafeFileHandle descriptor, string text) => Wrap(() => NamespaceHandle.Adopt(descriptor), text);

    private static NetworkNamespace Wrap(Func<NamespaceHandle> open, string text)
    {
        try
        {
            var handle = open();
            if (handle.IsOwn)
            {
                handle.Dispose();
                throw new CalicoException(Problem.Invalid, $"{text} is the host's own network namespace; a workload needs one of its own", "CNI_NETNS");
            }

            return new(handle.Descriptor, handle.Identity, text);
        }
        catch (NamespaceException e)
        {
            throw new CalicoException(e.Exists ? Problem.Invalid : Problem.NotFound, e.Message, "CNI_NETNS", e);
        }
    }
}
