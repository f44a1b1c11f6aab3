using System.Collections.Immutable;
using System.Text.Json;

namespace Calico.Cli.Output;

/// <summary>Which fields of a stored resource differ, in the order in which they stand.</summary>
internal static class FieldChanges
{
    // What the store and its writers keep beside what people write.
    private static readonly ImmutableHashSet<string> Bookkeeping =
    [
        "metadata.uid", "metadata.creationTimestamp", "metadata.resourceVersion", "metadata.generation", "metadata.managedFields", "status",
    ];

    /// <summary>Each field with its values; null: not there.</summary>
    internal static ImmutableArray<(string Path, string? Before, string? After)> Between(JsonElement before, JsonElement after)
    {
        var changes = ImmutableArray.CreateBuilder<(string, string?, string?)>();
        Compare("", before, after, changes);
        return changes.ToImmutable();
    }

    private static void Compare(string path, JsonElement? before, JsonElement? after,
        ImmutableArray<(string, string?, string?)>.Builder changes)
    {
        if (Bookkeeping.Contains(path) || (before is { } old && after is { } now && JsonElement.DeepEquals(old, now)))
        {
            return;
        }

        if (before is { ValueKind: JsonValueKind.Object } left && after is { ValueKind: JsonValueKind.Object } right)
        {
            var names = left.EnumerateObject().Concat(right.EnumerateObject()).Select(member => member.Name).Distinct().ToArray();
            foreach (var name in names)
            {
                Compare(path.Length == 0 ? name : $"{path}.{name}", Member(left, name), Member(right, name), changes);
            }
        }
        else if (before is { ValueKind: JsonValueKind.Array } first && after is { ValueKind: JsonValueKind.Array } second)
        {
            for (var i = 0; i < Math.Max(first.GetArrayLength(), second.GetArrayLength()); i++)
            {
                Compare($"{path}[{i}]", Item(first, i), Item(second, i), changes);
            }
        }
        else
        {
            changes.Add((path, Text(before), Text(after)));
        }
    }

    private static JsonElement? Member(JsonElement element, string name) => element.TryGetProperty(name, out var member) ? member : null;

    private static JsonElement? Item(JsonElement element, int index) => index < element.GetArrayLength() ? element[index] : null;

    private static string? Text(JsonElement? element) => element is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
}
