using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Dataplane;
using Calico.Dataplane.Workloads;
using Calico.Felix;
using Calico.Host.Workloads.Ports;
using Calico.Linux;

namespace Calico.Host.Workloads;

/// <summary>The kernel, through the dataplane's loop and its wiring.</summary>
internal sealed class KernelSide(DataplaneLoop loop, WorkloadWiring wiring, HostGateways gateways) : IKernelSide
{
    public async Task WireAsync(EndpointRecord record, NetworkNamespace? place, CancellationToken ct)
    {
        var request = Request(record, place);
        if (request is { IsHandedOver: true, Gateway4: { } gateway })
        {
            gateways.Answer(gateway);
        }

        await wiring.WireAsync(request, ct);
        if (request.IsHandedOver)
        {
            gateways.Hasten(record.HostInterface);
        }
    }

    public Task UnwireAsync(EndpointRecord record, CancellationToken ct) =>
        wiring.UnwireAsync(record.HostInterface, record.PeerInterface, record.NamespacePath, record.NamespaceIdentity, ct);

    public Task<EndpointState> PublishAsync(LocalEndpoint endpoint, CancellationToken ct) => loop.PublishAsync(endpoint, ct);

    public Task WithdrawAsync(WorkloadEndpointId id, CancellationToken ct) => loop.WithdrawAsync(id, ct);

    public Task<ImmutableArray<string>> CheckAsync(EndpointRecord record, CancellationToken ct) =>
        wiring.CheckAsync(Request(record, null), record.NamespacePath, ct);

    public bool IsOwnAddress(System.Net.IPAddress address) => System.Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces()
        .Any(i => i.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(address)));

    public string? WhyNoPorts => loop.WhyNoPorts;

    public PortHold HoldPort(ProtocolType protocol, IPAddress address, int port)
    {
        var (held, why) = HeldPort.TryHold(protocol, address, port);
        return why switch
        {
            Errno.AddressInUse => new(null, port, $"another process of this host has port {port}/{PortRules.NameOf(protocol)}"),
            Errno.AddressNotAvailable => new(null, port, $"{address} is no address of this host"),
            // Nobody else can have it.
            Errno.ProtocolNotSupported or Errno.SocketTypeNotSupported => new(null, port, null),
            _ => held is null ? new(null, port, $"port {port}/{PortRules.NameOf(protocol)} cannot be bound (errno {(int)why})") : new(held,
                held.Port, null),
        };
    }

    public bool LinkExists(string hostInterface) => wiring.LinkExists(hostInterface);

    public bool LivesIn(EndpointRecord record, NetworkNamespace? place) =>
        place is null ? wiring.LinkExists(record.HostInterface) : wiring.LeadsTo(record.HostInterface, place.Descriptor);

    /// <summary>After a restart: keeps the links of these records as they were wired.</summary>
    public void Adopt(IEnumerable<EndpointRecord> placed) => wiring.Adopt(placed.Select(r => Request(r, null)));

    public Task ResizeAsync(EndpointRecord record, CancellationToken ct) =>
        wiring.ResizeAsync(Request(record, null), record.NamespacePath, ct);

    /// <summary>MTU of any link of the host; null: there is none of that name.</summary>
    public int? MtuOf(string link) => wiring.MtuOf(link);

    /// <summary>Host-side interfaces of ours in the kernel.</summary>
    public ImmutableArray<string> Links() => wiring.ListLinks();

    /// <summary>Takes away links of ours that no endpoint has: of a record that was lost, or half made before a crash.</summary>
    public async Task<int> TakeOrphansAsync(EndpointBook book, CancellationToken ct)
    {
        var taken = 0;
        foreach (var link in Links().Where(l => !book.TryFindByInterface(l, out _)))
        {
            taken += await wiring.TakeOrphanAsync(link, l => book.TryFindByInterface(l, out _), ct) ? 1 : 0;
        }

        return taken;
    }

    public async Task<EndpointStats> StatsAsync(EndpointRecord record, CancellationToken ct)
    {
        var (received, sent) = wiring.ReadCounters(record.HostInterface);
        // What the host side receives the workload sent.
        return new(sent.Bytes, sent.Packets, received.Bytes, received.Packets, await loop.ReadDropsAsync(ct));
    }

    private static WiringRequest Request(EndpointRecord record, NetworkNamespace? place) => new()
    {
        Id = record.Id,
        HostInterface = record.HostInterface,
        PeerInterface = record.PeerInterface,
        Namespace = place?.Descriptor,
        IsHandedOver = record.NamespacePath is null,
        Mac = record.MacAddress,
        Mtu = record.Mtu,
        Addresses = record.Networks,
        Gateway4 = record.Gateway4 is null ? null : IPAddress.Parse(record.Gateway4),
        Gateway6 = record.Gateway6 is null ? null : IPAddress.Parse(record.Gateway6),
        DefaultRoute = record.DefaultRoute,
        Routes = [.. record.Routes.Select(r => r.ToRoute())],
        AllowForwarding = record.AllowForwarding,
        LetsLoopback = record.Ports.Any(p => p.IsOnLoopback) && record.Networks.Any(n =>
            n.BaseAddress.AddressFamily == AddressFamily.InterNetwork),
    };
}
