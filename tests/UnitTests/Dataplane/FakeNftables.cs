using System.Collections.Immutable;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;

namespace Calico.UnitTests.Dataplane;

/// <summary>A kernel that forgets all it is told: each reading finds <see cref="Holds"/>.</summary>
internal sealed class FakeNftables : INftables
{
    private readonly Queue<Errno> _refusals = [];

    public List<ImmutableArray<string>> Commits { get; } = [];

    /// <summary>On which each commit insisted; null: on none.</summary>
    public List<uint?> Generations { get; } = [];

    /// <summary>What a reading finds; null: no table.</summary>
    public NftTableState? Holds { get; set; }

    public int Reads { get; private set; }

    public bool RefuseReading { get; set; }

    public uint? Owner { get; set; }

    public uint PortId => 1;

    public void Refuse(Errno errno, int times)
    {
        for (var i = 0; i < times; i++)
        {
            _refusals.Enqueue(errno);
        }
    }

    public void Commit(NftBatch batch, uint? generation = null)
    {
        Generations.Add(generation);
        Commits.Add([.. Enumerable.Range(0, batch.Count).Select(i => batch[i].ToString())]);
        if (_refusals.TryDequeue(out var errno))
        {
            throw new NftCommitException([new(0, batch[0], errno, null)]);
        }
    }

    public void Check(NftBatch batch)
    {
    }

    public NftTableState? ReadTable(NftTable table, bool withElements = true)
    {
        Reads++;
        if (RefuseReading)
        {
            RefuseReading = false;
            throw new NetlinkInterruptedException("read table");
        }

        return Holds;
    }

    public ImmutableArray<NftTable> ListTables() => [];

    public uint? FindOwner(NftTable table) => Owner;

    public ImmutableArray<NftCounterState> ListCounters(NftTable table) => [];

    public void Dispose()
    {
    }
}
