using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Calico.Datastore.Resources;

namespace Calico.Datastore.Kubernetes;

/// <summary>The ports of a NetworkPolicy's rule, by protocol.</summary>
internal static class KubernetesPorts
{
    private static readonly string[] Protocols = ["TCP", "UDP", "SCTP"];

    /// <param name="Protocol">Null: any.</param>
    /// <param name="Ports">Ranges that touch are one, ascending; then names. Null: any.</param>
    internal sealed record Group(string? Protocol, ImmutableArray<NumberOrString>? Ports);

    /// <summary>No port at all: any protocol and port.</summary>
    public static List<Group> ByProtocol(IEnumerable<JsonElement> ports, string field)
    {
        var entries = ports.Select((port, index) => Read(port, $"{field}[{index}]")).ToList();
        return entries.Count == 0
            ? [new(null, null)]
            : [.. entries.GroupBy(e => e.Protocol, StringComparer.Ordinal).Select(g => new Group(g.Key, Merge([.. g])))];
    }

    private static ImmutableArray<NumberOrString>? Merge(List<Entry> entries)
    {
        // One without a port is every port of its protocol.
        if (entries.Any(e => e.First is null && e.Name is null))
        {
            return null;
        }

        var merged = new List<(int First, int Last)>();
        foreach (var (first, last) in entries.Where(e => e.First is not null).Select(e => (e.First!.Value, e.Last!.Value)).Order())
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            }
            else
            {
                merged.Add((first, last));
            }
        }

        return
        [
            .. merged.Select(r => r.First == r.Last ? new NumberOrString(r.First)
                : new NumberOrString(string.Create(CultureInfo.InvariantCulture, $"{r.First}:{r.Last}"))),
            .. entries.Select(e => e.Name).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
                .Select(n => new NumberOrString(n)),
        ];
    }

    private static Entry Read(JsonElement port, string field)
    {
        var protocol = KubernetesJson.Member(port, "protocol") is { ValueKind: not JsonValueKind.Undefined } given
            ? KubernetesJson.Text(given, field + ".protocol")
            : "TCP";
        if (!Protocols.Contains(protocol, StringComparer.Ordinal))
        {
            throw new ConversionException($"{field}.protocol: \"{protocol}\" is none of TCP, UDP and SCTP");
        }

        var value = KubernetesJson.Member(port, "port");
        var end = KubernetesJson.Member(port, "endPort");
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            return end.ValueKind == JsonValueKind.Undefined ? new(protocol, null, null, null)
                : throw new ConversionException($"{field}.endPort: needs a port");
        }

        if (value.ValueKind == JsonValueKind.String
            && !int.TryParse(value.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            return end.ValueKind == JsonValueKind.Undefined && value.GetString()!.Any(char.IsAsciiLetter)
                ? new(protocol, null, null, value.GetString())
                : throw new ConversionException($"{field}.port: \"{value.GetString()}\" is no port");
        }

        var first = Number(value, field + ".port");
        var last = end.ValueKind == JsonValueKind.Undefined ? first : Number(end, field + ".endPort");
        return last >= first ? new(protocol, first, last, null)
            : throw new ConversionException($"{field}.endPort: {last} is below {first}");
    }

    private static int Number(JsonElement value, string field)
    {
        var text = value.ValueKind is JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 0 and <= ushort.MaxValue
            ? number
            : throw new ConversionException($"{field}: {text} is no port");
    }

    private sealed record Entry(string Protocol, int? First, int? Last, string? Name);
}
