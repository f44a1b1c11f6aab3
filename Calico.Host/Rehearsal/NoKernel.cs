using System.Collections.Immutable;
using Calico.Felix;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Ports;

namespace Calico.Host.Rehearsal;

/// <summary>A kernel that does nothing and says that all is well.</summary>
internal sealed class NoKernel : IKernelSide
{
    public Task WireAsync(EndpointRecord record, NetworkNamespace? place, CancellationToken ct) => Task.CompletedTask;

    public Task UnwireAsync(EndpointRecord record, CancellationToken ct) => Task.CompletedTask;

    public Task<EndpointState> PublishAsync(LocalEndpoint endpoint, CancellationToken ct) => Task.FromResult(EndpointState.Enforced);

    public Task WithdrawAsync(WorkloadEndpointId id, CancellationToken ct) => Task.CompletedTask;

    public Task<ImmutableArray<string>> CheckAsync(EndpointRecord record, CancellationToken ct) =>
        Task.FromResult(ImmutableArray<string>.Empty);

    public bool IsOwnAddress(System.Net.IPAddress address) => false;

    public string? WhyNoPorts => null;

    public PortHold HoldPort(System.Net.Sockets.ProtocolType protocol, System.Net.IPAddress address, int port) => new(null, port, null);

    public bool LinkExists(string hostInterface) => true;

    public bool LivesIn(EndpointRecord record, NetworkNamespace? place) => true;

    public Task ResizeAsync(EndpointRecord record, CancellationToken ct) => Task.CompletedTask;

    public Task<EndpointStats> StatsAsync(EndpointRecord record, CancellationToken ct) =>
        Task.FromResult(new EndpointStats(0, 0, 0, 0, ImmutableSortedDictionary<string, long>.Empty));
}
