using System.Collections.Concurrent;
using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads.Profiles;

/// <summary>Profiles that adapters make for their networks: in force on this node at once, in the store as soon as it answers.</summary>
/// <remarks>What is enforced is what stands in the store; an adapter's own stands there only where nothing did, or an adapter's.</remarks>
/// <param name="feed">Hands a profile to the dataplane without the way round through the store's watch.</param>
/// <param name="viewLifetime">How old the view may be for its word that a profile still stands; see the collection.</param>
internal sealed partial class HostProfiles(Outbox outbox, IKeyValueStore store, StoreFeed feed, EndpointBook book, TimeSpan viewLifetime,
    TimeProvider time, ILogger<HostProfiles> logger) : IProfiles, IOutboxOwner
{
    private readonly ConcurrentDictionary<string, EnsuredProfile> _ensured = new();

    /// <summary>One change of a profile at a time: what is journalled would otherwise be brought over what was written since.</summary>
    private readonly KeyedLocks<string> _locks = new();

    private DatastoreView View => feed.View;

    public async Task<string> EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        var stored = StoredNames.Subdomain(name);
        if (AdapterProfile.Kind.Synthetic.Any(p => p.Metadata.Name == stored))
        {
            throw new CalicoException(Problem.Invalid,
                $"'{name}' is the name of a profile that is built in and lets everybody in: call the network otherwise", "name");
        }

        var labels = defaults.LabelsToApply.Count > 0 ? defaults.LabelsToApply
            : ImmutableSortedDictionary<string, string>.Empty.Add(name, "");
        await EnsureStoredAsync(stored, defaults with
        {
            LabelsToApply = labels.ToImmutableSortedDictionary(l => StoredNames.LabelKey(l.Key), l => l.Value, StringComparer.Ordinal),
        }, ct);
        return stored;
    }

    public Task RemoveAsync(string name, CancellationToken ct) => RemoveStoredAsync(StoredNames.Subdomain(name), ct);

    /// <summary>What stands, also of a profile that was made here just now and that the store, or its watch, has not told of yet.</summary>
    public SyncUpdate? Find(ResourceKey key)
    {
        if (View.Find(key) is { } told)
        {
            return told;
        }

        return outbox.Pending(PathOf(key.Name)) is { } waits ? waits.Value is { } value ? AdapterProfile.Read(key.Name, value) : null
            : _ensured.TryGetValue(key.Name, out var made)
            ? new(key, AdapterProfile.Make(key.Name, made.Defaults, time.GetUtcNow())) : null;
    }

    private async Task EnsureStoredAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        using var hold = await _locks.EnterAsync(name, ct);
        var found = View.Find(AdapterProfile.KeyOf(name));
        var isSure = found is not null && AdapterProfile.UnusedSinceOf(found) is null
            && (View.Sync.Age <= viewLifetime || IsJournalled(name));
        if (isSure && _ensured.TryGetValue(name, out var last) && last.Fitting is { } fitting && ReferenceEquals(fitting.Standing, found)
            && fitting.Asked.KeepsInternal == defaults.KeepsInternal && Same(fitting.Asked, defaults))
        {
            // What stands is that object still, so it is what it was; its fingerprint would be made half a dozen times for each workload.
            return;
        }

        var asked = defaults;
        defaults = defaults with { Internal = (defaults.KeepsInternal ? AdapterProfile.IsInternal(found) : null) ?? defaults.Internal };
        if (found is not null && !AdapterProfile.IsMade(found))
        {
            // A person's, readable or not: theirs to shape.
            if (!isSure || !_ensured.TryGetValue(name, out var known) || known.Uid.Length > 0)
            {
                await ForgetAsync(name, ct);
                _ensured[name] = new(defaults, "");
            }

            return;
        }

        // Who comes to a network that stands is let in to it and opens it to nobody: what was decided when it was made is kept.
        var profile = AdapterProfile.Make(name, defaults with { OpenIngress = AdapterProfile.IsOpen(found) ?? defaults.OpenIngress },
            time.GetUtcNow());
        if (AdapterProfile.Kind.Validate(profile) is { IsEmpty: false } errors)
        {
            throw new CalicoException(Problem.Invalid, $"the network's name '{name}' cannot be a profile: {errors[0].Message}", "name");
        }

        if (AdapterProfile.IsOfAnotherSort(found, profile))
        {
            throw new CalicoException(Problem.AlreadyExists,
                $"'{name}' is the name of a profile that was made for something else (a network, published ports or a machine)", "name");
        }

        // What stands is looked at, too: whatever wrote over it is not left to stand.
        if (isSure && _ensured.TryGetValue(name, out var before) && Same(before.Defaults, defaults)
            && AdapterProfile.IsSame(found, profile))
        {
            _ensured.TryUpdate(name, before with { Fitting = new(found!, asked) }, before);
            return;
        }

        if (isSure && AdapterProfile.IsSame(found, profile))
        {
            // Made before this process started, or by another node. Told again: a removal that was not carried out took it out of force.
            await ForgetAsync(name, ct);
            feed.Ahead(found!, found, 0);
            _ensured[name] = new(defaults, found!.Value!.Metadata.Uid ?? "");
            return;
        }

        var (standing, revision) = await PutAsync(name, profile, ct);
        // Felix has it before the caller connects its first endpoint.
        feed.Ahead(standing, found, revision);
        _ensured[name] = new(defaults, AdapterProfile.IsMade(standing) ? standing.Value!.Metadata.Uid ?? "" : "");
    }

    private async Task RemoveStoredAsync(string name, CancellationToken ct)
    {
        using var hold = await _locks.EnterAsync(name, ct);
        if (IsUsedHere(name))
        {
            return;
        }

        var found = View.Find(AdapterProfile.KeyOf(name));
        var result = await outbox.TryAsync(this, EntryOf(name), [], ct);
        if (result.Outcome == OutboxOutcome.Unanswered && (found is null || AdapterProfile.IsMade(found)))
        {
            await outbox.JournalAsync([EntryOf(name) with { Remarks = KnownUids(name) }], [], ct);
            Log.RemovedLater(logger, name, result.Reason);
        }
        else
        {
            await ForgetAsync(name, ct);
        }

        var isGone = result.Outcome == OutboxOutcome.Unanswered ? found is null || AdapterProfile.IsMade(found)
            : result.Outcome == OutboxOutcome.Written || result.Standing is null;
        if (isGone)
        {
            // The store tells nothing of a profile that it never had.
            feed.Ahead(new(AdapterProfile.KeyOf(name), null), found, result.Revision);
        }

        _ensured.TryRemove(name, out _);
    }

    private bool IsUsedHere(string name) => book.All.Any(l => l.Record.Profiles.Contains(name));

    private static bool Same(ProfileDefaults a, ProfileDefaults b) =>
        a.Internal == b.Internal && a.OpenIngress == b.OpenIngress && a.LabelsToApply.SequenceEqual(b.LabelsToApply)
        && a.OpenPorts.SequenceEqual(b.OpenPorts) && a.Peers.SequenceEqual(b.Peers);

    private static partial class Log
    {
        [LoggerMessage(1121, LogLevel.Warning, "profile {Name}: the store does not answer ({Reason}); in force here, written there later")]
        public static partial void Later(ILogger logger, string name, string reason);

        [LoggerMessage(1122, LogLevel.Warning,
            "profile {Name}: the store does not answer ({Reason}); out of force here, removed there later")]
        public static partial void RemovedLater(ILogger logger, string name, string reason);

        [LoggerMessage(1170, LogLevel.Error,
            "profile {Name}: what the node log has of it cannot be read and is dropped; the next container of "
                + "that network makes it anew: {Reason}")]
        public static partial void Dropped(ILogger logger, string name, string reason);

        [LoggerMessage(1171, LogLevel.Warning,
            "profile {Name}: what stands in the store cannot be used and denies: {Reason}; mend it (calicoctl replace) "
                + "or delete it, then it is made anew")]
        public static partial void Unusable(ILogger logger, string name, string reason);

        [LoggerMessage(1172, LogLevel.Information, "profile {Name}: collected; no endpoint has named it since {Since:u}")]
        public static partial void Collected(ILogger logger, string name, DateTimeOffset since);
    }
}
