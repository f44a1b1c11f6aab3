using System.Collections.Concurrent;
using System.Collections.Immutable;
using Calico.Felix;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Ports;

namespace Calico.UnitTests.Host;

/// <summary>A kernel in memory that fails where a test wants it to, and never forgets what it was asked to hold.</summary>
internal sealed class FakeKernelSide : IKernelSide
{
    private readonly ConcurrentDictionary<string, EndpointRecord> _links = new();
    private readonly ConcurrentDictionary<WorkloadEndpointId, LocalEndpoint> _published = new();

    /// <summary>Steps that throw when they are reached.</summary>
    public HashSet<string> Failing { get; } = [];

    /// <summary>Runs before each step, with its name; then the step looks at its caller's token as the kernel's side does.</summary>
    public Func<string, Task>? At { get; set; }

    /// <summary>Never completes a publication: the dataplane is not in sync.</summary>
    public bool Stuck { get; set; }

    /// <summary>What a check finds, beside a link that is not there.</summary>
    public ImmutableArray<string> Differences { get; set; } = [];

    public IEnumerable<string> Links => _links.Keys.Order(StringComparer.Ordinal);

    public IEnumerable<WorkloadEndpointId> Published => _published.Keys;

    /// <summary>Ports that lead to an endpoint.</summary>
    public ImmutableArray<ForwardedPort> PortsOf(WorkloadEndpointId id) => _published.TryGetValue(id, out var endpoint) ? endpoint.Ports
        : [];

    /// <summary>The namespace died: the kernel took the pair along.</summary>
    public void LoseLink(string hostInterface) => _links.TryRemove(hostInterface, out _);

    /// <summary>The namespace died, and every pair with an end in it.</summary>
    public void LoseNamespace(ulong identity)
    {
        foreach (var link in _links.Where(l => l.Value.NamespaceIdentity == identity))
        {
            _links.TryRemove(link);
        }
    }

    /// <summary>The machine was started anew.</summary>
    public void Forget()
    {
        _links.Clear();
        _published.Clear();
    }

    public async Task WireAsync(EndpointRecord record, NetworkNamespace? place, CancellationToken ct)
    {
        await ReachAsync("wire", ct);
        _links[record.HostInterface] = record;
        await ReachAsync("wired", ct);
    }

    public async Task UnwireAsync(EndpointRecord record, CancellationToken ct)
    {
        await ReachAsync("unwire", ct);
        _links.TryRemove(record.HostInterface, out _);
    }

    public async Task<EndpointState> PublishAsync(LocalEndpoint endpoint, CancellationToken ct)
    {
        await ReachAsync("publish", ct);
        _published[endpoint.Id] = endpoint;
        if (Stuck)
        {
            await Task.Delay(Timeout.Infinite, ct);
        }

        return endpoint.LabelsPending ? EndpointState.Closed : EndpointState.Enforced;
    }

    public async Task WithdrawAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        await ReachAsync("withdraw", ct);
        _published.TryRemove(id, out _);
    }

    public Task<ImmutableArray<string>> CheckAsync(EndpointRecord record, CancellationToken ct) =>
        Task.FromResult<ImmutableArray<string>>(_links.ContainsKey(record.HostInterface) ? Differences
            : [$"{record.HostInterface} is not there"]);

    /// <summary>Addresses of the host's own interfaces.</summary>
    public HashSet<System.Net.IPAddress> Own { get; } = [];

    public bool IsOwnAddress(System.Net.IPAddress address) => Own.Contains(address);

    public string? WhyNoPorts { get; set; }

    /// <summary>Ports that other processes have.</summary>
    public HashSet<int> Taken { get; } = [];

    /// <summary>Ports that are held, with what holds each.</summary>
    public ConcurrentDictionary<(System.Net.Sockets.ProtocolType Protocol, System.Net.IPAddress Address, int Port),
        bool> HeldPorts { get; } = new();

    /// <summary>What the kernel chooses from on; each time the next.</summary>
    public int NextPort { get; set; } = 40000;

    public PortHold HoldPort(System.Net.Sockets.ProtocolType protocol, System.Net.IPAddress address, int port)
    {
        port = port == 0 ? NextPort++ : port;
        return Taken.Contains(port) ? new(null, port, $"another process of this host has port {port}")
            : HeldPorts.TryAdd((protocol, address, port), true) ? new(new Release(() => HeldPorts.TryRemove((protocol, address, port),
                out _)), port, null)
            : throw new InvalidOperationException($"{port} is held already: the kernel would refuse it");
    }

    public bool LinkExists(string hostInterface) => _links.ContainsKey(hostInterface);

    /// <summary>The path tells what the number does not: two namespaces that had the same one after each other.</summary>
    public bool LivesIn(EndpointRecord record, NetworkNamespace? place) =>
        _links.TryGetValue(record.HostInterface, out var wired) && (place is null || wired.NamespacePath == place.ToString());

    public async Task ResizeAsync(EndpointRecord record, CancellationToken ct)
    {
        await ReachAsync("resize", ct);
        _links[record.HostInterface] = record;
    }

    /// <summary>As it was wired, or resized.</summary>
    public int MtuOf(string hostInterface) => _links[hostInterface].Mtu;

    public Task<EndpointStats> StatsAsync(EndpointRecord record, CancellationToken ct) =>
        Task.FromResult(new EndpointStats(0, 0, 0, 0, ImmutableSortedDictionary<string, long>.Empty));

    private async Task ReachAsync(string step, CancellationToken ct)
    {
        // Always asynchronous, as the kernel's loop is: an order that holds only when it answers at once would pass otherwise.
        await Task.Yield();
        if (At is { } at)
        {
            await at(step);
        }

        ct.ThrowIfCancellationRequested();
        if (Failing.Contains(step))
        {
            throw new CalicoException(Problem.Refused, $"{step} fails on purpose");
        }
    }

    private sealed class Release(Action what) : IDisposable
    {
        public void Dispose() => what();
    }
}
