using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Calico.TestKit.Workloads;

/// <summary>Both lives of an endpoint, in memory, with the contract's rules: idempotent by (id, instance), all or nothing, an older
/// life's removal frees that life's addresses only.</summary>
internal sealed class FakeWorkloads(FakeDisk disk, FakeIpam ipam, FaultPlan faults, string adapter) : IWorkloadNetwork, IWorkloadDataplane
{
    private readonly Dictionary<WorkloadEndpointId, List<Channel<(EndpointState, string)>>> _watchers = [];

    public async Task<Attachment> ConnectAsync(EndpointSpec spec, Placement place, CancellationToken ct)
    {
        faults.Pass("network.connect");
        if (faults.Waiting is { } waiting)
        {
            await waiting(ct);
        }

        lock (disk.Lock)
        {
            var before = disk.Endpoints.GetValueOrDefault(spec.Id);
            Prepare(spec, isSplit: false);
            try
            {
                faults.Pass("network.link");
                return Attach(spec.Id, spec.Instance, place);
            }
            catch when (before is null || before.Attachment.Instance != spec.Instance)
            {
                Undo(spec.Id, before);
                throw;
            }
        }
    }

    public Task DisconnectAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        faults.Pass("network.disconnect");
        lock (disk.Lock)
        {
            Remove(id, instance);
        }

        return Task.CompletedTask;
    }

    public Task<ImmutableArray<string>> CheckAsync(WorkloadEndpointId id, Attachment expected, CancellationToken ct)
    {
        faults.Pass("network.check");
        lock (disk.Lock)
        {
            if (!disk.Endpoints.TryGetValue(id, out var endpoint))
            {
                throw new CalicoException(Problem.NotFound, $"no endpoint {id}");
            }

            var actual = endpoint.Attachment;
            var differences = ImmutableArray.CreateBuilder<string>();
            if (!disk.Links.ContainsKey(actual.HostInterface))
            {
                differences.Add($"{actual.HostInterface} is not there");
            }

            if (actual.HostInterface != expected.HostInterface)
            {
                differences.Add($"host interface is {actual.HostInterface}, not {expected.HostInterface}");
            }

            if (!actual.Mac.Equals(expected.Mac))
            {
                differences.Add($"MAC is {actual.Mac}, not {expected.Mac}");
            }

            if (!actual.Addresses.SequenceEqual(expected.Addresses))
            {
                differences.Add($"addresses are {string.Join(' ', actual.Addresses)}, not {string.Join(' ', expected.Addresses)}");
            }

            return Task.FromResult(differences.ToImmutable());
        }
    }

    public Task<Attachment?> FindAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        faults.Pass("network.find");
        lock (disk.Lock)
        {
            return Task.FromResult(disk.Endpoints.GetValueOrDefault(id)?.Seen(disk.Links));
        }
    }

    public Task<ImmutableArray<Attachment>> ListAsync(string? workloadPrefix, CancellationToken ct)
    {
        faults.Pass("network.list");
        lock (disk.Lock)
        {
            return Task.FromResult(disk.Endpoints.Values
                .Where(e => e.Adapter == adapter
                    && (workloadPrefix is null || e.Spec.Id.Workload.StartsWith(workloadPrefix, StringComparison.Ordinal)))
                .Select(e => e.Attachment).ToImmutableArray());
        }
    }

    public Task<int> CollectAsync(string network, LiveReport keep, CancellationToken ct)
    {
        faults.Pass("network.collect");
        lock (disk.Lock)
        {
            if (!keep.Complete)
            {
                return Task.FromResult(0);
            }

            var dead = disk.Endpoints.Values.Where(e => e.Adapter == adapter && e.Spec.Network == network
                && !keep.Endpoints.Contains((e.Spec.Id, e.Spec.Instance))).ToArray();
            foreach (var endpoint in dead)
            {
                Remove(endpoint.Spec.Id, null);
            }

            return Task.FromResult(dead.Length);
        }
    }

    public Task<Attachment> PrepareAsync(EndpointSpec spec, CancellationToken ct)
    {
        faults.Pass("dataplane.prepare");
        lock (disk.Lock)
        {
            return Task.FromResult(Prepare(spec, isSplit: true));
        }
    }

    public Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct)
    {
        faults.Pass("dataplane.attach");
        lock (disk.Lock)
        {
            return Task.FromResult(Attach(id, instance, place));
        }
    }

    public Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct)
    {
        faults.Pass("dataplane.update");
        lock (disk.Lock)
        {
            if (!disk.Endpoints.TryGetValue(id, out var endpoint))
            {
                throw new CalicoException(Problem.NotFound, $"no endpoint {id}");
            }

            var spec = endpoint.Spec with
            {
                Labels = change.Labels ?? endpoint.Spec.Labels,
                LabelsPending = change.Labels is null && endpoint.Spec.LabelsPending,
                Profiles = change.Profiles ?? endpoint.Spec.Profiles,
                Ports = change.Ports ?? endpoint.Spec.Ports,
                Facts = change.Facts ?? endpoint.Spec.Facts,
            };
            Store(endpoint with { Spec = spec, Attachment = endpoint.Attachment with { Profiles = spec.Profiles } });
        }

        return Task.CompletedTask;
    }

    public Task DetachAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        faults.Pass("dataplane.detach");
        lock (disk.Lock)
        {
            if (disk.Endpoints.TryGetValue(id, out var endpoint) && (instance is null || endpoint.Spec.Instance == instance))
            {
                disk.Links.Remove(endpoint.Attachment.HostInterface);
                Store(endpoint with { IsLinked = false });
            }
        }

        return Task.CompletedTask;
    }

    public Task RemoveAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        faults.Pass("dataplane.remove");
        lock (disk.Lock)
        {
            Remove(id, instance);
        }

        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<(EndpointState State, string Reason)> WatchAsync(WorkloadEndpointId id,
        [EnumeratorCancellation] CancellationToken ct)
    {
        faults.Pass("dataplane.watch");
        var channel = Channel.CreateUnbounded<(EndpointState, string)>();
        lock (disk.Lock)
        {
            if (!disk.Endpoints.TryGetValue(id, out var endpoint))
            {
                throw new CalicoException(Problem.NotFound, $"no endpoint {id}");
            }

            channel.Writer.TryWrite((endpoint.Attachment.State, endpoint.Attachment.Reason));
            if (!_watchers.TryGetValue(id, out var list))
            {
                _watchers[id] = list = [];
            }

            list.Add(channel);
        }

        await foreach (var change in channel.Reader.ReadAllAsync(ct))
        {
            yield return change;
        }
    }

    public Task<EndpointStats> StatsAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        faults.Pass("dataplane.stats");
        lock (disk.Lock)
        {
            return disk.Endpoints.ContainsKey(id)
                ? Task.FromResult(new EndpointStats(0, 0, 0, 0, ImmutableSortedDictionary<string, long>.Empty))
                : throw new CalicoException(Problem.NotFound, $"no endpoint {id}");
        }
    }

    /// <summary>What lost its link: a whole life is over, a split one is prepared again.</summary>
    public void SettleLost()
    {
        lock (disk.Lock)
        {
            foreach (var lost in disk.Endpoints.Values.Where(e => e.IsLinked && !disk.Links.ContainsKey(e.Attachment.HostInterface))
                .ToArray())
            {
                if (lost.IsSplit)
                {
                    Store(lost with { IsLinked = false });
                }
                else
                {
                    Remove(lost.Spec.Id, null);
                }
            }
        }
    }

    private Attachment Prepare(EndpointSpec spec, bool isSplit)
    {
        var before = disk.Endpoints.GetValueOrDefault(spec.Id);
        if (before is not null && before.Spec.Instance == spec.Instance)
        {
            return before.Attachment;
        }

        if ((spec.Claim is null ? 0 : 1) + (spec.Leased.IsEmpty ? 0 : 1) + (spec.Unmanaged.IsEmpty ? 0 : 1) != 1)
        {
            throw new CalicoException(Problem.Invalid, "exactly one of Claim, Leased and Unmanaged must be given");
        }

        foreach (var foreign in spec.Unmanaged)
        {
            if (disk.Pools.Any(p => p.Cidr.Contains(foreign.BaseAddress)))
            {
                throw new CalicoException(Problem.Invalid, $"{foreign} is in one of our pools");
            }
        }

        var bound = Bind(spec);
        var addresses = spec.Unmanaged.IsEmpty ? bound.Select(a => new IPNetwork(a, a.GetAddressBytes().Length * 8)) : spec.Unmanaged;
        var endpoint = new FakeEndpoint
        {
            Spec = spec,
            Adapter = adapter,
            IsSplit = isSplit,
            Bound = bound,
            Attachment = AttachmentOf(spec, [.. addresses]),
            Superseded = before is null
                ? ImmutableDictionary<string, ImmutableArray<IPAddress>>.Empty
                : before.Superseded.SetItem(before.Spec.Instance, before.Bound),
        };
        if (before is not null)
        {
            disk.Links.Remove(before.Attachment.HostInterface);
        }

        return Store(endpoint).Attachment;
    }

    private ImmutableArray<IPAddress> Bind(EndpointSpec spec)
    {
        if (spec.Claim is { } claim)
        {
            foreach (var lease in ipam.Claim(claim))
            {
                disk.Leases[lease.Address] = lease with { BoundTo = spec.Id };
            }

            return [.. disk.Leases.Values.Where(l => l.Handle == claim.Handle && l.Adapter == adapter).Select(l => l.Address)];
        }

        foreach (var address in spec.Leased)
        {
            if (!disk.Leases.TryGetValue(address, out var lease))
                {
                var again = new AddressClaim { Handle = spec.Id.ToString(), Purpose = LeasePurpose.Endpoint, Exact = [address] };
                lease = ipam.Claim(again)[0];
            }

            if (lease.BoundTo is { } other && other != spec.Id || lease.Adapter != adapter || lease.Purpose == LeasePurpose.Foreign)
            {
                throw new CalicoException(Problem.Conflict, $"{address} is used by {lease.BoundTo}");
            }

            disk.Leases[address] = lease with { BoundTo = spec.Id };
        }

        return spec.Leased;
    }

    private Attachment Attach(WorkloadEndpointId id, string instance, Placement place)
    {
        var endpoint = disk.Endpoints.GetValueOrDefault(id)
            ?? throw new CalicoException(Problem.NotFound, $"endpoint {id} was not prepared");
        if (endpoint.Spec.Instance != instance)
        {
            throw new CalicoException(Problem.Conflict, $"another life of {id} is there: {endpoint.Spec.Instance}");
        }

        faults.Pass("kernel.link");
        var identity = place.Namespace?.Identity ?? 0;
        var group = place.NamespaceGroup.Length == 0 ? endpoint.Spec.NamespaceGroup : place.NamespaceGroup;
        endpoint = endpoint with { Spec = endpoint.Spec with { NamespaceGroup = group } };
        disk.Links[endpoint.Attachment.HostInterface] = identity;
        var number = 1 + disk.Endpoints.Values.Where(e => e.IsLinked && e.Spec.Id != id
            && e.Spec.NamespaceGroup == endpoint.Spec.NamespaceGroup
            && endpoint.Spec.NamespaceGroup.Length > 0).Select(e => (int)e.Attachment.Gateway4!.GetAddressBytes()[3])
            .DefaultIfEmpty(0).Max();
        var gateway = IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"169.254.1.{number}"));
        var default4 = number == 1 && endpoint.Attachment.Addresses.Any(a => a.BaseAddress.AddressFamily == AddressFamily.InterNetwork);
        var attachment = endpoint.Attachment with
        {
            PeerInterface = place.InterfaceName,
            Gateway4 = endpoint.IsLinked ? endpoint.Attachment.Gateway4 : gateway,
            Routes = !endpoint.Spec.Routes.IsEmpty ? endpoint.Spec.Routes
                : default4 ? [new Route(new IPNetwork(IPAddress.Any, 0), null)] : [],
        };
        return Store(endpoint with { IsLinked = true, NamespaceIdentity = identity, Attachment = attachment }).Attachment;
    }

    private void Remove(WorkloadEndpointId id, string? instance)
    {
        if (!disk.Endpoints.TryGetValue(id, out var endpoint))
        {
            return;
        }

        if (instance is not null && instance != endpoint.Spec.Instance)
        {
            FreeAll(endpoint.Superseded.GetValueOrDefault(instance, []), id);
            disk.Endpoints[id] = endpoint with { Superseded = endpoint.Superseded.Remove(instance) };
            return;
        }

        foreach (var addresses in endpoint.Superseded.Values.Append(endpoint.Bound))
        {
            FreeAll(addresses, id);
        }

        disk.Links.Remove(endpoint.Attachment.HostInterface);
        disk.Endpoints.Remove(id);
        Tell(id, EndpointState.Gone, "removed", last: true);
    }

    private void Undo(WorkloadEndpointId id, FakeEndpoint? before)
    {
        var failed = disk.Endpoints[id];
        FreeAll(failed.Bound.RemoveAll(a => before?.Bound.Contains(a) == true), id);
        disk.Links.Remove(failed.Attachment.HostInterface);
        if (before is null)
        {
            disk.Endpoints.Remove(id);
            return;
        }

        if (before.IsLinked)
        {
            disk.Links[before.Attachment.HostInterface] = before.NamespaceIdentity;
        }

        disk.Endpoints[id] = before;
    }

    private void FreeAll(ImmutableArray<IPAddress> addresses, WorkloadEndpointId id)
    {
        foreach (var address in addresses)
        {
            if (disk.Leases.TryGetValue(address, out var lease) && lease.BoundTo == id)
            {
                ipam.Free(lease);
            }
        }
    }

    /// <summary>Writes the record and tells whoever watches what state follows from it.</summary>
    private FakeEndpoint Store(FakeEndpoint endpoint)
    {
        var (state, reason) = !endpoint.IsLinked ? (EndpointState.Prepared, "no link")
            : endpoint.Spec.LabelsPending ? (EndpointState.Closed, "labels are not known yet")
            : (EndpointState.Enforced, "");
        var stored = endpoint with { Attachment = endpoint.Attachment with { State = state, Reason = reason } };
        disk.Endpoints[endpoint.Spec.Id] = stored;
        Tell(endpoint.Spec.Id, state, reason, last: false);
        return stored;
    }

    private void Tell(WorkloadEndpointId id, EndpointState state, string reason, bool last)
    {
        if (!_watchers.TryGetValue(id, out var list))
        {
            return;
        }

        foreach (var channel in list)
        {
            channel.Writer.TryWrite((state, reason));
            if (last)
            {
                channel.Writer.TryComplete();
            }
        }
    }

    private static Attachment AttachmentOf(EndpointSpec spec, ImmutableArray<IPNetwork> addresses)
    {
        // Upstream's rule, from the spec's side only: enough to be unique and stable here.
        var seed = spec.Id.Orchestrator == "k8s" ? spec.Id.Workload : spec.Id.ToString();
        var digest = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(seed));
        var mac = spec.Mac ?? new PhysicalAddress([0x02, .. digest.AsSpan(0, 5)]);
        return new Attachment(spec.Id, spec.Instance, "cali" + Convert.ToHexStringLower(digest)[..11], "", mac, spec.Mtu ?? 1500, addresses,
            addresses.Any(a => a.BaseAddress.AddressFamily == AddressFamily.InterNetwork) ? IPAddress.Parse("169.254.1.1") : null,
            addresses.Any(a => a.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6)
            ? IPAddress.Parse("fe80::ecee:eeff:feee:eeee") : null,
            [], EndpointState.Prepared, "") { Profiles = spec.Profiles, Network = spec.Network };
    }
}
