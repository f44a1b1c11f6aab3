using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>The facts as the store has them at the time of each question. A value that cannot be read counts as absent.</summary>
public sealed class StoreIpamFacts(IKeyValueStore store) : IIpamFacts
{
    public async ValueTask<ImmutableArray<IpamPool>> PoolsAsync(CancellationToken ct)
    {
        var range = await store.ListAsync(Kinds.IpPool.Prefix, 0, ct);
        return [.. range.Items.Select(PoolOf).OfType<IpamPool>().OrderBy(p => p.Name, StringComparer.Ordinal)];
    }

    public async ValueTask<AddressSet> ReservationsAsync(CancellationToken ct)
    {
        var range = await store.ListAsync(Kinds.IpReservation.Prefix, 0, ct);
        var texts = new List<string?>();
        foreach (var item in range.Items)
        {
            using var document = Parse(item.Value);
            if (document is not null && TryGet(document.RootElement, out var cidrs, "spec", "reservedCIDRs")
                && cidrs.ValueKind == JsonValueKind.Array)
            {
                texts.AddRange(cidrs.EnumerateArray().Where(c => c.ValueKind == JsonValueKind.String).Select(c => c.GetString()));
            }
        }

        return AddressSet.Read(texts);
    }

    public async ValueTask<IReadOnlyDictionary<string, string>?> NodeLabelsAsync(string node, CancellationToken ct) =>
        await LabelsAsync(Kinds.Node.Path(Kinds.Node.Key(node)), "metadata", "labels", "", ct);

    /// <remarks>Without Kubernetes a namespace's labels are what its profile <c>kns.&lt;name&gt;</c> gives, under <c>pcns.</c></remarks>
    public async ValueTask<IReadOnlyDictionary<string, string>?> NamespaceLabelsAsync(string name, CancellationToken ct) =>
        await LabelsAsync(Kinds.Profile.Path(Kinds.Profile.Key($"kns.{name}")), "spec", "labelsToApply", "pcns.", ct);

    public async ValueTask<IpamConfigValue> ConfigAsync(CancellationToken ct) =>
        await store.GetAsync(IpamKeys.Config, 0, ct) is { } stored
            && Read(stored, value => ResourceJson.Read<IpamConfigValue>(value.Span)) is { } config
            ? config
            : IpamConfigValue.Default;

    private static IpamPool? PoolOf(KeyValue item) => Read(item, value => IpamPool.From(Kinds.IpPool.DecodeStored(value)));

    private static T? Read<T>(KeyValue item, Func<ReadOnlyMemory<byte>, T?> read) where T : class
    {
        try
        {
            return read(item.Value);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            // The sync path says so, once, with its key; here the value does not exist.
            return null;
        }
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> value)
    {
        try
        {
            return JsonDocument.Parse(value);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool TryGet(JsonElement element, out JsonElement found, params ReadOnlySpan<string> path)
    {
        found = element;
        foreach (var name in path)
        {
            if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(name, out found))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<ImmutableDictionary<string, string>?> LabelsAsync(string key, string part, string field, string prefix,
        CancellationToken ct)
    {
        if (await store.GetAsync(key, 0, ct) is not { } stored)
        {
            return null;
        }

        using var document = Parse(stored.Value);
        if (document is null || !TryGet(document.RootElement, out var labels, part, field) || labels.ValueKind != JsonValueKind.Object)
        {
            return ImmutableDictionary<string, string>.Empty;
        }

        return labels.EnumerateObject()
            .Where(l => l.Value.ValueKind == JsonValueKind.String && l.Name.StartsWith(prefix, StringComparison.Ordinal))
            .ToImmutableDictionary(l => l.Name[prefix.Length..], l => l.Value.GetString()!);
    }
}
