using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;

namespace Calico.Host.Workloads.Profiles;

/// <content>Profiles in the store, and in the node log while it is away.</content>
internal sealed partial class HostProfiles
{
    /// <summary>Whose entries of the outbox are this part's.</summary>
    public const string OutboxOwner = "profiles";

    string IOutboxOwner.Name => OutboxOwner;

    bool IOutboxOwner.IsAlone => false;

    /// <summary>What the store has not taken yet, for the dataplane after a restart with a dead store: profiles, and removals of profiles
    /// that the last known state of the store still has. A person's that it has stays.</summary>
    public ImmutableArray<SyncUpdate> Pending()
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var entry in outbox.PendingOf(this))
        {
            var known = View.Find(AdapterProfile.KeyOf(NameOf(entry)));
            if (known is not null && !AdapterProfile.IsMade(known))
            {
                continue;
            }

            if (entry.Value is null)
            {
                if (known is not null && Covers(entry, known))
                {
                    updates.Add(known with { Value = null });
                }
            }
            else if (AdapterProfile.Read(NameOf(entry), entry.Value) is { Value: not null } profile)
            {
                updates.Add(profile);
            }
        }

        return updates.ToImmutable();
    }

    /// <summary>Brings what the store missed. Throws while it is away.</summary>
    public Task ReplayAsync(CancellationToken ct) => outbox.SendAsync(this, ct);

    Task<IDisposable> IOutboxOwner.HoldAsync(OutboxEntry entry, CancellationToken ct) => _locks.EnterAsync(NameOf(entry), ct);

    async ValueTask<bool> IOutboxOwner.MayWriteAsync(OutboxEntry entry, KeyValue? standing, CancellationToken ct)
    {
        var name = NameOf(entry);
        return entry.Value is null ? standing is not null && await MayDeleteAsync(entry, name, standing, ct)
            : Kinds.Profile.TryRead(AdapterProfile.Read(name, entry.Value), out var profile) && MayPut(name, profile, standing);
    }

    void IOutboxOwner.Settle(OutboxEntry entry, OutboxResult result)
    {
        var name = NameOf(entry);
        if (entry.Value is not null)
        {
            if (AdapterProfile.Read(name, entry.Value).Error is { } error)
            {
                Log.Dropped(logger, name, error);
            }
        }
        else if (result is { Outcome: OutboxOutcome.Left, Standing: not null } && View.Find(AdapterProfile.KeyOf(name)) is { } stays)
        {
            // It was out of force here since the removal was asked for, and sync does not repeat what has not changed.
            feed.Ahead(stays, stays, 0);
        }
    }

    /// <summary>Where nothing is, or over what an adapter made otherwise: a person's profile stays, and so does what cannot be read.
    /// </summary>
    private bool MayPut(string name, Resource<ProfileSpec> profile, KeyValue? standing)
    {
        if (standing is null)
        {
            return true;
        }

        var there = AdapterProfile.Read(name, standing.Value);
        if (there.Error is { } reason)
        {
            Log.Unusable(logger, name, reason);
        }

        return AdapterProfile.IsMade(there) && !(AdapterProfile.IsSame(there, profile) && AdapterProfile.UnusedSinceOf(there) is null);
    }

    /// <summary>What an adapter made: not a person's profile, nor one that an endpoint names, of whatever node. A removal that comes late
    /// is of the profile that this node knew: one with another uid was made again since.</summary>
    private async Task<bool> MayDeleteAsync(OutboxEntry entry, string name, KeyValue standing, CancellationToken ct)
    {
        var there = AdapterProfile.Read(name, standing.Value);
        return AdapterProfile.IsMade(there) && (entry.Number == 0 || Covers(entry, there)) && !(await UsedAsync([name], ct)).Contains(name);
    }

    /// <summary>Whether a removal is of this profile. Without remarks nothing was known of it, then it is whatever an adapter made.
    /// </summary>
    private static bool Covers(OutboxEntry removal, SyncUpdate there) =>
        removal.Remarks.IsEmpty || (there.Value?.Metadata.Uid is { } uid && removal.Remarks.Contains(uid));

    /// <returns>What stands now, or is journalled, and the store's revision then; 0: it was not asked.</returns>
    private async Task<(SyncUpdate Standing, long Revision)> PutAsync(string name, Resource<ProfileSpec> profile, CancellationToken ct)
    {
        var result = await outbox.WriteAsync(this, EntryOf(name) with { Value = AdapterProfile.Kind.Encode(profile) }, [], ct);
        if (result.Outcome == OutboxOutcome.Journalled)
        {
            Log.Later(logger, name, result.Reason);
        }

        return (result.Standing is { } standing ? AdapterProfile.Read(name, standing.Value) : new(AdapterProfile.KeyOf(name), profile),
            result.Revision);
    }

    private static OutboxEntry EntryOf(string name) => new() { Owner = OutboxOwner, Key = PathOf(name), Guard = OutboxGuard.Owner };

    private static string PathOf(string name) => AdapterProfile.Kind.Path(AdapterProfile.KeyOf(name));

    private static string NameOf(OutboxEntry entry) => entry.Key[AdapterProfile.Kind.Prefix.Length..];

    private bool IsJournalled(string name) => outbox.Pending(PathOf(name)) is not null;

    private Task ForgetAsync(string name, CancellationToken ct) => outbox.ForgetAsync(PathOf(name), ct);

    private ImmutableArray<string> KnownUids(string name)
    {
        var waits = outbox.Pending(PathOf(name));
        IEnumerable<string> uids =
        [
            View.Find(AdapterProfile.KeyOf(name))?.Value?.Metadata.Uid ?? "",
            _ensured.TryGetValue(name, out var made) ? made.Uid : "",
            // It may have reached the store although the answer was lost.
            waits?.Value is { } value ? AdapterProfile.Read(name, value).Value?.Metadata.Uid ?? "" : "",
            .. waits?.Remarks ?? [],
        ];
        return [.. uids.Where(u => u.Length > 0).Distinct()];
    }
}
