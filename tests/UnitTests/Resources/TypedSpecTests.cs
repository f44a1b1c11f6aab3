using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

/// <summary>Every kind is read into a type, and nothing that others wrote is lost on the way through it.</summary>
[TestFixture]
public sealed class TypedSpecTests
{
    private const string Stranger = """{"newer":[1.50,null,{"b":1,"a":2}]}""";

    private static ImmutableArray<ResourceKind> EveryKind => ResourceKinds.All.Table;

    [TestCaseSource(nameof(EveryKind))]
    public void What_a_kind_knows_its_spec_has_and_the_other_way_round(ResourceKind kind)
    {
        var wrong = new List<string>();
        Compare(kind.Spec, SpecOf(kind), "spec", wrong);
        if (kind == Kinds.FelixConfiguration)
        {
            // Its spec has what our dataplane obeys; the other parameters are a table (FelixConfigurationFields) and are carried along.
            wrong.RemoveAll(line => line.EndsWith("has no member", StringComparison.Ordinal) && line.Count(c => c == '.') == 1);
        }

        Assert.That(wrong, Is.Empty, string.Join('\n', wrong));
    }

    [TestCaseSource(nameof(EveryKind))]
    public void What_others_wrote_comes_back_byte_for_byte_at_every_depth(ResourceKind kind)
    {
        var spec = Sample(SpecOf(kind));
        var text = $$$"""{"kind":"{{{kind.Name}}}","apiVersion":"projectcalico.org/v3","metadata":{"name":"n","creationTimestamp":null,"newer":1},"spec":{{{spec.ToJsonString(ResourceJson.Options)}}},"status":{"z":1.0}}""";
        var type = ResourceJson.Options.GetTypeInfo(typeof(Resource<>).MakeGenericType(SpecOf(kind)));
        Assert.That(JsonSerializer.Serialize(JsonSerializer.Deserialize(text, type), type), Is.EqualTo(text));
    }

    [TestCase("networksets", """{"nets":[]}""")]
    [TestCase("networksets", "{}")]
    [TestCase("hostendpoints", """{"node":"n","interfaceName":"","expectedIPs":["10.0.0.1"],"profiles":[],"ports":[]}""")]
    [TestCase("globalnetworkpolicies",
        """{"tier":"default","order":1000000000000000,"ingress":[{"action":"Allow","protocol":"TCP","source":{},"destination":{"ports":[80,"1:2","web"]}}],"egress":[],"selector":"","types":["Ingress"]}""")]
    [TestCase("networkpolicies",
        """{"tier":"a","order":0.1,"ingress":[{"action":"Deny","protocol":"ICMP","icmp":{"type":8,"newer":true},"source":{"serviceAccounts":{"newer":1},"newer":2},"destination":{}}],"types":["Ingress"]}""")]
    [TestCase("stagedkubernetesnetworkpolicies",
        """{"stagedAction":"Set","podSelector":{},"ingress":[{"ports":[{"protocol":"TCP","port":"web"}],"from":[{"podSelector":{}},{"ipBlock":{"cidr":"10.0.0.0/8","except":[]}}]}],"policyTypes":["Ingress"]}""")]
    [TestCase("bgpfilters",
        """{"exportV4":[{"cidr":"10.0.0.0/8","prefixLength":{"min":8},"matchOperator":"In","action":"Accept","operations":[{"addCommunity":{"value":"1:2"}}]}]}""")]
    [TestCase("tiers", """{"order":-0.000001,"defaultAction":"Pass"}""")]
    public void Absent_stays_absent_and_empty_stays_empty(string plural, string spec)
    {
        var kind = ResourceKinds.All.Named(plural);
        var stored = Encoding.UTF8
            .GetBytes($$"""{"kind":"{{kind.Name}}","apiVersion":"projectcalico.org/v3","metadata":{"name":"n","namespace":"ns","creationTimestamp":null},"spec":{{spec}}}""");
        var resource = kind.DecodeStored(stored, out var errors);
        Assert.That(errors, Is.Empty);
        Assert.That(kind.ToJson(resource!).GetProperty("spec").GetRawText(), Is.EqualTo(spec));
    }

    [TestCase("100", "100")]
    [TestCase("100.0", "100")]
    [TestCase("1e15", "1000000000000000")]
    [TestCase("123456789012345680000", "123456789012345680000")]
    [TestCase("1e21", "1e+21")]
    [TestCase("1.5e-7", "1.5e-7")]
    [TestCase("0.000001", "0.000001")]
    [TestCase("0.0000012345678901234567", "0.0000012345678901234567")]
    [TestCase("-1.25e-10", "-1.25e-10")]
    [TestCase("0", "0")]
    public void An_order_is_written_as_go_writes_it(string read, string written)
    {
        var tier = ResourceJson.Read<Resource<TierSpec>>(Encoding.UTF8.GetBytes($$$"""{"spec":{"order":{{{read}}}}}"""));
        Assert.That(Encoding.UTF8.GetString(ResourceJson.Write(tier)), Does.EndWith($$$"""
            "spec":{"order":{{{written}}}}}
            """));
    }

    [Test]
    public void A_policy_of_which_one_field_is_not_known_is_not_read_as_one_without_it()
    {
        Assert.Multiple(() =>
        {
            Whole(Kinds.NetworkPolicy, """{"ingress":[{"action":"Allow","source":{"newer":1}}]}""", "spec.ingress[0].source.newer");
            Whole(Kinds.GlobalNetworkPolicy, """{"egress":[{"action":"Allow"},{"action":"Allow","protocol":"ICMP","icmp":{"newer":1}}]}""",
                "spec.egress[1].icmp.newer");
            Whole(Kinds.StagedNetworkPolicy, """{"newer":1}""", "spec.newer");
            Whole(Kinds.StagedGlobalNetworkPolicy, """{"ingress":[{"action":"Allow","http":{"newer":1}}]}""", "spec.ingress[0].http.newer");
            Whole(Kinds.StagedKubernetesNetworkPolicy, """{"ingress":[{"from":[{"podSelector":{"newer":1}}]}]}""",
                "spec.ingress[0].from[0].podSelector.newer");
            Whole(Kinds.Tier, """{"order":1,"newer":1}""", "spec.newer");
            Whole(Kinds.NetworkSet, """{"newer":1}""", "spec.newer");
            Whole(Kinds.GlobalNetworkSet, """{"newer":1}""", "spec.newer");
            Whole(Kinds.HostEndpoint, """{"node":"n","interfaceName":"eth0","ports":[{"name":"a","protocol":"TCP","port":1,"newer":1}]}""",
                "spec.ports[0].newer");
            Whole(Kinds.Profile, """{"labelsToApply":{"newer":"1"},"newer":1}""", "spec.newer");
        });
    }

    [Test]
    public void A_resource_is_read_by_its_own_kind_only()
    {
        var update = new SyncUpdate(Kinds.NetworkSet.Key("ns", "a"),
            Kinds.NetworkSet.New("a", new NetworkSetSpec { Nets = ["10.0.0.0/8"] }));
        Assert.That(Kinds.NetworkSet.TryRead(update, out var set) && set.Spec.Nets!.Value.Length == 1, Is.True);
        Assert.That(Kinds.GlobalNetworkSet.TryRead(update, out _), Is.False);
        Assert.That(Kinds.NetworkSet.TryRead(update with { Value = null }, out _), Is.False);
        Assert.That(Kinds.NetworkSet.TryReadWhole(update with { Value = null, Error = "no JSON" }, out _, out var fault), Is.False);
        Assert.That(fault, Is.EqualTo("no JSON"));
        Assert.That(Kinds.NetworkSet.TryReadWhole(update with { Value = null }, out _, out fault), Is.False);
        Assert.That(fault, Is.Null, "it is gone");
    }

    [Test]
    public void Policies_of_every_kind_are_read_as_one()
    {
        foreach (var kind in Kinds.InTiers)
        {
            var policy = kind.DecodeStored(Encoding.UTF8
                .GetBytes("""{"metadata":{"name":"p","namespace":"ns"},"spec":{"tier":"t","order":2,"ingress":[{"action":"Pass"}],"selector":"a == 'b'"}}"""));
            Assert.That(policy.As<IPolicySpec>() is { Tier: "t", Order: 2, Selector: "a == 'b'", Ingress: [{ Action: "Pass" }] }, Is.True,
                kind.Name);
            Assert.That(policy.As<IGlobalPolicySpec>() is not null, Is.EqualTo(!kind.Namespaced), kind.Name);
            Assert.That(policy.As<IStagedPolicySpec>() is { StagedAction: "Set" },
                Is.EqualTo(kind.Name.StartsWith("Staged", StringComparison.Ordinal)), kind.Name);
        }
    }

    private static void Whole<TSpec>(ResourceKind<TSpec> kind, string spec, string unknown) where TSpec : class, new()
    {
        var key = kind.Key("ns", "p");
        var value = Encoding.UTF8.GetBytes($$"""{"metadata":{"name":"p"},"spec":{{spec}}}""");
        Assert.That(ResourceKinds.All.TryDecode(kind.Path(key), value, out var update) && kind.TryRead(update, out _), Is.True,
            $"{kind.Name}: {update?.Error}");
        Assert.That(kind.TryReadWhole(update, out var read, out var fault), Is.False, kind.Name);
        Assert.That((read, fault), Is.EqualTo(((Resource<TSpec>?)null, $"unknown field {unknown}")), kind.Name);

        value = Encoding.UTF8
            .GetBytes($$"""{"metadata":{"name":"p","newer":1},"spec":{{spec.Replace("\"newer\":1,", "").Replace("\"newer\":1", "").Replace(",}", "}")}}}""");
        Assert.That(ResourceKinds.All.TryDecode(kind.Path(key), value, out update) && kind.TryReadWhole(update, out _, out fault), Is.True,
            $"{kind.Name}: {fault}");
    }

    private static Type SpecOf(ResourceKind kind) => kind.GetType().GenericTypeArguments[0];

    private static void Compare(Shape shape, Type type, string path, List<string> wrong)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (shape is ListShape list)
        {
            Compare(list.Item, type.GenericTypeArguments[0], path + "[]", wrong);
        }
        else if (shape is ObjectShape fields)
        {
            var members = ResourceJson.Options.GetTypeInfo(type).Properties.Where(p => !p.IsExtensionData)
                .ToDictionary(p => p.Name, p => p.PropertyType);
            if (!ResourceJson.Options.GetTypeInfo(type).Properties.Any(p => p.IsExtensionData))
            {
                wrong.Add($"{path} loses what it does not know");
            }

            wrong.AddRange(members.Keys.Except(fields.Fields.Select(f => f.Name)).Select(name => $"{path}.{name} is in no shape"));
            foreach (var field in fields.Fields)
            {
                if (members.TryGetValue(field.Name, out var member))
                {
                    Compare(field.Shape, member, $"{path}.{field.Name}", wrong);
                }
                else
                {
                    wrong.Add($"{path}.{field.Name} has no member");
                }
            }
        }
    }

    /// <summary>A value of a type with every member there, and at every depth one that is not known.</summary>
    private static JsonNode Sample(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string) || type == typeof(NumberOrString))
        {
            return "t";
        }

        if (type == typeof(bool))
        {
            return false;
        }

        if (type == typeof(double))
        {
            return 1.5;
        }

        if (type.IsPrimitive)
        {
            return 0;
        }

        var info = ResourceJson.Options.GetTypeInfo(type);
        switch (info.Kind)
        {
            case JsonTypeInfoKind.Enumerable:
                return new JsonArray(Sample(type.GenericTypeArguments[0]), Sample(type.GenericTypeArguments[0]));
            case JsonTypeInfoKind.Dictionary:
                return new JsonObject { ["a"] = "", ["b"] = "c" };
            default:
                var map = new JsonObject();
                foreach (var member in info.Properties.Where(p => !p.IsExtensionData))
                {
                    map[member.Name] = Sample(member.PropertyType);
                }

                map["newer"] = JsonNode.Parse(Stranger);
                return map;
        }
    }
}
