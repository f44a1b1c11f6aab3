using Calico.Dataplane;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Sync;
using Calico.Host.Workloads;
using Calico.Linux.Namespaces;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Host.Rehearsal;

/// <summary>The real dataplane over a network namespace of its own: the kernel's answers are real, and nobody's packets meet them.
/// </summary>
internal sealed class RehearsedKernel : IAsyncDisposable
{
    private readonly NamespaceBroker _broker = new();
    private readonly NetworkNamespaceFile _host;
    private readonly NetworkNamespaceFile _workload;
    private readonly WorkloadWiring _wiring;

    /// <exception cref="NamespaceException">This process may not make namespaces.</exception>
    public RehearsedKernel(string nodeName, TimeProvider time)
    {
        try
        {
            _host = _broker.Create();
            _workload = _broker.Create();
            var (network, options) = (new HostNetwork(_broker, _host), new DataplaneOptions { NodeName = nodeName });
            Loop = new(options, network, time, NullLoggerFactory.Instance);
            _wiring = new(Loop, network, options, time, NullLoggerFactory.Instance);
            Side = new(Loop, _wiring, new(network));
        }
        catch
        {
            _host?.Dispose();
            _workload?.Dispose();
            _broker.Dispose();
            throw;
        }

        Place = new(_workload.Descriptor, _workload.Identity.Inode, "rehearsal");
    }

    public DataplaneLoop Loop { get; }

    /// <summary>As the connect transaction uses it.</summary>
    public KernelSide Side { get; }

    /// <summary>Where the workload is.</summary>
    public NetworkNamespace Place { get; }

    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: the kernel said no.</exception>
    public async Task StartAsync(CancellationToken ct)
    {
        await Loop.StartAsync(ct);
        await Loop.SetInitialAsync([], ct);
        Loop.Accept(new(SyncStatus.InSync, 1, []));
    }

    public async ValueTask DisposeAsync()
    {
        await _wiring.DisposeAsync();
        await Loop.DisposeAsync();
        _workload.Dispose();
        _host.Dispose();
        _broker.Dispose();
    }
}
