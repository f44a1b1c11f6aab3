using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;
using Calico.TestKit;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

/// <summary>Validation by <c>reference/calico-v3.md</c> of every parameter, not of those only that vectors name.</summary>
[TestFixture, Parallelizable]
public sealed class FieldRangeTests
{
    [TestCase("FelixConfiguration", "")]
    [TestCase("BGPConfiguration", "communities prefixAdvertisements nodeMeshPassword")]
    [TestCase("BGPPeer", "password localWorkloadSelector reachableBy")]
    [TestCase("KubeControllersConfiguration", "controllers")]
    public void C9_every_parameter_has_its_line_in_the_table(string kind, string elsewhere)
    {
        var told = TableOf(kind).SelectMany(t => t.Fields.Split(' ')).Select(f => f.Split('.', '[')[0]).Concat(elsewhere.Split(' '));
        Assert.That(ResourceKinds.All.Named(kind).Spec.Fields.Select(f => f.Name).Except(told), Is.Empty);
    }

    [TestCase("FelixConfiguration")]
    [TestCase("BGPConfiguration")]
    [TestCase("BGPPeer")]
    [TestCase("BGPFilter")]
    [TestCase("KubeControllersConfiguration")]
    [TestCase("Rule")]
    public void C9_what_a_parameter_may_be_is_taken_and_what_it_may_not_is_refused_by_its_path(string kind)
    {
        var wrong = new List<string>();
        foreach (var (field, value, isGood) in TableOf(kind).SelectMany(t => t.Cases()))
        {
            var path = "spec." + (kind == "Rule" ? "ingress[0]." : "") + field.Replace("[]", "[0]", StringComparison.Ordinal);
            var errors = Check(kind, field, value).Where(e => e.Path.StartsWith(path, StringComparison.Ordinal)).ToList();
            if (errors.Count == 0 != isGood)
            {
                wrong.Add($"{field} = {value} is {(isGood ? "refused: " + errors[0] : "taken")}");
            }
        }

        Assert.That(wrong, Is.Empty, string.Join('\n', wrong));
    }

    [TestCase("/a", true)]
    [TestCase("/", true)]
    [TestCase("/a b", false)]
    [TestCase("/a\tb", false)]
    [TestCase("/a\nb", false)]
    [TestCase("/a?b", false)]
    [TestCase("a", false)]
    public void C9_a_path_of_http_has_no_blanks(string path, bool isGood)
    {
        var rule = new JsonObject { ["action"] = "Allow",
            ["http"] = new JsonObject { ["paths"] = new JsonArray(new JsonObject { ["exact"] = path }) } };
        Assert.That(CheckSpec("GlobalNetworkPolicy", new() { ["ingress"] = new JsonArray(rule) }).IsEmpty, Is.EqualTo(isGood));
    }

    [TestCase("1e400")]
    [TestCase("-1e999")]
    [TestCase("\"high\"")]
    public void C1_an_order_that_is_no_number_is_refused_by_its_path(string order)
    {
        using var spec = JsonDocument.Parse($$"""{"order":{{order}}}""");
        var shape = new ShapeReport();
        Kinds.GlobalNetworkPolicy.Spec.Check(spec.RootElement, "spec", shape);
        Assert.That(shape.Errors.Select(e => e.Path), Has.Member("spec.order"));
    }

    [Test]
    public void C1_no_stored_value_however_damaged_breaks_its_reader()
    {
        var random = new Random(Seed.Next());
        foreach (var kind in ResourceKinds.All.Table)
        {
            var sample = Sample(kind);
            for (var i = 0; i < Effort.Of(150); i++)
            {
                var text = i == 0 ? sample : Damage(sample, random);
                var key = kind.Path(kind.Key("default", "default"));
                Assert.That(() => ResourceKinds.All.TryDecode(key, Encoding.UTF8.GetBytes(text), out _), Throws.Nothing, text);
                try
                {
                    using var document = JsonDocument.Parse(text);
                    var report = kind.Check(document.RootElement, new ShapeReport { AcceptOtherSpellings = true });
                    var resource = kind.Decode(document.RootElement);
                    Assert.That(() => kind.Validate(resource), Throws.Nothing, text);
                    Assert.That(() => kind.Columns.Select(c => c.Value(new JsonObjectView(kind.ToJson(resource), ""))).ToList(),
                        Throws.Nothing, text);
                    _ = report.Errors;
                }
                catch (JsonException)
                {
                    // The way in which a reader says that it cannot.
                }
            }
        }
    }

    [TestCase("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26")]
    [TestCase("/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-26")]
    [TestCase("/calico/ipam/v2/handle/a.b")]
    [TestCase("/calico/ipam/v2/config")]
    public void C1_no_value_of_ipam_however_damaged_breaks_its_reader(string key)
    {
        const string Sample =
            """{"cidr":"10.0.0.0/26","affinity":"host:n1","state":"confirmed","block":{"10.0.0.0/26":1},"allocations":[0,null],"unallocated":[1],"attributes":[{"handle_id":"h","secondary":{"a":"b"}}],"sequenceNumber":5,"deleted":false,"strict_affinity":true,"maxBlocksPerHost":3}""";
        var random = new Random(Seed.Next());
        for (var i = 0; i < Effort.Of(2_000); i++)
        {
            var text = Damage(Sample, random);
            Assert.That(() => ResourceKinds.All.TryDecode(key, Encoding.UTF8.GetBytes(text), out _), Throws.Nothing, text);
        }
    }

    private static ImmutableArray<FieldTable> TableOf(string kind) => kind switch
    {
        "FelixConfiguration" => FieldTable.Felix,
        "BGPConfiguration" => FieldTable.BgpConfiguration,
        "BGPPeer" => FieldTable.BgpPeer,
        "BGPFilter" => FieldTable.BgpFilter,
        "KubeControllersConfiguration" => FieldTable.KubeControllers,
        _ => FieldTable.Rule,
    };

    private static ImmutableArray<ValidationError> Check(string kind, string field, string value)
    {
        var spec = new JsonObject();
        JsonNode at = spec;
        if (kind == "Rule")
        {
            at = new JsonObject();
            spec["ingress"] = new JsonArray(at);
        }

        var steps = field.Split('.');
        for (var i = 0; i < steps.Length; i++)
        {
            var (name, isList, isLast) = (steps[i].Replace("[]", "", StringComparison.Ordinal),
                steps[i].EndsWith("[]", StringComparison.Ordinal), i == steps.Length - 1);
            var next = isLast ? JsonNode.Parse(value) : new JsonObject();
            at[name] = isList ? new JsonArray(next) : next;
            at = next!;
        }

        return CheckSpec(kind == "Rule" ? "GlobalNetworkPolicy" : kind, spec);
    }

    private static ImmutableArray<ValidationError> CheckSpec(string kind, JsonObject spec)
    {
        var json = new JsonObject
        {
            ["kind"] = kind,
            ["apiVersion"] = Resource.GroupVersion,
            ["metadata"] = new JsonObject { ["name"] = kind is "BGPPeer" or "FelixConfiguration" ? "some" : "default" },
            ["spec"] = spec,
        };
        using var document = JsonDocument.Parse(json.ToJsonString());
        return ResourceKinds.All.Named(kind).Check(document.RootElement, new ShapeReport()).Errors;
    }

    /// <summary>A resource with every member there, each with some value.</summary>
    private static string Sample(ResourceKind kind)
    {
        var spec = new JsonObject();
        foreach (var field in kind.Spec.Fields)
        {
            spec[field.Name] = field.Shape switch
            {
                FlagShape => true,
                NumberShape => 1,
                FractionShape => 1.5,
                ListShape { Item: ObjectShape item } => new JsonArray(ObjectOf(item)),
                ListShape => new JsonArray("10.0.0.0/8"),
                ObjectShape inner => ObjectOf(inner),
                MapShape => new JsonObject { ["a"] = "b" },
                _ => "10.0.0.0/8",
            };
        }

        return new JsonObject
        {
            ["kind"] = kind.Name,
            ["apiVersion"] = Resource.GroupVersion,
            ["metadata"] = new JsonObject { ["name"] = "default", ["labels"] = new JsonObject { ["a"] = "b" },
                ["creationTimestamp"] = "2026-01-02T03:04:05Z" },
            ["spec"] = spec,
        }.ToJsonString();
    }

    private static JsonObject ObjectOf(ObjectShape shape)
    {
        var map = new JsonObject();
        foreach (var field in shape.Fields)
        {
            map[field.Name] = field.Shape is NumberShape ? 1 : "1";
        }

        return map;
    }

    /// <summary>One to three of: a value replaced by something odd, a character changed, the end cut off.</summary>
    private static string Damage(string sample, Random random)
    {
        string[] odd =
        [
            "1e400", "-1e400", "1e999999999", "99999999999999999999999999", "-0", "1.5", "null", "true", "[]", "{}", "[[[[]]]]", "\"\"",
                "\"\\ud800\"",
            "\"\\u0000\"", "\"x\"", "[null]", "[1,\"a\",null,{}]", "{\"a\":{\"a\":{\"a\":1}}}", "\"2026-13-45T99:99:99Z\"",
                "\"::ffff:1.2.3.4/999\"", "\"1.2.3.4/-1\"",
        ];
        var text = sample;
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            var at = random.Next(text.Length);
            var colon = text.IndexOf(':', at);
            var end = colon < 0 ? -1 : text.AsSpan(colon + 1).IndexOfAny(",}]");
            text = random.Next(8) switch
            {
                0 => text[..at] + (char)random.Next(32, 127) + text[(at + 1)..],
                1 => text[..at],
                _ when end >= 0 => text[..(colon + 1)] + odd[random.Next(odd.Length)] + text[(colon + 1 + end)..],
                _ => text,
            };
            if (text.Length == 0)
            {
                return "{";
            }
        }

        return text;
    }
}
