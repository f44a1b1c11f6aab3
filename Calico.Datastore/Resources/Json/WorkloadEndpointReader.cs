using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources.Json;

/// <summary>Reads a WorkloadEndpoint that has nothing but what nearly all have, in one pass over its bytes.</summary>
/// <remarks>
/// Every node reads all endpoints of the cluster when it starts, so this is where its start spends its time. It decides nothing: whatever is not
/// plain (a member that few have, a null, an empty text, an escape, a letter beyond ASCII, anything wrong) it does not take, and the kind reads that value as
/// any other. What it takes is what the kind would have made of it; the formats are the kind's own.
/// </remarks>
/// <param name="spec">The kind's.</param>
/// <param name="metadata">The kind's.</param>
internal sealed class WorkloadEndpointReader(ObjectShape spec, ObjectShape metadata)
{
    private const int Longest = ushort.MaxValue;

    private readonly PlainMember[] _spec =
    [
        PlainMember.Text(spec, "orchestrator", isShared: true), PlainMember.Text(spec, "workload"), PlainMember.Text(spec, "node", isShared: true),
        PlainMember.Text(spec, "containerID"), PlainMember.Text(spec, "pod"), PlainMember.Text(spec, "endpoint", isShared: true),
        PlainMember.Text(spec, "serviceAccountName", isShared: true), PlainMember.Texts(spec, "ipNetworks"), PlainMember.Text(spec, "ipv4Gateway", isShared: true),
        PlainMember.Text(spec, "ipv6Gateway", isShared: true), PlainMember.Texts(spec, "profiles", isShared: true), PlainMember.Text(spec, "interfaceName"),
        PlainMember.Text(spec, "mac", isShared: true),
    ];

    private readonly PlainMember[] _metadata =
    [
        PlainMember.Text(metadata, "name"), PlainMember.Text(metadata, "namespace", isShared: true), PlainMember.Text(metadata, "uid"),
        PlainMember.Time("creationTimestamp"), PlainMember.Map(metadata, "labels", isShared: true), PlainMember.Map(metadata, "annotations"),
    ];

    private readonly PlainMember[] _whole =
    [
        PlainMember.Constant("kind", "WorkloadEndpoint"), PlainMember.Constant("apiVersion", Resource.GroupVersion),
        PlainMember.Object("metadata"), PlainMember.Object("spec"),
    ];

    /// <returns>Null: it is read as any other value.</returns>
    public Resource? Read(ReadOnlyMemory<byte> value)
    {
        var utf8 = value.Span;
        if (utf8.Length > Longest || !Ascii.IsValid(utf8) || utf8.Contains((byte)'\\'))
        {
            return null;
        }

        var reader = new Utf8JsonReader(utf8);
        try
        {
            // The last read finds that nothing stands behind it.
            return reader.Read() && ReadObject(ref reader, _whole, utf8) is [{ }, { }, ObjectMeta { Name.Length: > 0 } meta, WorkloadEndpointSpec { InterfaceName: not null } read]
                && !reader.Read() ? Kinds.WorkloadEndpoint.New(meta, read) : null;
        }
        catch (JsonException)
        {
            // Why, the other way tells.
            return null;
        }
    }

    /// <summary>The members by their place in the table; null: there is one that is not plain, or is there twice.</summary>
    private object?[]? ReadObject(ref Utf8JsonReader reader, PlainMember[] members, ReadOnlySpan<byte> utf8)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        var values = new object?[members.Length];
        var (seen, expected) = (0, 0);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var at = PlainMember.Find(members, reader.ValueSpan, expected);
            if (at < 0 || (seen & (1 << at)) != 0)
            {
                return null;
            }

            (seen, expected) = (seen | (1 << at), at + 1);
            reader.Read();
            var member = members[at];
            values[at] = member.IsObject ? Nested(ref reader, member, utf8) : member.Read(ref reader, utf8);
            if (values[at] is null && !member.IsNull(reader))
            {
                return null;
            }
        }

        return values;
    }

    private object? Nested(ref Utf8JsonReader reader, PlainMember member, ReadOnlySpan<byte> utf8) => ReferenceEquals(member, _whole[2])
        ? ReadObject(ref reader, _metadata, utf8) is { } meta ? ToMetadata(meta) : null
        : ReadObject(ref reader, _spec, utf8) is { } read ? ToSpec(read) : null;

    private static ObjectMeta ToMetadata(object?[] values) => new()
    {
        Name = (string?)values[0] ?? "",
        Namespace = (string?)values[1],
        Uid = (string?)values[2],
        CreationTimestamp = (DateTimeOffset?)values[3],
        Labels = (ImmutableSortedDictionary<string, string>?)values[4],
        Annotations = (ImmutableSortedDictionary<string, string>?)values[5],
    };

    private static WorkloadEndpointSpec ToSpec(object?[] values) => new()
    {
        Orchestrator = (string?)values[0],
        Workload = (string?)values[1],
        Node = (string?)values[2],
        ContainerId = (string?)values[3],
        Pod = (string?)values[4],
        Endpoint = (string?)values[5],
        ServiceAccountName = (string?)values[6],
        IpNetworks = ToList(values[7]),
        Ipv4Gateway = (string?)values[8],
        Ipv6Gateway = (string?)values[9],
        Profiles = ToList(values[10]),
        InterfaceName = (string?)values[11],
        Mac = (string?)values[12],
    };

    // Not through a conversion of null: that would be an array that is not there.
    private static ImmutableArray<string>? ToList(object? value) =>
        value is string[] texts ? System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(texts) : null;
}
