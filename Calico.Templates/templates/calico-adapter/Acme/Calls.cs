using System.Collections.Immutable;
using Calico;

namespace Acme;

/// <summary>The protocol's calls in terms of Calico's contracts. Each may come again after a crash, and then does nothing new.</summary>
public sealed class Calls(IWorkloadNetwork network, INetworkNamespaces namespaces, IProfiles profiles, Settings settings)
{
    private const string Adapter = "acme";
    private const string Interface = "eth0";

    /// <summary>A workload in a network namespace; returns when its policy is in the kernel.</summary>
    /// <returns>Its address.</returns>
    public async Task<string> UpAsync(string id, string path, CancellationToken ct)
    {
        await profiles.EnsureAsync(settings.Network, new(false, ImmutableSortedDictionary<string, string>.Empty), ct);
        using var place = namespaces.Open(path);
        var spec = new EndpointSpec
        {
            Id = new(Adapter, id, Interface),
            // Another life of the same id: here a workload that was started again would have another namespace, and the host sees that.
            Instance = id,
            Network = settings.Network,
            Profiles = [settings.Network],
            Claim = new() { Handle = $"{Adapter}.{id}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        };
        var attachment = await network.ConnectAsync(spec, Placement.In(place, Interface), ct);
        return attachment.Addresses[0].BaseAddress.ToString();
    }

    /// <summary>Gone already: success.</summary>
    public Task DownAsync(string id, CancellationToken ct) => network.DisconnectAsync(new(Adapter, id, Interface), null, ct);

    /// <summary>What of ours is connected, with its address.</summary>
    public async Task<IEnumerable<(string Id, string Address)>> ListAsync(CancellationToken ct) =>
        (await network.ListAsync(null, ct)).Select(a => (a.Id.Workload, a.Addresses[0].BaseAddress.ToString()));
}
