using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Store;

namespace Calico.Ipam;

public sealed partial class NodeIpam
{
    private const string FactsKey = LeaseLedger.Section + "facts";

    /// <summary>Takes the facts into memory and log, so that the rules are known when the store is dead, also at the next start.</summary>
    private async Task<KnownFacts> KeepFactsAsync(CancellationToken ct)
    {
        var config = await _facts.ConfigAsync(ct);
        var known = new KnownFacts
        {
            Pools = await _facts.PoolsAsync(ct),
            Reserved = await _facts.ReservationsAsync(ct),
            NodeLabels = await _facts.NodeLabelsAsync(_options.NodeName, ct),
            StrictAffinity = config.StrictAffinity,
            Cools = config.IpCooldownSeconds > 0,
            OwnBlocks = config.StrictAffinity ? await OwnBlocksAsync(ct) : [],
        };
        lock (_gate)
        {
            _known = known;
        }

        var text = JsonSerializer.SerializeToUtf8Bytes(LoggedFacts.From(known), LeaseJson.Default.LoggedFacts);
        if (_log.Get(FactsKey) is not { } before || !before.Span.SequenceEqual(text))
        {
            await _log.CommitAsync([new(FactsKey, text)], ct);
        }

        return known;
    }

    /// <summary>The rules for an answer that does not wait for the store: what is followed in memory now, and else as it was last seen.</summary>
    private async Task<(KnownFacts Known, IReadOnlyDictionary<string, string>? NamespaceLabels)> RecallAsync(string ns)
    {
        // Over before it begins: only what is in memory answers.
        var memory = new CancellationToken(canceled: true);
        KnownFacts last;
        lock (_gate)
        {
            last = _known;
        }

        var config = await RecallAsync(() => _facts.ConfigAsync(memory), null!);
        var known = last with
        {
            Pools = await RecallAsync(() => _facts.PoolsAsync(memory), last.Pools),
            Reserved = await RecallAsync(() => _facts.ReservationsAsync(memory), last.Reserved),
            NodeLabels = await RecallAsync(() => _facts.NodeLabelsAsync(_options.NodeName, memory), last.NodeLabels),
            StrictAffinity = config?.StrictAffinity ?? last.StrictAffinity,
            Cools = config is null ? last.Cools : config.IpCooldownSeconds > 0,
        };
        return (known, ns.Length == 0 ? null : await RecallAsync(() => _facts.NamespaceLabelsAsync(ns, memory), null));
    }

    private static async Task<T> RecallAsync<T>(Func<ValueTask<T>> ask, T last)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is OperationCanceledException or CalicoException)
        {
            return last;
        }
    }

    private async Task<ImmutableHashSet<string>> OwnBlocksAsync(CancellationToken ct)
    {
        var (change, owner) = (new IpamChange(_store, _cache), new AffinityOwner(_options.NodeName));
        return [.. (await change.AffineBlocksAsync(owner, 4, ct)).Concat(await change.AffineBlocksAsync(owner, 6, ct)).Select(b => b.ToString())];
    }

    private KnownFacts ReadFacts()
    {
        try
        {
            return _log.Get(FactsKey) is { } stored && JsonSerializer.Deserialize(stored.Span, LeaseJson.Default.LoggedFacts) is { } facts
                ? facts.ToKnown()
                : new();
        }
        catch (Exception e) when (e is JsonException or CalicoException)
        {
            Log.DamagedEntry(_logger, FactsKey, e.Message);
            return new();
        }
    }
}
