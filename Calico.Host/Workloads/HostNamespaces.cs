using Calico.Linux;
using Calico.Linux.Namespaces;
using Microsoft.Win32.SafeHandles;

namespace Calico.Host.Workloads;

/// <summary>Opens and checks namespaces; the host's own is refused, whatever name it is given by.</summary>
internal sealed class HostNamespaces : INetworkNamespaces
{
    private readonly NamespaceIdentity _home = Home();

    public NetworkNamespace Open(string path) => Wrap(() => NetworkNamespaceFile.Open(path), path);

    public NetworkNamespace OpenProcess(int pid) => Wrap(() => NetworkNamespaceFile.OpenProcess(pid), $"process {pid}");

    public NetworkNamespace Adopt(SafeFileHandle descriptor, string text) => Wrap(() => NetworkNamespaceFile.Adopt(descriptor, text), text);

    private NetworkNamespace Wrap(Func<NetworkNamespaceFile> open, string text)
    {
        try
        {
            var file = open();
            if (file.Identity == _home)
            {
                file.Dispose();
                throw new CalicoException(Problem.Invalid, $"{text} is the host's own network namespace; a workload needs one of its own",
                    "placement.namespace");
            }

            return new(file.Descriptor, file.Identity.Inode, text);
        }
        catch (NamespaceException e)
        {
            throw new CalicoException(e.Errno is Errno.NoEntry or Errno.NoProcess ? Problem.NotFound : Problem.Invalid, e.Message,
                "placement.namespace", e);
        }
    }

    private static NamespaceIdentity Home()
    {
        using var own = NetworkNamespaceFile.OpenOwn();
        return own.Identity;
    }
}
