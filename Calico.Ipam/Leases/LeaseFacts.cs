using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>Pools, reservations, labels and configuration: as they are followed or read, and as they were last seen, for answers that do
/// not wait for the store.</summary>
internal sealed partial class LeaseFacts
{
    private const string Key = LeaseLedger.Section + "facts";

    private readonly LeaseBasis _basis;
    private readonly CachedIpamFacts? _own;
    private readonly Lock _gate = new();
    private KnownFacts _known = new();

    public LeaseFacts(LeaseBasis basis)
    {
        _basis = basis;
        _own = basis.Options.Facts is null ? new(new StoreIpamFacts(basis.Store), basis.Options.FactsLifetime, basis.Time) : null;
        Source = basis.Options.Facts ?? _own!;
    }

    public IIpamFacts Source { get; }

    /// <summary>Whether they may be out of date by design: read from the store, and kept for a while.</summary>
    public bool AreKept => _own is not null;

    /// <summary>Asks the store again next time.</summary>
    public void Forget() => _own?.Forget();

    /// <summary>What a former process saw last.</summary>
    public void Load()
    {
        var known = Read();
        lock (_gate)
        {
            _known = known;
        }
    }

    /// <summary>Takes them into memory and log, so that the rules are known when the store is dead, also at the next start.</summary>
    public async Task<KnownFacts> KeepAsync(CancellationToken ct)
    {
        var config = await Source.ConfigAsync(ct);
        var known = new KnownFacts
        {
            Pools = await Source.PoolsAsync(ct),
            Reserved = await Source.ReservationsAsync(ct),
            NodeLabels = await Source.NodeLabelsAsync(_basis.Options.NodeName, ct),
            StrictAffinity = config.StrictAffinity,
            Cools = config.IpCooldownSeconds > 0,
            OwnBlocks = config.StrictAffinity ? await OwnBlocksAsync(ct) : [],
        };
        lock (_gate)
        {
            _known = known;
        }

        var text = JsonSerializer.SerializeToUtf8Bytes(LoggedFacts.From(known), LeaseJson.Default.LoggedFacts);
        if (_basis.Log.Get(Key) is not { } before || !before.Span.SequenceEqual(text))
        {
            await _basis.Log.CommitAsync([new(Key, text)], ct);
        }

        return known;
    }

    /// <summary>The rules for an answer that does not wait for the store: what is followed in memory now, and else as it was last seen.
    /// </summary>
    /// <param name="ns">The namespace whose labels decide too; empty: none.</param>
    public async Task<(KnownFacts Known, IReadOnlyDictionary<string, string>? NamespaceLabels)> RecallAsync(string ns)
    {
        // Over before it begins: only what is in memory answers.
        var memory = new CancellationToken(canceled: true);
        KnownFacts last;
        lock (_gate)
        {
            last = _known;
        }

        var config = await RecallAsync(() => Source.ConfigAsync(memory), null!);
        var known = last with
        {
            Pools = await RecallAsync(() => Source.PoolsAsync(memory), last.Pools),
            Reserved = await RecallAsync(() => Source.ReservationsAsync(memory), last.Reserved),
            NodeLabels = await RecallAsync(() => Source.NodeLabelsAsync(_basis.Options.NodeName, memory), last.NodeLabels),
            StrictAffinity = config?.StrictAffinity ?? last.StrictAffinity,
            Cools = config is null ? last.Cools : config.IpCooldownSeconds > 0,
        };
        return (known, ns.Length == 0 ? null : await RecallAsync(() => Source.NamespaceLabelsAsync(ns, memory), null));
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
        var (change, owner) = (new IpamChange(_basis.Store, _basis.Cache), new AffinityOwner(_basis.Options.NodeName));
        return [.. (await change.AffineBlocksAsync(owner, 4, ct)).Concat(await change.AffineBlocksAsync(owner, 6, ct))
            .Select(b => b.ToString())];
    }

    private KnownFacts Read()
    {
        try
        {
            return _basis.Log.Get(Key) is { } stored && JsonSerializer.Deserialize(stored.Span, LeaseJson.Default.LoggedFacts) is { } facts
                ? facts.ToKnown()
                : new();
        }
        catch (Exception e) when (e is JsonException or CalicoException)
        {
            Log.Damaged(_basis.Logger, Key, e.Message);
            return new();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Error, "the node log's entry {Key} cannot be read and is left alone: {Reason}")]
        public static partial void Damaged(ILogger logger, string key, string reason);
    }
}
