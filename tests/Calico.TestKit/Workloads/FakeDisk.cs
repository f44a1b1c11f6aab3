using System.Collections.Immutable;

namespace Calico.TestKit.Workloads;

/// <summary>What outlives a crash of the fake host: its log, the store's content and the kernel's links. Guarded by its own lock.</summary>
internal sealed class FakeDisk
{
    public Lock Lock { get; } = new();

    public Dictionary<WorkloadEndpointId, FakeEndpoint> Endpoints { get; } = [];

    public Dictionary<System.Net.IPAddress, AddressLease> Leases { get; } = [];

    /// <summary>Releases that the dead store has not seen.</summary>
    public List<AddressLease> Journal { get; } = [];

    /// <summary>Host-side interface → identity of the namespace of its peer (0: handed over).</summary>
    public Dictionary<string, ulong> Links { get; } = [];

    public Dictionary<string, ProfileDefaults> Profiles { get; } = [];

    public SortedDictionary<string, byte[]> NodeState { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, byte[]> ClusterState { get; } = new(StringComparer.Ordinal);

    public ImmutableArray<AddressPool> Pools { get; set; } = [];

    public bool StoreIsAlive { get; set; } = true;

    /// <summary>Addresses that may still be given out while the store is dead.</summary>
    public int Parked { get; set; } = 8;

    public ulong NextSequence { get; set; } = 1;
}
