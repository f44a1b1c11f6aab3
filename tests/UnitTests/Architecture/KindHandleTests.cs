using System.Text.RegularExpressions;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Sync;
using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>A kind is a typed handle (DESIGN 2): outside Calico.Datastore nobody spells a kind's name or looks at a resource's type.
/// </summary>
[TestFixture]
public sealed partial class KindHandleTests
{
    private static readonly string[] Product =
        ["Calico.Abstractions", "Calico.Bgp", "Calico.Dataplane", "Calico.EmbeddedStore", "Calico.Felix", "Calico.Host", "Calico.Ipam",
            "Calico.Linux",
        "Calico.Shim", "calicoctl", "Plugins.Cni", "bench", "samples"];

    [Test]
    public void Nobody_looks_at_the_type_of_a_resource() => Assert.That(Find([.. Product, "tests"], TypeOfResource()), Is.Empty);

    [Test]
    public void Nobody_makes_a_key_or_finds_a_kind_by_its_name_as_text() => Assert.That(Find([.. Product, "tests"], NamedKind()), Is.Empty);

    [Test]
    public void The_product_spells_no_kind()
    {
        var names = ResourceKinds.All.Table.Select(kind => kind.Name)
            .Concat([Kinds.IpamBlock.Name, Kinds.BlockAffinity.Name, Kinds.IpamHandle.Name, Kinds.IpamConfig.Name]);
        // A doc comment's parameter may be called as a kind is.
        Assert.That(Find(Product, new($"(?<!name=)\"(?:{string.Join('|', names)})\"")), Is.Empty);
    }

    [Test]
    public void Only_kinds_make_keys() => Assert.That(typeof(ResourceKey).GetConstructors(), Is.Empty);

    /// <summary>What the tests above look for, in the words that stood at about fifty places before there were handles.</summary>
    [TestCase("if (update.Value is Resource<IpPoolSpec> { Spec: var spec })")]
    [TestCase("if (stored.Value is not Resource<ProfileSpec> { Spec: var spec })")]
    [TestCase("(update.Value as Datastore.Resources.Resource<ProfileSpec>)?.Spec")]
    [TestCase("items.OfType<Resource<WorkloadEndpointSpec>>()")]
    [TestCase("return (Resource<NodeSpec>)kind.DecodeStored(stored.Value);")]
    [TestCase("is { Key.Kind: \"IPAMHandle\", Value: Resource<IpamHandleValue> { } }")]
    public void A_look_at_the_type_is_found(string line) => Assert.That(TypeOfResource().IsMatch(line), Is.True);

    [TestCase("private static Resource<NodeSpec>? Read(KeyValue stored)")]
    [TestCase("string Told(Resource<WorkloadEndpointSpec> endpoint) => \"\"")]
    public void A_type_that_is_only_named_is_not(string line) => Assert.That(TypeOfResource().IsMatch(line), Is.False);

    [TestCase("ResourceKinds.All[\"Profile\"]")]
    [TestCase("ResourceKinds.All.Named(\"Profile\")")]
    [TestCase("view.Find(new(\"Node\", \"\", nodeName))")]
    [TestCase("new ResourceKey(\"Profile\", \"\", \"net\")")]
    public void A_kind_that_is_named_as_text_is_found(string line) => Assert.That(NamedKind().IsMatch(line), Is.True);

    private static List<string> Find(IEnumerable<string> folders, Regex what) =>
    [
        .. from folder in folders
           let root = Path.Combine(Repository.Root, folder)
           where Directory.Exists(root)
           from file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
           where !file.Contains("/obj/", StringComparison.Ordinal)
           && !file.EndsWith($"/{nameof(KindHandleTests)}.cs", StringComparison.Ordinal)
           from line in File.ReadLines(file).Select((text, index) => (Text: text, Number: index + 1))
           where what.IsMatch(line.Text)
           select $"{Path.GetRelativePath(Repository.Root, file)}:{line.Number}: {line.Text.Trim()}",
    ];

    [GeneratedRegex(@"\b(?:is|as|case)\s+(?:not\s+)?(?:\w+\.)*Resource<|:\s*Resource<\w+>\s*[{)]|(?:OfType|Cast)<(?:\w+\.)*Resource<|\((?:\w+\.)*Resource<\w+>\)\s*[\w(]")]
    private static partial Regex TypeOfResource();

    [GeneratedRegex("""ResourceKinds\.All\[|All\.(?:Named|TryFind)\("|new ResourceKey\(|\bnew\("[A-Z]\w*(?:Policy|Set|Endpoint|Configuration|Information|Reservation|Status|Pool|Peer|Filter|Node|Profile|Tier|Block|Affinity|Handle)", |\bnew\("(?:Node|Profile|Tier)", """)]
    private static partial Regex NamedKind();
}
