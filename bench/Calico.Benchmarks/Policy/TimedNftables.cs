using System.Collections.Immutable;
using System.Diagnostics;
using Calico.Linux.Nftables;

namespace Calico.Benchmarks.Policy;

/// <summary>The kernel, with a clock at its door: how long messages took that were sent, from the first byte to the answer.</summary>
/// <remarks>That is the floor of whoever sends them: the same messages, and nothing else done.</remarks>
public sealed class TimedNftables(INftables kernel) : INftables
{
    private readonly HashSet<string> _chains = new(StringComparer.Ordinal);

    public uint PortId => kernel.PortId;

    /// <summary>In commits since <see cref="Begin"/>, ms.</summary>
    public double Milliseconds { get; private set; }

    /// <summary>Messages of those commits.</summary>
    public int Messages { get; private set; }

    /// <summary>Chains whose rules they wrote.</summary>
    public IReadOnlyCollection<string> Chains => _chains;

    public void Begin()
    {
        (Milliseconds, Messages) = (0, 0);
        _chains.Clear();
    }

    public void Commit(NftBatch batch, uint? generation = null)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            if (batch[i] is { Kind: NftObjectKind.Rule, Verb: "add" } rule)
            {
                _chains.Add(rule.Name);
            }
        }

        Messages += batch.Count;
        var begun = Stopwatch.GetTimestamp();
        kernel.Commit(batch, generation);
        Milliseconds += Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    public void Check(NftBatch batch) => kernel.Check(batch);

    public NftTableState? ReadTable(NftTable table, bool withElements = true) => kernel.ReadTable(table, withElements);

    public ImmutableArray<NftTable> ListTables() => kernel.ListTables();

    public uint? FindOwner(NftTable table) => kernel.FindOwner(table);

    public ImmutableArray<NftCounterState> ListCounters(NftTable table) => kernel.ListCounters(table);

    public void Dispose() => kernel.Dispose();
}
