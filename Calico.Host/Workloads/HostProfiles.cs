using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Profiles that adapters make for their networks: in force on this node at once, in the store as soon as it answers.</summary>
/// <param name="enforce">Hands a batch to the dataplane without the way round through the store's watch.</param>
public sealed partial class HostProfiles(INodeLog log, IKeyValueStore store, DatastoreView view, EndpointBook book, Action<SyncBatch> enforce,
    TimeProvider time, ILogger<HostProfiles> logger) : IProfiles
{
    private const string Section = "profiles/";

    /// <summary>Who made it, and a fingerprint of what: a profile whose spec is another now was edited, and is a person's from then on.</summary>
    private const string MadeBy = "net.calico/made-by";
    private const string Adapter = "adapter";
    private const int FingerprintBytes = 8;

    private static readonly TimeSpan StorePatience = TimeSpan.FromMilliseconds(50);

    private static readonly ResourceKind Kind = ResourceKinds.All["Profile"];

    private readonly ConcurrentDictionary<string, (ProfileDefaults Defaults, string Uid)> _ensured = new();

    /// <summary>One change of a profile at a time: what is journalled would otherwise be brought over what was written since.</summary>
    private readonly KeyedLocks<string> _locks = new();

    public async Task<string> EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        var stored = StoredNames.Subdomain(name);
        var labels = defaults.LabelsToApply.Count > 0 ? defaults.LabelsToApply : ImmutableSortedDictionary<string, string>.Empty.Add(name, "");
        await EnsureStoredAsync(stored, defaults with
        {
            LabelsToApply = labels.ToImmutableSortedDictionary(l => StoredNames.LabelKey(l.Key), l => l.Value, StringComparer.Ordinal),
        }, ct);
        return stored;
    }

    public Task RemoveAsync(string name, CancellationToken ct) => RemoveStoredAsync(StoredNames.Subdomain(name), ct);

    /// <summary>What the store has not taken yet, for the dataplane after a restart with a dead store: profiles, and removals of profiles
    /// that the last known state of the store still has.</summary>
    public ImmutableArray<SyncUpdate> Pending()
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var (entry, value) in log.List(Section))
        {
            var key = KeyOf(entry[Section.Length..]);
            if (ProfileRemoval.Read(value) is not { } removal)
            {
                updates.Add(new(key, Kind.DecodeStored(value)));
            }
            else if (view.Find(key) is { } known && IsAdapters(known) && removal.Covers(known.Metadata.Uid))
            {
                updates.Add(new(key, null));
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
            if (log.Get(Section + name) is not { } value)
            {
                continue;
            }

            if (ProfileRemoval.Read(value) is not { } removal)
            {
                await WriteAsync(name, value, ct);
            }
            else if (!IsUsed(name))
            {
                await DeleteAsync(name, removal, ct);
            }

            await ForgetAsync(name, ct);
        }
    }

    private async Task EnsureStoredAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        using var hold = await _locks.EnterAsync(name, ct);
        var key = KeyOf(name);
        var found = view.Find(key);
        if (found is not null && _ensured.TryGetValue(name, out var before) && Same(before.Defaults, defaults))
        {
            return;
        }

        if (found is not null && !IsAdapters(found))
        {
            // A person's: theirs to shape.
            await ForgetAsync(name, ct);
            _ensured[name] = (defaults, "");
            return;
        }

        var profile = Make(name, defaults);
        if (Kind.Validate(profile) is { IsEmpty: false } errors)
        {
            throw new CalicoException(Problem.Invalid, $"the network's name '{name}' cannot be a profile: {errors[0].Message}", "name");
        }

        if (found is not null && MarkOf(found) == MarkOf(profile))
        {
            // Made before this process started, or by another node.
            await ForgetAsync(name, ct);
            _ensured[name] = (defaults, found.Metadata.Uid ?? "");
            return;
        }

        await PutAsync(profile, ct);
        // Felix has it before the caller connects its first endpoint.
        Enforce(new(key, profile));
        _ensured[name] = (defaults, profile.Metadata.Uid ?? "");
    }

    private async Task RemoveStoredAsync(string name, CancellationToken ct)
    {
        using var hold = await _locks.EnterAsync(name, ct);
        if (IsUsed(name))
        {
            return;
        }

        var isGone = true;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(StorePatience);
        try
        {
            isGone = await DeleteAsync(name, new(), patience.Token);
            await ForgetAsync(name, ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            if (view.Find(KeyOf(name)) is { } found && !IsAdapters(found))
            {
                isGone = false;
                await ForgetAsync(name, ct);
            }
            else
            {
                await log.CommitAsync([new(Section + name, ProfileRemoval.Write(KnownUids(name)))], ct);
                Log.RemovedLater(logger, name, e.Message);
            }
        }

        if (isGone)
        {
            // The store tells nothing of a profile that it never had.
            Enforce(new(KeyOf(name), null));
        }

        _ensured.TryRemove(name, out _);
    }

    private async Task PutAsync(Resource<ProfileSpec> profile, CancellationToken ct)
    {
        var name = profile.Metadata.Name;
        var value = Kind.Encode(profile);
        var isJournalled = log.Get(Section + name) is not null;
        if (isJournalled)
        {
            // First: a crash after the write must not bring what waits there, a removal even, over it.
            await log.CommitAsync([new(Section + name, value)], ct);
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(StorePatience);
        try
        {
            await WriteAsync(name, value, patience.Token);
            await ForgetAsync(name, ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            if (!isJournalled)
            {
                await log.CommitAsync([new(Section + name, value)], ct);
            }

            Log.Later(logger, name, e.Message);
        }
    }

    /// <summary>Writes where nothing is, or over what an adapter made otherwise: a person's profile stays.</summary>
    private async Task WriteAsync(string name, ReadOnlyMemory<byte> value, CancellationToken ct)
    {
        var put = new StoreOperation.Put(Kind.Path(KeyOf(name)), value);
        var written = await store.CommitAsync(new([StoreCompare.Absent(put.Key)], [put], [new StoreOperation.Get(put.Key)]), ct);
        if (!written.Succeeded && written.Results[0] is [var stored] && Read(stored) is { } there && IsAdapters(there)
            && MarkOf(there) != MarkOf(Kind.DecodeStored(value)))
        {
            await store.CommitAsync(new([StoreCompare.At(stored.Key, stored.ModRevision)], [put], []), ct);
        }
    }

    /// <summary>Deletes what an adapter made, as it was read: a person's profile stays, and one that changes meanwhile.</summary>
    /// <returns>Whether there is none now.</returns>
    private async Task<bool> DeleteAsync(string name, ProfileRemoval removal, CancellationToken ct)
    {
        var key = Kind.Path(KeyOf(name));
        if (await store.GetAsync(key, 0, ct) is not { } stored)
        {
            return true;
        }

        return Read(stored) is { } profile && IsAdapters(profile) && removal.Covers(profile.Metadata.Uid)
            && (await store.CommitAsync(new([StoreCompare.At(key, stored.ModRevision)], [new StoreOperation.Delete(key)], []), ct)).Succeeded;
    }

    private async Task ForgetAsync(string name, CancellationToken ct)
    {
        if (log.Get(Section + name) is not null)
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
            view.Find(KeyOf(name))?.Metadata.Uid ?? "",
            _ensured.TryGetValue(name, out var made) ? made.Uid : "",
            // It may have reached the store although the answer was lost.
            journalled is null || removed is not null ? "" : Kind.DecodeStored(journalled.Value).Metadata.Uid ?? "",
            .. removed?.Uids ?? [],
        ];
    }

    // "Resync" adds a state and says nothing about the rest: whether all is known only sync itself says.
    private void Enforce(SyncUpdate update) => enforce(new(SyncStatus.Resync, view.Sync.Revision, [update]));

    private bool IsUsed(string name) => book.All.Any(l => l.Record.Profiles.Contains(name));

    /// <summary>Whether an adapter made it and nobody has edited it since. Without a fingerprint it is of a version that wrote none.</summary>
    private static bool IsAdapters(Resource? profile) => profile is Resource<ProfileSpec> typed
        && MarkOf(profile) is { } mark && (mark == Adapter || mark == Mark(typed.Metadata.Name, typed.Spec));

    private static string? MarkOf(Resource profile) => profile.Metadata.Annotations?.GetValueOrDefault(MadeBy);

    private static string Mark(string name, ProfileSpec spec)
    {
        var bare = Kind.Encode(new Resource<ProfileSpec> { Kind = "Profile", Metadata = new() { Name = name }, Spec = spec });
        return $"{Adapter}/{Convert.ToHexStringLower(SHA256.HashData(bare).AsSpan(0, FingerprintBytes))}";
    }

    /// <summary>Null: not readable, and therefore nothing of ours.</summary>
    private static Resource? Read(KeyValue stored)
    {
        try
        {
            return Kind.DecodeStored(stored.Value);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private Resource<ProfileSpec> Make(string name, ProfileDefaults defaults)
    {
        var labels = defaults.LabelsToApply;
        var members = new EntityRule { Selector = string.Join(" && ", labels.Keys.Select(k => $"has({k})")) };
        var allow = new Rule { Action = "Allow" };
        var spec = new ProfileSpec
        {
            LabelsToApply = labels,
            Ingress = [defaults.OpenIngress && !defaults.Internal ? allow : allow with { Source = members }],
            Egress = [defaults.Internal ? allow with { Destination = members } : allow],
        };
        return new()
        {
            Kind = "Profile",
            Metadata = new()
            {
                Name = name,
                Uid = Guid.NewGuid().ToString(),
                CreationTimestamp = time.GetUtcNow(),
                Annotations = ImmutableSortedDictionary<string, string>.Empty.Add(MadeBy, Mark(name, spec)),
            },
            Spec = spec,
        };
    }

    private static bool Same(ProfileDefaults a, ProfileDefaults b) =>
        a.Internal == b.Internal && a.OpenIngress == b.OpenIngress && a.LabelsToApply.SequenceEqual(b.LabelsToApply);

    private static ResourceKey KeyOf(string name) => new("Profile", "", name);

    private static partial class Log
    {
        [LoggerMessage(1121, LogLevel.Warning, "profile {Name}: the store does not answer ({Reason}); in force here, written there later")]
        public static partial void Later(ILogger logger, string name, string reason);

        [LoggerMessage(1122, LogLevel.Warning, "profile {Name}: the store does not answer ({Reason}); out of force here, removed there later")]
        public static partial void RemovedLater(ILogger logger, string name, string reason);
    }
}
