using Calico.Dataplane;
using Calico.Dataplane.Strangers;
using Calico.Dataplane.Workloads;
using Calico.Host.Stages;
using Calico.Host.Workloads;
using Calico.Linux.Namespaces;

namespace Calico.Host.Node;

/// <summary>This node's kernel: the dataplane's loop, the way through others' chains, the wiring, and the thread that enters namespaces.
/// </summary>
internal sealed class NodeKernel : IAsyncDisposable
{
    private readonly NamespaceBroker _broker = new();
    private readonly WorkloadWiring _wiring;

    public NodeKernel(DataplaneOptions options, HostBasis basis)
    {
        var network = new HostNetwork(_broker);
        Loop = new(options, network, basis.Time, basis.Loggers);
        Forward = new(network, options, basis.Time, basis.Loggers, Loop.ListAddressesAsync);
        _wiring = new(Loop, network, options, basis.Time, basis.Loggers);
        Side = new(Loop, _wiring, new(network));
    }

    public DataplaneLoop Loop { get; }

    public ForwardPath Forward { get; }

    /// <summary>As the connect transaction uses it.</summary>
    public KernelSide Side { get; }

    public async ValueTask DisposeAsync()
    {
        await Forward.DisposeAsync();
        await _wiring.DisposeAsync();
        await Loop.DisposeAsync();
        _broker.Dispose();
    }
}
