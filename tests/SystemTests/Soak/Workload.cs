using System.Net;
using System.Net.Sockets;
using Calico.Linux.Namespaces;
using Calico.SystemTests.Cni;

namespace Calico.SystemTests.Soak;

/// <summary>A container of a test host whose traffic is this process's: its sockets are made inside its namespace and stay there.</summary>
internal sealed class Workload : IDisposable
{
    private readonly NamespaceBroker _broker;
    private readonly NetworkNamespaceFile _namespace;

    private Workload(string name, string network, IPAddress address, NamespaceBroker broker, NetworkNamespaceFile networkNamespace) =>
        (Name, Network, Address, _broker, _namespace) = (name, network, address, broker, networkNamespace);

    public string Name { get; }

    public string Network { get; }

    public IPAddress Address { get; }

    /// <summary>Makes the namespace and connects it by ADD.</summary>
    public static async Task<Workload> StartAsync(CniHost cni, NamespaceBroker broker, string name, string network)
    {
        await cni.AddNamespaceAsync(name);
        var address = await cni.AddAsync(name, name, ConfOf(network));
        // By the host's first process: the name stands in that host's mount namespace alone.
        var init = (await File.ReadAllTextAsync(Path.Combine(cni.Host.Folder, "init.pid"))).Trim();
        return new(name, network, IPAddress.Parse(address), broker, NetworkNamespaceFile.Open($"/proc/{init}/root/run/netns/{name}"));
    }

    /// <summary>The network as <c>cni install</c> writes it.</summary>
    public static string ConfOf(string network) => CniHost.Conf.Replace("net1", network, StringComparison.Ordinal);

    public Socket Open(SocketType type, ProtocolType protocol) =>
        _broker.Run(_namespace, () => new Socket(AddressFamily.InterNetwork, type, protocol));

    public async Task StopAsync(CniHost cni)
    {
        Dispose();
        await cni.DeleteAsync(Name, Name, ConfOf(Network));
        await cni.DeleteNamespaceAsync(Name);
    }

    public void Dispose() => _namespace.Dispose();
}
