using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.V3;

/// <summary>What can still be read of a policy that is not valid: where it applies. Whoever lets it deny there, and not everywhere, keeps
/// one bad value from stopping all others.</summary>
internal static class PolicyFragment
{
    /// <summary>The policy without rules; a field of the wrong type is as if it were absent.</summary>
    /// <returns>Null: it is no policy that is enforced, or no JSON.</returns>
    public static Resource? Read(ResourceKey key, ReadOnlyMemory<byte> value)
    {
        var isGlobal = Kinds.GlobalNetworkPolicy.Owns(key);
        if (!isGlobal && !Kinds.NetworkPolicy.Owns(key))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(value);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || !root.TryGetProperty("spec", out var spec)
                || spec.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            var metadata = new ObjectMeta { Name = key.Name, Namespace = isGlobal ? null : key.Namespace };
            return isGlobal
                ? Kinds.GlobalNetworkPolicy.New(metadata, new()
                {
                    Tier = Text(spec, "tier"),
                    Order = Number(spec, "order"),
                    Selector = Text(spec, "selector"),
                    NamespaceSelector = Text(spec, "namespaceSelector"),
                    ServiceAccountSelector = Text(spec, "serviceAccountSelector"),
                    Types = Types(spec),
                    DoNotTrack = IsTrue(spec, "doNotTrack"),
                    PreDnat = IsTrue(spec, "preDNAT"),
                    ApplyOnForward = IsTrue(spec, "applyOnForward"),
                })
                : Kinds.NetworkPolicy.New(metadata, new()
                {
                    Tier = Text(spec, "tier"),
                    Order = Number(spec, "order"),
                    Selector = Text(spec, "selector"),
                    ServiceAccountSelector = Text(spec, "serviceAccountSelector"),
                    Types = Types(spec),
                });
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return null;
        }
    }

    private static string? Text(JsonElement spec, string name) =>
        spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement spec, string name) =>
        spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out var number) ? number : null;

    private static bool IsTrue(JsonElement spec, string name) =>
        spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>Without readable types it denies both ways: rules that cannot be read could have been of either.</summary>
    private static ImmutableArray<string>? Types(JsonElement spec) =>
        spec.TryGetProperty("types", out var types) && types.ValueKind == JsonValueKind.Array && types.GetArrayLength() > 0
            && types.EnumerateArray().All(type => type.ValueKind == JsonValueKind.String)
            ? [.. types.EnumerateArray().Select(type => type.GetString()!)]
            : ["Ingress", "Egress"];
}
