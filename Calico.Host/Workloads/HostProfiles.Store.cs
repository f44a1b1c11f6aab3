using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;

namespace Calico.Host.Workloads;

/// <content>Profiles in the store, and in the node log while it is away.</content>
internal sealed partial class HostProfiles
{
    private const string Section = "profiles/";

    // Whoever loses as often has a rival that never stops.
    private const int MaxAttempts = 10;

    /// <summary>What the store has not taken yet, for the dataplane after a restart with a dead store: profiles, and removals of profiles
    /// that the last known state of the store still has. A person's that it has stays.</summary>
    public ImmutableArray<SyncUpdate> Pending()
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var (entry, value) in log.List(Section))
        {
            var name = entry[Section.Length..];
            var known = View.Find(AdapterProfile.KeyOf(name));
            if (known is not null && !AdapterProfile.IsMade(known))
            {
                continue;
            }

            if (ProfileRemoval.Read(value) is { } removal)
            {
                if (known is not null && removal.Covers(known.Value!.Metadata.Uid))
                {
                    updates.Add(known with { Value = null });
                }
            }
            else if (AdapterProfile.Read(name, value) is { Value: not null } profile)
            {
                updates.Add(profile);
            }
        }

        return updates.ToImmutable();
    }

    /// <summary>Brings what the store missed. Throws while it is away.</summary>
    public async Task ReplayAsync(CancellationToken ct)
    {
        foreach (var name in log.List(Section).Select(e => e.Key[Section.Length..]))
        {
            using var hold = await _locks.EnterAsync(name, ct);
            if (log.Get(Section + name) is { } value)
            {
                await ReplayAsync(name, value, ct);
                await ForgetAsync(name, ct);
            }
        }
    }

    private async Task ReplayAsync(string name, ReadOnlyMemory<byte> value, CancellationToken ct)
    {
        if (ProfileRemoval.Read(value) is { } removal)
        {
            if ((IsUsedHere(name) || !(await DeleteAsync(name, removal, ct)).IsGone) && View.Find(AdapterProfile.KeyOf(name)) is { } stays)
            {
                // It was out of force here since the removal was asked for, and sync does not repeat what has not changed.
                feed.Ahead(stays, stays, 0);
            }
        }
        else if (Kinds.Profile.TryRead(AdapterProfile.Read(name, value), out var profile))
        {
            await WriteAsync(name, profile, ct);
        }
        else
        {
            Log.Dropped(logger, name, AdapterProfile.Read(name, value).Error ?? "not a profile");
        }
    }

    /// <returns>What stands now, or is journalled, and the store's revision then; 0: it was not asked.</returns>
    private async Task<(SyncUpdate Standing, long Revision)> PutAsync(string name, Resource<ProfileSpec> profile, CancellationToken ct)
    {
        var value = AdapterProfile.Kind.Encode(profile);
        var isJournalled = IsJournalled(name);
        if (isJournalled)
        {
            // First: a crash after the write must not bring what waits there, a removal even, over it.
            await log.CommitAsync([new(Section + name, value)], ct);
        }

        using var timeUp = new CancellationTokenSource(StorePatience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            var written = await WriteAsync(name, profile, patience.Token);
            await ForgetAsync(name, ct);
            return written;
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            if (!isJournalled)
            {
                await log.CommitAsync([new(Section + name, value)], ct);
            }

            Log.Later(logger, name, e.Message);
            return (new(AdapterProfile.KeyOf(name), profile), 0);
        }
    }

    /// <summary>Writes where nothing is, or over what an adapter made otherwise: a person's profile stays, and so does what cannot be read.</summary>
    /// <returns>What stands then, ours or not: that is what counts.</returns>
    private async Task<(SyncUpdate Standing, long Revision)> WriteAsync(string name, Resource<ProfileSpec> profile, CancellationToken ct)
    {
        var put = new StoreOperation.Put(AdapterProfile.Kind.Path(AdapterProfile.KeyOf(name)), AdapterProfile.Kind.Encode(profile));
        var expected = StoreCompare.Absent(put.Key);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var outcome = await store.CommitAsync(new([expected], [put], [new StoreOperation.Get(put.Key)]), ct);
            if (outcome.Succeeded)
            {
                return (new(AdapterProfile.KeyOf(name), profile), outcome.Revision);
            }

            if (outcome.Results[0] is not [var stored])
            {
                expected = StoreCompare.Absent(put.Key);
                continue;
            }

            var there = AdapterProfile.Read(name, stored.Value);
            if (there.Error is { } reason)
            {
                Log.Unusable(logger, name, reason);
            }

            if (!AdapterProfile.IsMade(there) || (AdapterProfile.IsSame(there, profile) && AdapterProfile.UnusedSinceOf(there) is null))
            {
                return (there, outcome.Revision);
            }

            expected = StoreCompare.At(put.Key, stored.ModRevision);
        }

        throw new CalicoException(Problem.Conflict, $"profile '{name}' was changed by others {MaxAttempts} times while it was being written");
    }

    /// <summary>Deletes what an adapter made, as it was read: a person's profile stays, one that changes meanwhile, and one that an endpoint
    /// of another node names.</summary>
    /// <returns>Whether there is none now, and since which revision; 0: there was none.</returns>
    private async Task<(bool IsGone, long Revision)> DeleteAsync(string name, ProfileRemoval removal, CancellationToken ct)
    {
        var key = AdapterProfile.Kind.Path(AdapterProfile.KeyOf(name));
        if (await store.GetAsync(key, 0, ct) is not { } stored)
        {
            return (true, 0);
        }

        var there = AdapterProfile.Read(name, stored.Value);
        if (!AdapterProfile.IsMade(there) || !removal.Covers(there.Value!.Metadata.Uid) || (await UsedAsync([name], ct)).Contains(name))
        {
            return (false, 0);
        }

        var outcome = await store.CommitAsync(new([StoreCompare.At(key, stored.ModRevision)], [new StoreOperation.Delete(key)], []), ct);
        return (outcome.Succeeded, outcome.Revision);
    }

    private bool IsJournalled(string name) => log.Get(Section + name) is not null;

    private async Task ForgetAsync(string name, CancellationToken ct)
    {
        if (IsJournalled(name))
        {
            await log.CommitAsync([new(Section + name, null)], ct);
        }
    }

    private IEnumerable<string> KnownUids(string name)
    {
        var journalled = log.Get(Section + name);
        var removed = journalled is null ? null : ProfileRemoval.Read(journalled.Value);
        return
        [
            View.Find(AdapterProfile.KeyOf(name))?.Value?.Metadata.Uid ?? "",
            _ensured.TryGetValue(name, out var made) ? made.Uid : "",
            // It may have reached the store although the answer was lost.
            journalled is null || removed is not null ? "" : AdapterProfile.Read(name, journalled.Value).Value?.Metadata.Uid ?? "",
            .. removed?.Uids ?? [],
        ];
    }
}
