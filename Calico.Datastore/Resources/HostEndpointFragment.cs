using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources;

/// <summary>What can still be read of a host endpoint that is not valid: which interface of which host it means. There nothing passes but
/// the failsafe ports, and every other host is left alone.</summary>
internal static class HostEndpointFragment
{
    /// <summary>A field of the wrong type is as if it were absent.</summary>
    /// <returns>Null: it is no host endpoint, no JSON, or says no node.</returns>
    public static Resource? Read(ResourceKey key, ReadOnlyMemory<byte> value)
    {
        if (!Kinds.HostEndpoint.Owns(key))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(value);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("spec", out var spec)
                && spec.ValueKind == JsonValueKind.Object && Text(spec, "node") is { Length: > 0 } node
                ? Kinds.HostEndpoint.New(new ObjectMeta { Name = key.Name, Labels = Labels(root) }, new()
                {
                    Node = node,
                    InterfaceName = Text(spec, "interfaceName"),
                    ExpectedIps = Texts(spec, "expectedIPs"),
                })
                : null;
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return null;
        }
    }

    // Rules that select it, as a peer, go on meaning its addresses.
    private static ImmutableSortedDictionary<string, string>? Labels(JsonElement root) =>
        root.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object
        && metadata.TryGetProperty("labels", out var labels) && labels.ValueKind == JsonValueKind.Object
        ? labels.EnumerateObject().Where(label => label.Value.ValueKind == JsonValueKind.String).DistinctBy(label => label.Name)
            .ToImmutableSortedDictionary(label => label.Name, label => label.Value.GetString()!, StringComparer.Ordinal)
        : null;

    private static string? Text(JsonElement spec, string name) =>
        spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ImmutableArray<string>? Texts(JsonElement spec, string name) => spec.TryGetProperty(name, out var values)
        && values.ValueKind == JsonValueKind.Array
        ? [.. values.EnumerateArray().Where(value => value.ValueKind == JsonValueKind.String).Select(value => value.GetString()!)]
        : null;
}
