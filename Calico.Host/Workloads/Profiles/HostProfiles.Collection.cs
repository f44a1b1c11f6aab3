using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;

namespace Calico.Host.Workloads.Profiles;

/// <content>Collection of profiles that adapters made and no endpoint of any node names any more.</content>
/// <remarks>
/// Who else writes: every node's adapters, people, and every node's collection. An ADD on another node looks at its own view of the store
/// and writes nothing where the profile stands, so a comparison alone does not see it. Therefore two steps, <see cref="Grace"/> apart: the
/// profile is noted as unused, and is deleted only as it was noted and still unused. An ADD that sees the note takes it away, which
/// makes the deletion fail; one whose view is older than <c>viewLifetime</c>, and may not have the note yet, journals the profile, so that
/// the upkeep makes it again. An endpoint that reaches the store late restores its profiles then.
/// </remarks>
internal sealed partial class HostProfiles
{
    /// <summary>Between note and deletion; many times what a view may be behind, and what clocks of nodes may differ.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(10);

    // One node at a time looks: the look lists every endpoint of the cluster.
    private const string TurnKey = "/calico/net/v1/profiles-looked-at";

    private static readonly ImmutableArray<ResourceKind> UserKinds = [Kinds.WorkloadEndpoint, Kinds.HostEndpoint];

    /// <summary>One round, if it is this node's turn; cheap otherwise.</summary>
    /// <returns>How many were deleted.</returns>
    public async Task<int> CollectAsync(CancellationToken ct)
    {
        var now = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());
        if (View.Sync.Status != SyncStatus.InSync || !await TakeTurnAsync(now, ct))
        {
            return 0;
        }

        var made = (await store.ListAsync(AdapterProfile.Kind.Prefix, 0, ct)).Items
            .Select(i => (Item: i, State: AdapterProfile.Read(i.Key[AdapterProfile.Kind.Prefix.Length..], i.Value)))
            .Where(p => AdapterProfile.IsMade(p.State)).ToList();
        if (made.Count == 0)
        {
            return 0;
        }

        // Read after the profiles: who came before their revision is seen.
        var used = await UsedAsync([.. made.Select(p => p.State.Key.Name)], ct);
        var collected = 0;
        foreach (var (item, state) in made.Where(p => !used.Contains(p.State.Key.Name)))
        {
            collected += await CollectAsync(item, state, now, ct) ? 1 : 0;
        }

        return collected;
    }

    /// <summary>After endpoints of this node reached the store late: their profiles may have been collected meanwhile.</summary>
    public async Task RestoreAsync(CancellationToken ct)
    {
        foreach (var (name, made) in _ensured.Where(e => e.Value.Uid.Length > 0 && IsUsedHere(e.Key)))
        {
            using var hold = await _locks.EnterAsync(name, ct);
            var found = View.Find(AdapterProfile.KeyOf(name));
            var (standing, revision) = await PutAsync(name, AdapterProfile.Make(name, made.Defaults, time.GetUtcNow()), ct);
            feed.Ahead(standing, found, revision);
        }
    }

    private async Task<bool> CollectAsync(KeyValue item, SyncUpdate state, DateTimeOffset now, CancellationToken ct)
    {
        var name = state.Key.Name;
        using var hold = await _locks.EnterAsync(name, ct);
        if (IsUsedHere(name))
        {
            return false;
        }

        var since = AdapterProfile.UnusedSinceOf(state);
        // A note from the future is of a clock that was set back since: written anew.
        if (since is null || since > now)
        {
            var noted = AdapterProfile.Kind.Encode(AdapterProfile.NoteUnused(state.Value!, now));
            // Changed meanwhile: it is in use again, or a person's; the next round sees.
            await store.CommitAsync(new([StoreCompare.At(item.Key, item.ModRevision)], [new StoreOperation.Put(item.Key, noted)], []), ct);
            return false;
        }

        if (now - since < Grace
            || !(await store.CommitAsync(new([StoreCompare.At(item.Key, item.ModRevision)], [new StoreOperation.Delete(item.Key)], []),
                ct)).Succeeded)
        {
            return false;
        }

        _ensured.TryRemove(name, out _);
        Log.Collected(logger, name, since.Value);
        return true;
    }

    private async Task<bool> TakeTurnAsync(DateTimeOffset now, CancellationToken ct)
    {
        var seconds = now.ToUnixTimeSeconds();
        var last = await store.GetAsync(TurnKey, 0, ct);
        if (last is { Value.Length: sizeof(long) } && seconds - BinaryPrimitives.ReadInt64BigEndian(last.Value.Span) is >= 0 and var ago
            && ago < Grace.TotalSeconds)
        {
            return false;
        }

        var stamp = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(stamp, seconds);
        return (await store.CommitAsync(new([StoreCompare.At(TurnKey, last?.ModRevision ?? 0)], [new StoreOperation.Put(TurnKey, stamp)],
            []), ct)).Succeeded;
    }

    /// <summary>Which of the profiles are named by an endpoint, on whatever node. An endpoint that cannot be read names all whose name is
    /// anywhere in its text; one that is gone here, which the store does not know yet, names none.</summary>
    private async Task<HashSet<string>> UsedAsync(ImmutableArray<string> names, CancellationToken ct)
    {
        var used = new HashSet<string>(names.Where(IsUsedHere));
        foreach (var kind in UserKinds)
        {
            // In portions: these are the endpoints of all nodes.
            await foreach (var item in store.PagesAsync(kind.Prefix, 0, ct).SelectMany(page => page.Items))
            {
                if (outbox.Pending(item.Key) is { Value: null })
                {
                    continue;
                }

                var named = NamedBy(item.Value);
                var text = named is null ? Encoding.UTF8.GetString(item.Value.Span) : "";
                used.UnionWith(named is null ? names.Where(n => text.Contains(n, StringComparison.Ordinal)) : named);
            }
        }

        return used;
    }

    /// <summary>The profiles that a stored endpoint names; null: it cannot be read.</summary>
    private static ImmutableArray<string>? NamedBy(ReadOnlyMemory<byte> endpoint)
    {
        try
        {
            using var document = JsonDocument.Parse(endpoint);
            return !document.RootElement.GetProperty("spec").TryGetProperty("profiles", out var profiles)
                || profiles.ValueKind == JsonValueKind.Null ? []
                : [.. profiles.EnumerateArray().Select(p => p.GetString() ?? "")];
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e) || e is KeyNotFoundException)
        {
            return null;
        }
    }
}
