using System.Collections.Immutable;
using System.Net;

namespace Calico.TestKit.Workloads;

/// <summary>A node as one adapter sees it: the contracts over memory, scripted failures, a crash that keeps what is on disk.</summary>
public sealed class FakeNode
{
    private readonly FakeDisk _disk = new();
    private readonly string _adapter;
    private readonly TimeProvider _time;

    public FakeNode(string adapter, TimeProvider? time = null)
    {
        (_adapter, _time) = (adapter, time ?? TimeProvider.System);
        _disk.Pools =
        [
            new AddressPool("pool4", IPNetwork.Parse("10.65.0.0/24"), 26, Disabled: false),
            new AddressPool("pool6", IPNetwork.Parse("fd80:24e2:f998:72d6::/112"), 122, Disabled: false),
        ];
        Namespaces = new FakeNamespaces(Faults);
        Start();
    }

    public FaultPlan Faults { get; } = new();

    public FakeHostStatus Status { get; } = new();

    public FakeNamespaces Namespaces { get; }

    public IWorkloadNetwork Network { get; private set; } = null!;

    public IWorkloadDataplane Dataplane { get; private set; } = null!;

    public IIpam Ipam { get; private set; } = null!;

    public IProfiles Profiles { get; private set; } = null!;

    public IPluginState State { get; private set; } = null!;

    public ImmutableArray<AddressPool> Pools
    {
        get => _disk.Pools;
        set => _disk.Pools = value;
    }

    /// <summary>The host's records, for assertions.</summary>
    public ImmutableArray<FakeEndpoint> Endpoints => Read(d => d.Endpoints.Values.ToImmutableArray());

    public ImmutableArray<AddressLease> Leases => Read(d => d.Leases.Values.ToImmutableArray());

    public ImmutableArray<string> Links => Read(d => d.Links.Keys.ToImmutableArray());

    public ImmutableDictionary<string, ProfileDefaults> MadeProfiles => Read(d => d.Profiles.ToImmutableDictionary());

    /// <summary>A new process over the same disk and kernel; it settles what lost its link.</summary>
    public void Crash() => Start().SettleLost();

    /// <summary>A link goes without a call.</summary>
    public void LoseLink(string hostInterface) => Read(d => d.Links.Remove(hostInterface));

    public void KillStore() => Read(d => d.StoreIsAlive = false);

    public void ReviveStore() => Read(d =>
    {
        d.StoreIsAlive = true;
        d.Journal.Clear();
        return true;
    });

    /// <summary>The namespace dies and takes the peers of its links along.</summary>
    public void DestroyNamespace(NetworkNamespace networkNamespace)
    {
        ArgumentNullException.ThrowIfNull(networkNamespace);
        Namespaces.Destroy(networkNamespace.ToString());
        Read(d =>
        {
            foreach (var name in d.Links.Where(l => l.Value == networkNamespace.Identity).Select(l => l.Key).ToArray())
            {
                d.Links.Remove(name);
            }

            return true;
        });
    }

    private FakeWorkloads Start()
    {
        var ipam = new FakeIpam(_disk, Faults, _adapter, _time);
        var workloads = new FakeWorkloads(_disk, ipam, Faults, _adapter);
        (Network, Dataplane, Ipam) = (workloads, workloads, ipam);
        Profiles = new FakeProfiles(_disk, Faults);
        State = new FakePluginState(_disk, Faults);
        return workloads;
    }

    private T Read<T>(Func<FakeDisk, T> read)
    {
        lock (_disk.Lock)
        {
            return read(_disk);
        }
    }
}
