using System.Collections.Immutable;
using Calico.Datastore.Sync;

namespace Calico.Host.Node;

/// <summary>The one way of what stands in the store to the host's view and to the dataplane.</summary>
/// <remarks>Sync tells everything, in order. The host may tell a single thing ahead of it, so that a workload does not wait for the way
/// round; what sync has told of it meanwhile is newer and is not told over. Safe from any thread.</remarks>
/// <param name="view">Holds what sync told.</param>
/// <param name="next">The dataplane; called under a lock, so it returns at once.</param>
internal sealed class StoreFeed(DatastoreView view, Action<SyncBatch> next) : IStoreFollower
{
    private readonly Lock _order = new();

    /// <summary>What a former process was told and sync has not told yet; null: sync has told everything.</summary>
    private HashSet<ResourceKey>? _remembered;

    /// <summary>What sync has told, while what a former process was told may still come; null: it is not expected.</summary>
    private HashSet<ResourceKey>? _told;

    /// <summary>Sync has told everything: what a former process was told is of no use any more.</summary>
    private bool _isWhole;

    public DatastoreView View => view;

    /// <summary>Sync begins before <see cref="Remember"/>, which may come yet.</summary>
    public void Expect()
    {
        lock (_order)
        {
            _told = [];
        }
    }

    /// <summary>What a former process was told last, a portion of it, in force until sync tells more. Before sync begins, or after
    /// <see cref="Expect"/>: then what sync has told is newer and stays.</summary>
    public void Remember(SyncBatch snapshot)
    {
        lock (_order)
        {
            if (_isWhole)
            {
                return;
            }

            if (_told is { Count: > 0 } told)
            {
                snapshot = snapshot with { Updates = snapshot.Updates.RemoveAll(u => told.Contains(u.Key)) };
            }

            _remembered ??= [];
            foreach (var update in snapshot.Updates)
            {
                _ = update.Value is null && update.Error is null ? _remembered.Remove(update.Key) : _remembered.Add(update.Key);
            }

            view.Accept(snapshot);
            next(snapshot);
        }
    }

    /// <summary>What sync tells. Its first list has no word about what went while nobody listened: that is told as gone when the list
    /// has ended.</summary>
    public void Accept(SyncBatch batch)
    {
        lock (_order)
        {
            _told?.UnionWith(batch.Updates.Select(u => u.Key));
            var whole = WithGone(batch);
            (_isWhole, _told) = batch.Status == SyncStatus.InSync ? (true, null) : (_isWhole, _told);
            view.Accept(whole);
            next(whole);
        }
    }

    void IStoreFollower.Accept(SyncBatch batch, SyncStatus before) => Accept(batch);

    /// <summary>Tells the dataplane alone, unless sync has told this or something newer.</summary>
    /// <param name="update">What stands, or will as soon as the store answers.</param>
    /// <param name="seen">What the view had of the key when this was decided.</param>
    /// <param name="revision">Of the store when it stood so; 0: the store was not asked, then any word of sync since counts as newer.
    /// </param>
    public void Ahead(SyncUpdate update, SyncUpdate? seen, long revision)
    {
        lock (_order)
        {
            var sync = view.Sync;
            var isTold = revision > 0 ? sync.Status == SyncStatus.InSync && sync.Revision >= revision
                : !ReferenceEquals(view.Find(update.Key), seen);
            if (!isTold)
            {
                // "Resync" adds a state and says nothing about the rest: whether all is known only sync itself says.
                next(new(SyncStatus.Resync, sync.Revision, [update]));
            }
        }
    }

    private SyncBatch WithGone(SyncBatch batch)
    {
        if (_remembered is not { } remembered)
        {
            return batch;
        }

        remembered.ExceptWith(batch.Updates.Select(u => u.Key));
        if (batch.Status != SyncStatus.InSync)
        {
            return batch;
        }

        _remembered = null;
        return batch with { Updates = [.. batch.Updates, .. remembered.Select(key => new SyncUpdate(key, null))] };
    }
}
