using System.Collections.Concurrent;
using System.Collections.Immutable;
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
    private const string MadeBy = "net.calico/made-by";
    private static readonly TimeSpan StorePatience = TimeSpan.FromMilliseconds(50);

    private static readonly ResourceKind Kind = ResourceKinds.All["Profile"];

    private readonly ConcurrentDictionary<string, ProfileDefaults> ensured = new();

    public async Task EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        var key = new ResourceKey("Profile", "", name);
        var found = view.Find(key);
        if (found is not null && ensured.TryGetValue(name, out var before) && Same(before, defaults))
        {
            return;
        }

        if (found is not null && found.Metadata.Annotations?.ContainsKey(MadeBy) != true)
        {
            // A person's: theirs to shape.
            ensured[name] = defaults;
            return;
        }

        var profile = Make(name, defaults);
        if (Kind.Validate(profile) is { IsEmpty: false } errors)
        {
            throw new CalicoException(Problem.Invalid, $"the network's name '{name}' cannot be a profile: {errors[0].Message}", "name");
        }

        await PutAsync(profile, ct);
        // Felix has it before the caller connects its first endpoint.
        enforce(new(SyncStatus.InSync, view.Sync.Revision, [new(key, profile)]));
        ensured[name] = defaults;
    }

    public async Task RemoveAsync(string name, CancellationToken ct)
    {
        if (book.All.Any(l => l.Record.Profiles.Contains(name)))
        {
            return;
        }

        var found = view.Find(new("Profile", "", name));
        if (found?.Metadata.Annotations?.ContainsKey(MadeBy) == true)
        {
            await store.CommitAsync(new StoreTransaction(new StoreOperation.Delete(KeyOf(name))), ct);
        }

        await log.CommitAsync([new(Section + name, null)], ct);
        ensured.TryRemove(name, out _);
    }

    /// <summary>Profiles that the store has not taken yet, for the dataplane after a restart with a dead store.</summary>
    public ImmutableArray<SyncUpdate> Pending() =>
        [.. from entry in log.List(Section)
            let name = entry.Key[Section.Length..]
            let profile = Kind.DecodeStored(entry.Value) as Resource<ProfileSpec>
            where profile is not null
            select new SyncUpdate(new("Profile", "", name), profile)];

    /// <summary>Writes what the store missed. Throws while it is away.</summary>
    public async Task ReplayAsync(CancellationToken ct)
    {
        foreach (var (key, value) in log.List(Section))
        {
            await WriteAsync(key[Section.Length..], value, ct);
            await log.CommitAsync([new(key, null)], ct);
        }
    }

    private async Task PutAsync(Resource<ProfileSpec> profile, CancellationToken ct)
    {
        var name = profile.Metadata.Name;
        var value = Kind.Encode(profile);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(StorePatience);
        try
        {
            await WriteAsync(name, value, patience.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            await log.CommitAsync([new(Section + name, value)], ct);
            Log.Later(logger, name, e.Message);
        }
    }

    /// <summary>Writes where nothing is, or what an adapter made: a person's profile stays.</summary>
    private async Task WriteAsync(string name, ReadOnlyMemory<byte> value, CancellationToken ct)
    {
        var put = new StoreOperation.Put(KeyOf(name), value);
        var written = await store.CommitAsync(new([StoreCompare.Absent(put.Key)], [put], [new StoreOperation.Get(put.Key)]), ct);
        if (!written.Succeeded && written.Results[0] is [var stored]
            && Kind.DecodeStored(stored.Value)?.Metadata.Annotations?.ContainsKey(MadeBy) == true)
        {
            // Lost to another node: it made the same profile of the same network.
            await store.CommitAsync(new([StoreCompare.At(stored.Key, stored.ModRevision)], [put], []), ct);
        }
    }

    private Resource<ProfileSpec> Make(string name, ProfileDefaults defaults)
    {
        var labels = defaults.LabelsToApply.Count > 0 ? defaults.LabelsToApply : ImmutableSortedDictionary<string, string>.Empty.Add(name, "");
        var members = new EntityRule { Selector = string.Join(" && ", labels.Keys.Select(k => $"has({k})")) };
        var allow = new Rule { Action = "Allow" };
        return new()
        {
            Kind = "Profile",
            Metadata = new()
            {
                Name = name,
                Uid = Guid.NewGuid().ToString(),
                CreationTimestamp = time.GetUtcNow(),
                Annotations = ImmutableSortedDictionary<string, string>.Empty.Add(MadeBy, "adapter"),
            },
            Spec = new()
            {
                LabelsToApply = labels,
                Ingress = [defaults.OpenIngress && !defaults.Internal ? allow : allow with { Source = members }],
                Egress = [defaults.Internal ? allow with { Destination = members } : allow],
            },
        };
    }

    private static bool Same(ProfileDefaults a, ProfileDefaults b) =>
        a.Internal == b.Internal && a.OpenIngress == b.OpenIngress && a.LabelsToApply.SequenceEqual(b.LabelsToApply);

    private static string KeyOf(string name) => $"/calico/resources/v3/projectcalico.org/profiles/{name}";

    private static partial class Log
    {
        [LoggerMessage(1121, LogLevel.Warning, "profile {Name}: the store does not answer ({Reason}); in force here, written there later")]
        public static partial void Later(ILogger logger, string name, string reason);
    }
}
