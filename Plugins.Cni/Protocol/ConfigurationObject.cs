using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>One object of a network configuration, with its path. What is wrong is collected, so that a person sees all of it.</summary>
/// <param name="Element">The object; undefined: absent, and every field of it is.</param>
/// <param name="Path">Empty at the top.</param>
/// <param name="Faults">Where wrong fields are noted, as <c>path: message</c>.</param>
/// <param name="IgnoreCase">Names are compared without case, as Go does: containerd writes <c>HostPort</c>, podman <c>hostPort</c>.</param>
internal readonly record struct ConfigurationObject(JsonElement Element, string Path, List<string> Faults, bool IgnoreCase = false)
{
    public bool IsPresent => Element.ValueKind == JsonValueKind.Object;

    public string PathOf(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    public void Fault(string name, string message) => Faults.Add($"{PathOf(name)}: {message}");

    public bool Has(string name) => TryGet(name, out _);

    public string Text(string name, string fallback = "")
    {
        if (!TryGet(name, out var value))
        {
            return fallback;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString()!;
        }

        Fault(name, "must be a text");
        return fallback;
    }

    /// <summary>A boolean, or its name as text: upstream's <c>assign_ipv4</c> is text.</summary>
    public bool Flag(string name, bool fallback = false)
    {
        if (!TryGet(name, out var value))
        {
            return fallback;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        if (value.ValueKind == JsonValueKind.String && bool.TryParse(value.GetString(), out var parsed))
        {
            return parsed;
        }

        Fault(name, "must be true or false");
        return fallback;
    }

    public int Number(string name, int least, int most)
    {
        if (!TryGet(name, out var value))
        {
            return 0;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            && (number == 0 || number >= least && number <= most))
        {
            return number;
        }

        Fault(name, string.Create(CultureInfo.InvariantCulture, $"must be a number from {least} to {most}"));
        return 0;
    }

    public ConfigurationObject Object(string name, bool ignoreCase = false)
    {
        var inner = new ConfigurationObject(default, PathOf(name), Faults, ignoreCase || IgnoreCase);
        if (!TryGet(name, out var value))
        {
            return inner;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return inner with { Element = value };
        }

        Fault(name, "must be an object");
        return inner;
    }

    public ImmutableArray<string> Texts(string name)
    {
        if (!TryGet(name, out var value))
        {
            return [];
        }

        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String))
        {
            return [.. value.EnumerateArray().Select(v => v.GetString()!)];
        }

        Fault(name, "must be a list of texts");
        return [];
    }

    public IEnumerable<ConfigurationObject> Objects(string name)
    {
        if (!TryGet(name, out var value))
        {
            yield break;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            Fault(name, "must be a list");
            yield break;
        }

        var index = 0;
        foreach (var item in value.EnumerateArray())
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"{name}[{index++}]");
            if (item.ValueKind == JsonValueKind.Object)
            {
                yield return new ConfigurationObject(item, PathOf(path), Faults, IgnoreCase);
            }
            else
            {
                Fault(path, "must be an object");
            }
        }
    }

    /// <summary>The value's JSON text, or empty.</summary>
    public string Raw(string name) => TryGet(name, out var value) ? value.GetRawText() : "";

    public ImmutableSortedDictionary<string, string> TextMap(string name)
    {
        if (!TryGet(name, out var value))
        {
            return ImmutableSortedDictionary<string, string>.Empty;
        }

        if (value.ValueKind == JsonValueKind.Object && value.EnumerateObject().All(p => p.Value.ValueKind == JsonValueKind.String))
        {
            return value.EnumerateObject().DistinctBy(p => p.Name)
                .ToImmutableSortedDictionary(p => p.Name, p => p.Value.GetString()!, StringComparer.Ordinal);
        }

        Fault(name, "must be an object of texts");
        return ImmutableSortedDictionary<string, string>.Empty;
    }

    private bool TryGet(string name, out JsonElement value)
    {
        value = default;
        if (!IsPresent)
        {
            return false;
        }

        if (!Element.TryGetProperty(name, out value) && IgnoreCase)
        {
            foreach (var property in Element.EnumerateObject())
            {
                if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    value = property.Value;
                }
            }
        }

        return value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);
    }
}
