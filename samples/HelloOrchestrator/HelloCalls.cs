using System.Collections.Immutable;
using System.Text;
using Calico;

namespace HelloOrchestrator;

/// <summary>The protocol's calls in terms of the contracts. Each may come again after a crash, and then does nothing new.</summary>
internal sealed class HelloCalls(IWorkloadNetwork network, INetworkNamespaces namespaces, IProfiles profiles, IPluginState state,
    TimeProvider time) : ILiveWorkloads
{
    private const string Network = "hello";

    /// <summary>A workload in a network namespace; returns when its policy is in the kernel.</summary>
    /// <returns>Its address.</returns>
    public async Task<string> UpAsync(string id, string path, CancellationToken ct)
    {
        await profiles.EnsureAsync(Network, new(false, ImmutableSortedDictionary<string, string>.Empty), ct);
        using var place = namespaces.Open(path);
        // Before there is anything: a later life of this adapter looks there whether the workload still is.
        await WriteAsync(id, Encoding.UTF8.GetBytes(path), ct);
        var spec = new EndpointSpec
        {
            Id = IdOf(id),
            Instance = id,
            Network = Network,
            Profiles = [Network],
            Claim = new() { Handle = $"hello.{id}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        };
        return (await network.ConnectAsync(spec, Placement.In(place, "eth0"), ct)).Addresses[0].BaseAddress.ToString();
    }

    /// <summary>Gone already: success.</summary>
    public async Task DownAsync(string id, CancellationToken ct)
    {
        await network.DisconnectAsync(IdOf(id), null, ct);
        await WriteAsync(id, null, ct);
    }

    public async Task<IEnumerable<string>> ListAsync(CancellationToken ct) =>
        (await network.ListAsync(null, ct)).Select(a => $"{a.Id.Workload}={a.Addresses[0].BaseAddress}");

    /// <summary>What has its namespace still; whose path nobody knows is in doubt, and lives.</summary>
    public async Task<LiveReport> ListLiveAsync(CancellationToken ct)
    {
        var asOf = time.GetUtcNow();
        var paths = (await state.ListAsync(StateScope.Node, "", ct)).ToDictionary(d => d.Key, d => Encoding.UTF8.GetString(d.Value.Span));
        var live = (await network.ListAsync(null, ct)).Where(a => !paths.TryGetValue(a.Id.Workload, out var path) || File.Exists(path));
        return new(true, asOf, [.. live.Select(a => (a.Id, a.Instance))], []);
    }

    private Task WriteAsync(string id, byte[]? path, CancellationToken ct) => state.CommitAsync(
        StateScope.Node, [KeyValuePair.Create(id, path is null ? (ReadOnlyMemory<byte>?)null : path)], ct);

    private static WorkloadEndpointId IdOf(string id) => new("hello", id, "eth0");
}
