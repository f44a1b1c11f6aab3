using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Protocol;
using Calico.Plugins.Docker.Serving;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Endpoints come and go; a container gets a new one with each start.</summary>
internal sealed class EndpointCalls(
    NetworkBook book, IWorkloadNetwork network, IWorkloadDataplane dataplane, IIpam ipam, IProfiles profiles,
    EndpointRemoval removal, UnjoinedEndpoints unjoined, CallingProcess calling)
{
    /// <summary>As upstream calls it: orchestrator and workload are the same for all, the endpoint's id tells them apart.</summary>
    public static WorkloadEndpointId IdOf(string endpoint) => new("libnetwork", "libnetwork", endpoint);

    /// <summary>The same endpoint again gets the same answer.</summary>
    public async Task<EndpointAnswer> CreateAsync(EndpointRequest request, CancellationToken ct)
    {
        var (networkId, endpoint) = (Fields.Id(request.NetworkId, "NetworkID"), Fields.Id(request.EndpointId, "EndpointID"));
        var options = EndpointOptions.Read(request.Options, request.Interface?.MacAddress);
        var addresses = AddressesOf(request.Interface);
        var known = book.Find(networkId);
        calling.Note(networkId);
        var leased = await AreOursAsync(known, addresses, ct);
        if (leased)
        {
            await TakeBackAsync(addresses, ct);
        }

        // A network that this node was never told of may be made on another; its members' profile is there all the same.
        var defaults = known is null ? NetworkCalls.DefaultsOfUnknown : NetworkCalls.DefaultsOf(known.IsInternal);
        var profile = await profiles.EnsureAsync(networkId, defaults, ct);
        unjoined.Add(endpoint);
        var spec = new EndpointSpec
        {
            Id = IdOf(endpoint),
            Instance = endpoint,
            Network = networkId,
            Profiles = [profile],
            LabelsPending = known is not { IgnoresLabels: true },
            Leased = leased ? addresses : [],
            Unmanaged = leased ? [] : [.. addresses.Select(Fields.Host)],
            Mac = options.Mac,
            Mtu = known?.Mtu,
        };
        var prepared = await removal.WithoutLostAsync(() => dataplane.PrepareAsync(spec, ct), ct);
        if (known is null)
        {
            // dockerd is asked what it is.
            book.NoteUsed(networkId);
        }

        // dockerd refuses an answer to what it said itself.
        return new(new() { MacAddress = options.Mac is null ? Fields.Text(prepared.Mac) : null });
    }

    /// <summary>Never known, or gone: done. dockerd asks once and forgets the endpoint whatever the answer is.</summary>
    public async Task<Done> DeleteAsync(EndpointName request, CancellationToken ct)
    {
        await removal.EndAsync(IdOf(Fields.Id(request.EndpointId, "EndpointID")), ct);
        return Done.Answer;
    }

    /// <summary>Never fails: a container whose endpoint has no facts does not start.</summary>
    public async Task<EndpointFacts> DescribeAsync(EndpointName request, CancellationToken ct)
    {
        var facts = ImmutableSortedDictionary<string, string>.Empty;
        try
        {
            if (await network.FindAsync(IdOf(Fields.Id(request.EndpointId, "EndpointID")), ct) is { } found)
            {
                facts = facts.Add("calico.interface", found.HostInterface).Add("calico.state", found.State.ToString());
            }
        }
        catch (CalicoException)
        {
            // Nobody reads them.
        }

        return new(facts);
    }

    private static ImmutableArray<IPAddress> AddressesOf(EndpointInterface? asked)
    {
        ImmutableArray<IPAddress> addresses =
        [
            .. new[] { (Text: asked?.Address, Field: "Interface.Address"), (Text: asked?.AddressIpv6, Field: "Interface.AddressIPv6") }
                .Where(a => !string.IsNullOrEmpty(a.Text)).Select(a => Fields.Address(a.Text!, a.Field)),
        ];
        return !addresses.IsEmpty
            ? addresses
            : throw new CalicoException(Problem.Invalid, "no address was assigned for the endpoint", "Interface.Address");
    }

    /// <summary>Whose addresses they are: the network says it; where this node does not know it, the pools.</summary>
    private async Task<bool> AreOursAsync(NetworkRecord? known, ImmutableArray<IPAddress> addresses, CancellationToken ct) =>
        known is not null ? !known.IsForeign
        : (await ipam.ListPoolsAsync(ct)).Any(p => addresses.Any(a => PoolId.Contains(p.Cidr, Fields.Host(a))));

    /// <summary>Given out when nobody could know that the pool is a network's of ours: freed, they are taken for the endpoint.</summary>
    private async Task TakeBackAsync(ImmutableArray<IPAddress> addresses, CancellationToken ct)
    {
        foreach (var address in addresses)
        {
            if (await ipam.FindOwnAsync(address, ct) is { Purpose: LeasePurpose.Foreign, BoundTo: null } lease)
            {
                await ipam.ReleaseAsync(lease, ct);
            }
        }
    }
}
