using System.Collections.Concurrent;
using System.Collections.Immutable;
using Calico.Felix;
using Calico.Host.Workloads;

namespace Calico.UnitTests.Host;

/// <summary>A kernel in memory that fails where a test wants it to, and never forgets what it was asked to hold.</summary>
internal sealed class FakeKernelSide : IKernelSide
{
    private readonly ConcurrentDictionary<string, EndpointRecord> links = new();
    private readonly ConcurrentDictionary<WorkloadEndpointId, LocalEndpoint> published = new();

    /// <summary>Steps that throw when they are reached.</summary>
    public HashSet<string> Failing { get; } = [];

    /// <summary>Never completes a publication: the dataplane is not in sync.</summary>
    public bool Stuck { get; set; }

    public IEnumerable<string> Links => links.Keys.Order(StringComparer.Ordinal);

    public IEnumerable<WorkloadEndpointId> Published => published.Keys;

    /// <summary>The namespace died: the kernel took the pair along.</summary>
    public void LoseLink(string hostInterface) => links.TryRemove(hostInterface, out _);

    /// <summary>The namespace died, and every pair with an end in it.</summary>
    public void LoseNamespace(ulong identity)
    {
        foreach (var link in links.Where(l => l.Value.NamespaceIdentity == identity))
        {
            links.TryRemove(link);
        }
    }

    public Task WireAsync(EndpointRecord record, NetworkNamespace? place, CancellationToken ct)
    {
        Fail("wire");
        links[record.HostInterface] = record;
        Fail("wired");
        return Task.CompletedTask;
    }

    public Task UnwireAsync(EndpointRecord record, CancellationToken ct)
    {
        Fail("unwire");
        links.TryRemove(record.HostInterface, out _);
        return Task.CompletedTask;
    }

    public async Task<EndpointState> PublishAsync(LocalEndpoint endpoint, CancellationToken ct)
    {
        Fail("publish");
        published[endpoint.Id] = endpoint;
        if (Stuck)
        {
            await Task.Delay(Timeout.Infinite, ct);
        }

        return endpoint.LabelsPending ? EndpointState.Closed : EndpointState.Enforced;
    }

    public Task WithdrawAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        Fail("withdraw");
        published.TryRemove(id, out _);
        return Task.CompletedTask;
    }

    public Task<ImmutableArray<string>> CheckAsync(EndpointRecord record, CancellationToken ct) =>
        Task.FromResult<ImmutableArray<string>>(links.ContainsKey(record.HostInterface) ? [] : [$"{record.HostInterface} is not there"]);

    public bool LinkExists(string hostInterface) => links.ContainsKey(hostInterface);

    public Task<EndpointStats> StatsAsync(EndpointRecord record, CancellationToken ct) =>
        Task.FromResult(new EndpointStats(0, 0, 0, 0, ImmutableSortedDictionary<string, long>.Empty));

    private void Fail(string step)
    {
        if (Failing.Contains(step))
        {
            throw new CalicoException(Problem.Refused, $"{step} fails on purpose");
        }
    }
}
