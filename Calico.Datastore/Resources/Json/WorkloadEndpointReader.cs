using System.Collections.Immutable;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources.Json;

/// <summary>Reads a WorkloadEndpoint that has nothing but what nearly all have, in one pass over its bytes.</summary>
/// <remarks>
/// Every node reads all endpoints of the cluster when it starts, so this is where its start spends its time. It decides nothing: whatever
/// is not plain (a member that few have, a blank, a null, an empty text, an escape, a letter beyond ASCII, anything wrong) it does not
/// take, and the kind reads that value as any other. What it takes is what the kind would have made of it; the formats are the kind's own.
/// </remarks>
internal sealed class WorkloadEndpointReader
{
    private const int Longest = ushort.MaxValue;

    private readonly PlainMember[] _members;

    /// <param name="spec">The kind's.</param>
    /// <param name="metadata">The kind's.</param>
    public WorkloadEndpointReader(ObjectShape spec, ObjectShape metadata) => _members =
    [
        PlainMember.Constant("kind", "WorkloadEndpoint"),
        PlainMember.Constant("apiVersion", Resource.GroupVersion),
        PlainMember.Object("metadata",
        [
            PlainMember.Text(metadata, "name"), PlainMember.Text(metadata, "namespace", isShared: true),
            PlainMember.Text(metadata, "uid"), PlainMember.Time("creationTimestamp"),
            PlainMember.Map(metadata, "labels", isShared: true), PlainMember.Map(metadata, "annotations"),
        ], ToMetadata),
        PlainMember.Object("spec",
        [
            PlainMember.Text(spec, "orchestrator", isShared: true), PlainMember.Text(spec, "workload"),
            PlainMember.Text(spec, "node", isShared: true), PlainMember.Text(spec, "containerID"), PlainMember.Text(spec, "pod"),
            PlainMember.Text(spec, "endpoint", isShared: true),
            PlainMember.Text(spec, "serviceAccountName", isShared: true), PlainMember.Texts(spec, "ipNetworks"),
            PlainMember.Text(spec, "ipv4Gateway", isShared: true), PlainMember.Text(spec, "ipv6Gateway", isShared: true),
            PlainMember.Texts(spec, "profiles", isShared: true), PlainMember.Text(spec, "interfaceName"),
            PlainMember.Text(spec, "mac", isShared: true),
        ], ToSpec),
    ];

    /// <returns>Null: it is read as any other value.</returns>
    public Resource? Read(ReadOnlyMemory<byte> value) => value.Length <= Longest && PlainJson.TryBegin(value.Span, out var json)
        && PlainMember.ReadObject(ref json, _members) is
            [{ }, { }, ObjectMeta { Name.Length: > 0 } metadata, WorkloadEndpointSpec { InterfaceName: not null } spec]
        && json.IsAtEnd ? Kinds.WorkloadEndpoint.New(metadata, spec) : null;

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
