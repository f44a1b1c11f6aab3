using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;

namespace Calico.Host.Node;

/// <summary>What a former version, which had a journal for each part, had not brought to the store yet.</summary>
/// <remarks>Sections of the node log: <c>profiles/&lt;name&gt;</c>, a profile or a <see cref="ProfileRemoval"/>;
/// <c>ipam/writes/&lt;number&gt;</c>, a <see cref="FormerWrites"/>. What cannot be read is left alone.</remarks>
internal static class FormerJournals
{
    private const string Profiles = "profiles/";
    private const string Writes = "ipam/writes/";

    /// <summary>Makes entries of the outbox of them, in their order. Nothing happens where there are none.</summary>
    public static async Task TakeOverAsync(INodeLog log, Outbox outbox, CancellationToken ct)
    {
        var done = ImmutableArray.CreateBuilder<NodeLogWrite>();
        var entries = ImmutableArray.CreateBuilder<OutboxEntry>();
        foreach (var (key, value) in log.List(Profiles).Concat(log.List(Writes)))
        {
            if (Read(key, value) is { } read)
            {
                entries.AddRange(read);
                done.Add(new(key, null));
            }
        }

        if (done.Count > 0)
        {
            await outbox.JournalAsync(entries.ToImmutable(), done.ToImmutable(), ct);
        }
    }

    private static IEnumerable<OutboxEntry>? Read(string key, ReadOnlyMemory<byte> value)
    {
        if (!key.StartsWith(Profiles, StringComparison.Ordinal))
        {
            return ReadWrites(value)?.Select(w => new OutboxEntry { Owner = NodeIpam.OutboxOwner, Key = w.Key, Value = w.Value });
        }

        var removal = ProfileRemoval.Read(value);
        return
        [
            new()
            {
                Owner = HostProfiles.OutboxOwner,
                Key = Kinds.Profile.Path(Kinds.Profile.Key(key[Profiles.Length..])),
                Guard = OutboxGuard.Owner,
                Value = removal is null ? value.ToArray() : null,
                Remarks = removal?.Uids ?? [],
            },
        ];
    }

    private static ImmutableArray<FormerWrite>? ReadWrites(ReadOnlyMemory<byte> value)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Span, FormerJson.Default.FormerWrites) is { Writes.IsDefault: false } read
                && read.Writes.All(w => w.Key is not null)
                ? read.Writes
                : null;
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return null;
        }
    }
}

/// <summary>Writes that belonged together; a null value deletes.</summary>
internal sealed record FormerWrites(long Number, ImmutableArray<FormerWrite> Writes);

/// <summary>One of them.</summary>
internal sealed record FormerWrite(string Key, byte[]? Value);

[JsonSerializable(typeof(FormerWrites))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class FormerJson : JsonSerializerContext;
