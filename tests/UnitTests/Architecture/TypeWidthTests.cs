using System.Reflection;
using System.Reflection.Metadata;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>How much a type holds and asks for, read from the built assemblies, and how long it is over all its parts.</summary>
[TestFixture]
public sealed class TypeWidthTests
{
    private static readonly string[] Assemblies = [.. ArrowTests.Names, "Calico.TestKit", "UnitTests"];

    // Fields, captured parameters and what stands behind properties; not static. Records are facts, and as wide as these are.
    private static readonly StatedLimit Fields = new(15)
    {
        // The loop's whole inside: every reconciler, what it told them, and who asks.
        ["Calico.Dataplane.Enforcement"] = 20,
        // A property for each thing that makes a kind.
        ["Calico.Datastore.Resources.ResourceKind"] = 16,
        // One writer's queue, file, and when it copies the WAL back.
        ["Calico.EmbeddedStore.Engine.EngineWriter"] = 16,
        // A node of the graph each.
        ["Calico.Felix.CalculationGraph"] = 17,
        // A property for each setting.
        ["Calico.Host.Settings.HostSettings"] = 25,
        // A host's parts, put together by hand.
        ["Calico.UnitTests.Host.HostUnderTest"] = 18,
    };

    private static readonly StatedLimit Parameters = new(8)
    {
        // Four contracts of the host, and what an ADD goes through.
        ["Calico.Plugins.Cni.Verbs.AddVerb"] = 10,
    };

    // Types whose parts are split by kind; what their parts are is said beside each.
    private static readonly StatedLimit PartialLines = new(500)
    {
        // Turns; what it answers; what it is told.
        ["Calico.Dataplane.Enforcement"] = 568,
        // What should be; what the kernel has; what is ahead of it; what leaves.
        ["Calico.Dataplane.Translation.Ruleset"] = 545,
        // Making and unmaking; looking after; MTU; counters.
        ["Calico.Dataplane.Workloads.WorkloadWiring"] = 725,
        // Writing; opening and mending what is opened.
        ["Calico.EmbeddedStore.Storage.StoreFile"] = 538,
        // The transaction; its preparation, link, removal, and who else holds the endpoint.
        ["Calico.Host.Workloads.WorkloadConnector"] = 1006,
        // A message of route netlink each: links, addresses, routes, rules, neighbours.
        ["Calico.Linux.Route.RouteBatch"] = 562,
        // A chapter of the contract each.
        ["Calico.TestKit.Store.KeyValueStoreConformance"] = 545,
        ["Calico.TestKit.Workloads.AdapterConformance"] = 740,
    };

    [Test]
    public void S10_a_type_has_15_fields_at_most() =>
        Fields.Holds(Written((m, type) => type.GetFields().Count(h => Holds(m.GetFieldDefinition(h)))));

    [Test]
    public void S10_a_constructor_has_8_parameters_at_most() =>
        Parameters.Holds(Written((m, type) => type.GetMethods().Select(m.GetMethodDefinition)
            .Where(method => m.GetString(method.Name) == ".ctor")
            .Select(method => method.GetParameters().Count(h => m.GetParameter(h).SequenceNumber > 0)).DefaultIfEmpty().Max()));

    [Test]
    public void S10_the_parts_of_a_type_have_500_lines_in_all()
    {
        var parts = SourceTree.Files.SelectMany(file => SourceTree.Types(file)
            .Where(type => !char.IsWhiteSpace(type.Line[0]) && type.Line.Contains("partial ", StringComparison.Ordinal))
            .Select(type => (Name: $"{file.Namespace}.{type.Name}", file.Lines.Length)));
        PartialLines.Holds(parts.GroupBy(part => part.Name).Select(type => KeyValuePair.Create(type.Key, type.Sum(part => part.Length))));
    }

    private static bool Holds(FieldDefinition field) => (field.Attributes & (FieldAttributes.Static | FieldAttributes.Literal)) == 0;

    // The types that stand in a file of ours, records and enumerations excepted.
    private static IEnumerable<KeyValuePair<string, int>> Written(Func<MetadataReader, TypeDefinition, int> measure)
    {
        var written = SourceTree.Files.SelectMany(SourceTree.Types).Select(type => type.Name).ToHashSet();
        var types = Assemblies.SelectMany(assembly => ArrowTests.Read(assembly, m => m.TypeDefinitions.Select(m.GetTypeDefinition)
            .Where(type => written.Contains(m.GetString(type.Name).Split('`')[0]) && !IsRecord(m, type) && !IsFilledByAGenerator(m, type))
            .Select(type => KeyValuePair.Create(Name(m, type), measure(m, type))).ToList()));
        // A file that two projects compile.
        return types.GroupBy(type => type.Key).Select(type => KeyValuePair.Create(type.Key, type.Max(t => t.Value)));
    }

    private static string Name(MetadataReader m, TypeDefinition type) => type.GetDeclaringType() is { IsNil: false } outer
        ? $"{Name(m, m.GetTypeDefinition(outer))}.{m.GetString(type.Name)}"
        : $"{m.GetString(type.Namespace)}.{m.GetString(type.Name)}";

    private static bool IsRecord(MetadataReader m, TypeDefinition type) =>
        type.GetMethods().Any(h => m.GetString(m.GetMethodDefinition(h).Name) == "PrintMembers");

    // The fields of a JsonSerializerContext are the serializer's.
    private static bool IsFilledByAGenerator(MetadataReader m, TypeDefinition type) =>
        type.BaseType is { IsNil: false, Kind: HandleKind.TypeReference } parent
        && m.GetString(m.GetTypeReference((TypeReferenceHandle)parent).Name) == "JsonSerializerContext";
}
