using System.Collections.Immutable;
using System.Diagnostics;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Linux.Nftables;

namespace Calico.Benchmarks.Policy;

/// <summary>From a value of the store to the kernel as a node goes, step by step and without a loop: decoded, calculated, rendered,
/// committed.</summary>
internal sealed class PolicyNode : IDisposable
{
    public const string Name = "node-a";

    private readonly CalculationGraph _graph = new(Name);
    private readonly RulesetTranslator _policy = new(new() { NodeName = Name });
    private readonly TableReconciler _table;
    private long _revision;

    public PolicyNode(BenchHost host)
    {
        Kernel = new(host.Broker.Run(host.Host, () => NftSocket.Open()));
        _table = new(Kernel, new() { NodeName = Name });
    }

    public TimedNftables Kernel { get; }

    public Ruleset Ruleset => _policy.Ruleset;

    /// <summary>Rules that the kernel holds of ours.</summary>
    public int Rules => Ruleset.Chains.Values.Sum(chain => chain.Rules.Length);

    public void Set(LocalEndpoint endpoint) => _graph.Set(endpoint);

    /// <summary>One change, until the kernel holds it: what is done for packets that are under way follows, and is not counted.</summary>
    /// <returns>All of it, of it what follows the calculation, and of that the kernel's part, ms.</returns>
    public (double All, double Rendered, double Kernel) Apply(params StoredValue[] values)
    {
        Kernel.Begin();
        var begun = Stopwatch.GetTimestamp();
        _graph.Apply(new(SyncStatus.InSync, ++_revision, [.. values.Select(v => v.Decode())]));
        var updates = _graph.Flush();
        var calculated = Stopwatch.GetTimestamp();
        foreach (var update in updates)
        {
            _policy.Apply(update);
        }

        _table.Commit(Ruleset);
        return (Stopwatch.GetElapsedTime(begun).TotalMilliseconds, Stopwatch.GetElapsedTime(calculated).TotalMilliseconds,
            Kernel.Milliseconds);
    }

    /// <summary>The grace period is over: what waits for it is committed.</summary>
    /// <returns>ms, of which in the kernel.</returns>
    public (double All, double Kernel) EndGrace()
    {
        Kernel.Begin();
        var begun = Stopwatch.GetTimestamp();
        while (Ruleset.IsPending)
        {
            Ruleset.Hurry();
            _table.Commit(Ruleset);
        }

        return (Stopwatch.GetElapsedTime(begun).TotalMilliseconds, Kernel.Milliseconds);
    }

    public void Dispose() => _table.Dispose();
}
