using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Reporting;

/// <summary>Keeps the status of this node's endpoints in the store as it is, where FelixConfiguration wants it there.</summary>
/// <remarks>
/// Nothing waits in the node log: what is to be written follows from what is, so what the store missed is written when it answers. A status
/// is written when two looks found the same, so that one that flaps is not written each time; all that is due in one transaction.
/// What somebody else changed or deleted is found by a list, every minute. When it is turned off, what was written goes.
/// </remarks>
/// <param name="store">Where to.</param>
/// <param name="node">This node.</param>
/// <param name="settings">What is wanted now.</param>
/// <param name="look">The statuses now, by key, for a region; null: not known yet, nothing is said.</param>
/// <param name="basis">Clock and health.</param>
internal sealed class EndpointStatusWriter(IKeyValueStore store, string node, Func<EndpointReporting> settings,
    Func<string, CancellationToken, Task<ImmutableDictionary<string, string>?>> look, HostBasis basis)
{
    /// <summary>Of etcd's 128 operations a transaction.</summary>
    private const int MaxWrites = 100;

    /// <summary>A change of the settings is seen within this time, whatever the delay was.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    /// <summary>"0" is no reason to ask without a pause.</summary>
    private static readonly TimeSpan ShortestDelay = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan ListInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly UpkeepRound _round = new(basis.Health, basis.Loggers.CreateLogger<EndpointStatusWriter>());
    private ImmutableDictionary<string, string> _seen = ImmutableDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>Null: what the store has is not known.</summary>
    private ImmutableDictionary<string, string>? _written;

    private string _region = EndpointStatusKeys.NoRegion;
    private long _listedAt;

    /// <summary>Until cancelled. What was written stays when the host stops, as upstream's.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var (time, last) = (basis.Time, 0L);
        while (true)
        {
            var wanted = settings();
            var delay = wanted.Delay > ShortestDelay ? wanted.Delay : ShortestDelay;
            await Task.Delay(delay < Step ? delay : Step, time, ct);
            if (time.GetElapsedTime(last) >= delay)
            {
                last = time.GetTimestamp();
                await _round.RunAsync("endpoint status", ct, () => KeepAsync(ct));
            }
        }
    }

    /// <summary>Once.</summary>
    public async Task KeepAsync(CancellationToken ct)
    {
        var wanted = settings();
        if (!wanted.IsEnabled && _written is { Count: 0 })
        {
            return;
        }

        using var limit = new CancellationTokenSource(Patience, basis.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        var now = wanted.IsEnabled ? await look(wanted.Region, either.Token) : ImmutableDictionary<string, string>.Empty;
        if (now is null)
        {
            return;
        }

        await ListAsync(wanted.Region, either.Token);
        var due = now.Keys.Concat(_written!.Keys).Distinct(StringComparer.Ordinal)
            .Where(key => now.GetValueOrDefault(key) is var status && status != _written.GetValueOrDefault(key)
                && status == _seen.GetValueOrDefault(key))
            .Order(StringComparer.Ordinal).Take(MaxWrites).ToImmutableArray();
        _seen = now;
        if (due.IsEmpty)
        {
            return;
        }

        var former = _written;
        // Whether a write that got no answer was made is not known.
        _written = null;
        await store.CommitAsync(new([.. due.Select(key => now.TryGetValue(key, out var value)
            ? (StoreOperation)new StoreOperation.Put(key, Encoding.UTF8.GetBytes(value)) : new StoreOperation.Delete(key))]), either.Token);
        _written = due.Aggregate(former, (all, key) => now.TryGetValue(key, out var value) ? all.SetItem(key, value) : all.Remove(key));
    }

    /// <summary>Of a region that was left what was written there is still known, and goes.</summary>
    private async Task ListAsync(string region, CancellationToken ct)
    {
        if (_written is not null && basis.Time.GetElapsedTime(_listedAt) < ListInterval && region == _region)
        {
            return;
        }

        var found = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        string[] regions = region == _region ? [region] : [region, _region];
        foreach (var prefix in regions.Select(r => EndpointStatusKeys.Workloads(r, node)).Append(EndpointStatusKeys.HostEndpoints(node)))
        {
            await foreach (var page in store.PagesAsync(prefix, 0, ct))
            {
                found.AddRange(page.Items.Select(item => KeyValuePair.Create(item.Key, Encoding.UTF8.GetString(item.Value.Span))));
            }
        }

        _written = found.ToImmutable();
        (_listedAt, _region) = (basis.Time.GetTimestamp(), region);
    }
}
