using System.Collections.Immutable;
using Calico.Felix;
using Calico.Host.Workloads.Ports;

namespace Calico.Host.Workloads;

/// <summary>What the connect transaction needs of the kernel: the dataplane, or a fake that fails where a test wants it to.</summary>
internal interface IKernelSide
{
    /// <summary>Makes the pair, configures the workload's end, adds the host's routes. Idempotent.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/> the interface exists in the namespace and is not ours,
    /// <see cref="Problem.NotFound"/> the namespace is gone, <see cref="Problem.Refused"/> the kernel said no.</exception>
    Task WireAsync(EndpointRecord record, NetworkNamespace? place, CancellationToken ct);

    /// <summary>Takes the pair away at once as far as traffic and names go; the link itself is reaped later. Gone already: success.
    /// </summary>
    Task UnwireAsync(EndpointRecord record, CancellationToken ct);

    /// <summary>Returns when the kernel enforces the endpoint's policy: <see cref="EndpointState.Enforced"/>, or
    /// <see cref="EndpointState.Closed"/> while a selector in force cannot be decided without labels that are still to come.</summary>
    Task<EndpointState> PublishAsync(LocalEndpoint endpoint, CancellationToken ct);

    /// <summary>Returns when the endpoint's elements and routes are gone: its flows stop. Their tracking entries go a moment later, before
    /// an address of it is enforced for another endpoint.</summary>
    Task WithdrawAsync(WorkloadEndpointId id, CancellationToken ct);

    /// <summary>Differences between the record and the kernel; empty: good.</summary>
    Task<ImmutableArray<string>> CheckAsync(EndpointRecord record, CancellationToken ct);

    /// <summary>Whether an interface of the host itself has the address.</summary>
    bool IsOwnAddress(System.Net.IPAddress address);

    /// <summary>Why no port of this host can lead to a workload; null: they can.</summary>
    string? WhyNoPorts { get; }

    /// <summary>Keeps a port of the host from other processes.</summary>
    /// <param name="protocol">TCP, UDP or SCTP.</param>
    /// <param name="address">One of the host's, or any of its family.</param>
    /// <param name="port">0: the kernel chooses.</param>
    PortHold HoldPort(System.Net.Sockets.ProtocolType protocol, System.Net.IPAddress address, int port);

    /// <summary>Whether the host side's link exists.</summary>
    bool LinkExists(string hostInterface);

    /// <summary>Whether the record's link exists and its other end is in that namespace; null: wherever that end is.</summary>
    bool LivesIn(EndpointRecord record, NetworkNamespace? place);

    /// <summary>Gives both ends of the pair the record's MTU, or none.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/> an end cannot be reached, <see cref="Problem.Refused"/> the kernel
    /// said no.</exception>
    Task ResizeAsync(EndpointRecord record, CancellationToken ct);

    /// <summary>Counters of an endpoint.</summary>
    Task<EndpointStats> StatsAsync(EndpointRecord record, CancellationToken ct);
}
