using System.Collections.Immutable;
using System.Text.Json;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;

namespace Calico.Cli.Commands.Policy;

/// <summary>What a dry run would have changed: resources with their fields, and the connections that are lost or gained.</summary>
internal sealed class PolicyPreview
{
    private PolicyPreview(ImmutableArray<ResourceChange> resources, DifferenceText flows) => (Resources, Flows) = (resources, flows);

    internal ImmutableArray<ResourceChange> Resources { get; }

    internal DifferenceText Flows { get; }

    /// <summary>Kinds of which a change can change what a workload reaches.</summary>
    private static readonly ImmutableArray<ResourceKind> Deciding =
    [
        Kinds.Profile, Kinds.Tier, Kinds.NetworkPolicy, Kinds.GlobalNetworkPolicy, Kinds.NetworkSet, Kinds.GlobalNetworkSet,
        Kinds.WorkloadEndpoint,
    ];

    /// <summary>Whether connections can be lost or gained at all: with many endpoints, looking takes its time.</summary>
    internal static bool IsOfPolicy(CliSession session) => session.Changes.Any(change =>
        ResourceKinds.All.TryParsePath(change.Key, out _, out var key) && Deciding.Any(kind => kind.Name == key.Kind));

    /// <summary>Compares the store as it is with what the session's dry run would have made of it.</summary>
    internal static async Task<PolicyPreview> OfAsync(CliSession session, CancellationToken ct)
    {
        var changes = session.Changes.ToDictionary(change => change.Key, StringComparer.Ordinal);
        var after = (await session.Store.ListAsync(ResourceKind.Root, 0, ct)).Items;
        var before = after.Where(item => !changes.ContainsKey(item.Key))
            .Concat(changes.Values.Select(change => change.Before).OfType<KeyValue>());
        var (stored, changed) = (Decode(before), Decode(after));
        var names = changed.Concat(stored).DistinctBy(update => update.Key).ToDictionary(update => update.Key);
        var difference = PolicyDifference.Between(ClusterPolicy.Compile(stored), ClusterPolicy.Compile(changed));
        return new([.. changes.Values.Select(ResourceChange.Of).OfType<ResourceChange>()],
            new(difference, key => Kinds.WorkloadEndpoint.TryRead(names[key], out var endpoint) ? EndpointName.Of(endpoint) : key.Name));
    }

    private static ImmutableArray<SyncUpdate> Decode(IEnumerable<KeyValue> items) =>
        [.. items.Select(item => ResourceKinds.All.TryDecode(item.Key, item.Value, out var update) ? update : null).OfType<SyncUpdate>()];

    /// <summary>A resource that would be written or deleted.</summary>
    /// <param name="Key">Which.</param>
    /// <param name="Change"><c>created</c>, <c>changed</c> or <c>deleted</c>.</param>
    /// <param name="Fields">Of one that is changed.</param>
    internal sealed record ResourceChange(ResourceKey Key, string Change,
        ImmutableArray<(string Path, string? Before, string? After)> Fields)
    {
        internal static ResourceChange? Of((string Key, KeyValue? Before, KeyValue? After) change)
        {
            if (!ResourceKinds.All.TryParsePath(change.Key, out _, out var key))
            {
                return null;
            }

            if (change is not { Before: { } before, After: { } after })
            {
                return new(key, change.After is null ? "deleted" : "created", []);
            }

            // What cannot be read has no fields: it is replaced as a whole.
            var (old, now) = (TryParse(before.Value), TryParse(after.Value));
            return new(key, "changed", old is { } was && now is { } will ? FieldChanges.Between(was, will) : []);
        }

        private static JsonElement? TryParse(ReadOnlyMemory<byte> value)
        {
            try
            {
                using var document = JsonDocument.Parse(value);
                return document.RootElement.Clone();
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }
}
