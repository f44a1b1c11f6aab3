using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources.Shapes;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

/// <summary>What each shape and each rule over a policy rule's members says, with the place. The words are upstream's where it has any.
/// </summary>
public sealed class ShapeTests
{
    private const string BothFamilies = "r: rule contains both IPv4 and IPv6 CIDRs";
    private const string NoPorts = "rules that specify ports must set protocol to TCP or UDP or SCTP";
    private const string NoNumbers = "rules with numeric port or port range must set protocol to TCP or UDP or SCTP";
    private const string NoIcmp = "protocol must be set to 'ICMP' or 'ICMPv6' if 'icmp' or 'notICMP' is set";
    private const string NoGlobal = "global() can only be used in an EntityRule namespaceSelector";
    private const string Mixed = "global() cannot be combined with other selectors";
    private const string CatchAll = "catch-all CIDR in negation creates logical contradiction (matches no traffic)";

    private static string[] Check(Shape shape, string json, bool withSchemaRules = true, bool otherSpellings = false)
    {
        using var document = JsonDocument.Parse(json);
        var report = new ShapeReport { WithSchemaRules = withSchemaRules, AcceptOtherSpellings = otherSpellings };
        shape.Check(document.RootElement, "r", report);
        return [.. report.Errors.Select(e => $"{e.Path}: {e.Message}").Concat(report.Unknown.Select(u => u + ": unknown"))];
    }

    private static string Rule(string more) => """{"action":"Allow",""" + more + "}";

    [TestCase("\"ipVersion\":4")]
    [TestCase("\"ipVersion\":6,\"protocol\":\"ICMPv6\",\"icmp\":{\"type\":1}")]
    [TestCase("\"ipVersion\":4,\"protocol\":\"ICMP\",\"notICMP\":{\"type\":1,\"code\":2}")]
    [TestCase("\"protocol\":58,\"icmp\":{\"type\":1}")]
    [TestCase("\"ipVersion\":4,\"source\":{\"nets\":[\"10.0.0.0/8\"],\"notNets\":[\"10.1.0.0/16\"]}")]
    [TestCase("\"source\":{\"nets\":[\"fd00::/8\"]},\"destination\":{\"nets\":[\"fd01::/16\"]}")]
    [TestCase("\"source\":{\"ports\":[\"named\"]}")]
    [TestCase("\"protocol\":\"TCP\",\"source\":{\"ports\":[1,\"2:3\",\"named\"],\"notPorts\":[4]}")]
    [TestCase("\"source\":{\"namespaceSelector\":\"  global() \"}")]
    [TestCase("\"source\":{\"namespaceSelector\":\"\\tglobal()\"}")]
    [TestCase("\"http\":{\"methods\":[\"GET\"],\"paths\":[{\"exact\":\"/a\"},{\"prefix\":\"/b\"}]}")]
    [TestCase("\"protocol\":6,\"http\":{\"methods\":[\"GET\"]}")]
    [TestCase("\"destination\":{\"services\":{\"name\":\"s\",\"namespace\":\"n\"}}")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"ports\":[\"named\"]}")]
    [TestCase("\"source\":{\"ports\":[]},\"protocol\":\"ICMP\"")]
    public void What_fits_together_is_taken(string rule) => Assert.That(Check(RuleShapes.Rule, Rule(rule)), Is.Empty);

    [TestCase("\"ipVersion\":5", "r.ipVersion: must be 4 or 6, not 5")]
    [TestCase("\"source\":{\"ports\":[80]}", "r.source.ports: " + NoNumbers)]
    [TestCase("\"destination\":{\"notPorts\":[\"a\",\"1:2\"]}", "r.destination.notPorts: " + NoNumbers)]
    [TestCase("\"protocol\":\"ICMP\",\"source\":{\"ports\":[\"named\"]}", "r.source.ports: " + NoPorts)]
    [TestCase("\"protocol\":47,\"destination\":{\"notPorts\":[1]}", "r.destination.notPorts: " + NoPorts)]
    [TestCase("\"source\":{\"nets\":[\"10.0.0.0/8\"]},\"destination\":{\"notNets\":[\"fd00::/8\"]}", BothFamilies)]
    [TestCase("\"source\":{\"notNets\":[\"10.0.0.0/8\",\"fd00::/8\"]}", BothFamilies)]
    [TestCase("\"ipVersion\":6,\"destination\":{\"nets\":[\"10.0.0.0/8\"]}", "r.ipVersion: rule IP version doesn't match CIDR version")]
    [TestCase("\"icmp\":{\"type\":1}", "r.icmp: " + NoIcmp)]
    [TestCase("\"protocol\":\"TCP\",\"notICMP\":{\"type\":1}", "r.notICMP: " + NoIcmp)]
    [TestCase("\"protocol\":\"ICMP\",\"icmp\":{\"code\":1}", "r.icmp.code: ICMP code specified without an ICMP type")]
    [TestCase("\"ipVersion\":6,\"protocol\":\"ICMP\"", "r.ipVersion: must be 4 or unset with protocol ICMP")]
    [TestCase("\"ipVersion\":6,\"notProtocol\":1", "r.ipVersion: must be 4 or unset with notProtocol ICMP")]
    [TestCase("\"ipVersion\":4,\"protocol\":58", "r.ipVersion: must be 6 or unset with protocol ICMPv6")]
    [TestCase("\"ipVersion\":4,\"notProtocol\":\"ICMPv6\"", "r.ipVersion: must be 6 or unset with notProtocol ICMPv6")]
    [TestCase("\"protocol\":\"UDP\",\"http\":{\"methods\":[\"GET\"]}", "r.http: rules with HTTP match must have protocol TCP or unset")]
    [TestCase("\"http\":{\"paths\":[{}]}", "r.http.paths[0]: must have exactly one of exact and prefix")]
    [TestCase("\"http\":{\"paths\":[{\"exact\":\"/a\",\"prefix\":\"/b\"}]}", "r.http.paths[0]: must have exactly one of exact and prefix")]
    [TestCase("\"protocol\":\"TCP\",\"destination\":{\"services\":{\"name\":\"s\"},\"ports\":[1]}",
        "r.destination.services: ports and notPorts cannot be specified with services")]
    [TestCase("\"protocol\":\"TCP\",\"destination\":{\"services\":{\"name\":\"s\"},\"notPorts\":[1]}",
        "r.destination.services: ports and notPorts cannot be specified with services")]
    [TestCase("\"source\":{\"namespaceSelector\":\"global() && a == 'b'\"}", "r.source.namespaceSelector: " + Mixed)]
    [TestCase("\"source\":{\"selector\":\"global()\"}", "r.source.selector: " + NoGlobal)]
    [TestCase("\"source\":{\"notSelector\":\"global()\"}", "r.source.notSelector: " + NoGlobal)]
    [TestCase("\"source\":{\"serviceAccounts\":{\"selector\":\"global()\"}}", "r.source.serviceAccounts.selector: " + NoGlobal)]
    [TestCase("\"source\":{\"notNets\":[\"10.0.0.0/8\",\"0.0.0.0/0\"]}", "r.source.notNets: " + CatchAll)]
    [TestCase("\"destination\":{\"notNets\":[\"::/0\"]}", "r.destination.notNets: " + CatchAll)]
    [TestCase("\"source\":{\"services\":{\"namespace\":\"n\"}}", "r.source.services.name: must specify a service name")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"namespaceSelector\":\"all()\"}",
        "r.source.namespaceSelector: cannot specify NamespaceSelector and Services on the same rule")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"serviceAccounts\":{\"names\":[\"a\"]}}",
        "r.source.serviceAccounts: cannot specify ServiceAccounts and Services on the same rule")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"selector\":\"all()\"}",
        "r.source.selector: cannot specify Selector/NotSelector and Services on the same rule")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"notSelector\":\"all()\"}",
        "r.source.notSelector: cannot specify Selector/NotSelector and Services on the same rule")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"nets\":[\"10.0.0.0/8\"]}",
        "r.source.nets: cannot specify Nets/NotNets and Services on the same rule")]
    [TestCase("\"source\":{\"services\":{\"name\":\"s\"},\"notNets\":[\"10.0.0.0/8\"]}",
        "r.source.notNets: cannot specify Nets/NotNets and Services on the same rule")]
    [TestCase("\"other\":1", "r.other: unknown")]
    public void What_does_not_is_said_with_its_place(string rule, string error) =>
        Assert.That(Check(RuleShapes.Rule, Rule(rule)), Does.Contain(error));

    [Test]
    public void What_a_rule_may_hold_depends_on_its_direction_and_its_policy()
    {
        const string Http = """{"action":"Allow","http":{"methods":["GET"]}}""";
        Assert.That(Check(RuleShapes.Ingress(global: false), Http), Is.Empty);
        Assert.That(Check(RuleShapes.Egress(global: false), Http), Is.EqualTo(new[] { "r.http: not allowed in egress rule" }));
        Assert.That(Check(RuleShapes.Rule, Http.Replace("Allow", "Deny", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "r.http: HTTP match is only valid on Allow rules" }));
        const string From = """{"action":"Pass","source":{"services":{"name":"s"}}}""";
        var to = From.Replace("source", "destination", StringComparison.Ordinal);
        Assert.That(Check(RuleShapes.Ingress(global: false), From), Is.Empty);
        Assert.That(Check(RuleShapes.Ingress(global: false), to),
            Is.EqualTo(new[] { "r.destination.services: not allowed in ingress rule destination" }));
        Assert.That(Check(RuleShapes.Egress(global: false), From),
            Is.EqualTo(new[] { "r.source.services: not allowed in egress rule source" }));
        Assert.That(Check(RuleShapes.Ingress(global: true), From),
            Is.EqualTo(new[] { "r.source.services.namespace: must specify a namespace" }));
        Assert.That(Check(RuleShapes.Egress(global: true), to),
            Is.EqualTo(new[] { "r.destination.services.namespace: must specify a namespace" }));
        Assert.That(Check(RuleShapes.Egress(global: true), to.Replace("\"s\"", "\"s\",\"namespace\":\"n\"", StringComparison.Ordinal)),
            Is.Empty);
        Assert.That(Check(RuleShapes.Rule, """{"action":"Deny"}""").Concat(Check(RuleShapes.Rule, """{"action":"Log"}""")), Is.Empty);
        Assert.That(Check(RuleShapes.Ingress(global: false), "{}"), Is.EqualTo(new[] { "r.action: is required" }));
        Assert.That(Check(RuleShapes.Ingress(global: false), "[]"), Is.EqualTo(new[] { "r: must be an object" }));
        Assert.That(Check(RuleShapes.Rule, """{"action":"Allow","icmp":{"type":1}}""", withSchemaRules: false), Is.Empty,
            "the CRD's rule, not the validator's");
    }

    [Test]
    public void A_list_says_of_each_item_and_of_itself_what_is_wrong()
    {
        var list = new ListShape(new NumberShape(0, 9)) { MinItems = 2, MaxItems = 3, Set = true };
        Assert.That(Check(list, "[1,2]").Concat(Check(list, "[1,2,3]")), Is.Empty);
        Assert.That(Check(list, "[1]"), Is.EqualTo(new[] { "r: must have at least 2 items" }));
        Assert.That(Check(list, "[1,2,3,4]"), Is.EqualTo(new[] { "r: must have at most 3 items" }));
        Assert.That(Check(list, "[1,null,1]"), Is.EqualTo(new[] { "r[1]: must not be null", "r[2]: duplicate value" }));
        Assert.That(Check(list, "[1,10]"), Is.EqualTo(new[] { "r[1]: must be from 0 to 9" }));
        Assert.That(Check(list, "{}"), Is.EqualTo(new[] { "r: must be a list" }));
        Assert.That(Check(new ListShape(new FlagShape()), "[true,true,true,true]"), Is.Empty);
        var spelt = new ListShape(new NumberOrTextShape(_ => null) { Canonical = t => t.ToUpperInvariant() });
        Assert.That(spelt.Complete(JsonNode.Parse("""["a","B",1]""")!).ToJsonString(), Is.EqualTo("""["A","B",1]"""));
    }

    [Test]
    public void A_map_says_of_each_key_and_value_what_is_wrong()
    {
        var map = new MapShape(k => k.StartsWith('a') ? null : "no a", v => v.Length < 4 ? null : "too long") { MaxBytes = 6 };
        Assert.That(Check(map, """{"a":"b","aé":"x"}"""), Is.Empty, "six bytes");
        Assert.That(Check(map, """{"a":"b","aé":"xy"}"""), Is.EqualTo(new[] { "r: may not be larger than 6 bytes in all" }));
        Assert.That(Check(map, """{"b":"","a":1,"ab":"1234"}"""), Is.EqualTo(
            new[] { "r: key b: no a", "r[a]: must be a string", "r[ab]: too long", "r: may not be larger than 6 bytes in all" }));
        Assert.That(Check(map, "[]"), Is.EqualTo(new[] { "r: must be a map" }));
        Assert.That(Check(new MapShape(), """{"any":"thing, of any length"}"""), Is.Empty);
    }

    [Test]
    public void A_single_value_says_what_it_has_to_be()
    {
        var text = new TextShape(t => t == "bad" ? "is bad" : null, 4);
        Assert.That(Check(text, "\"1234\""), Is.Empty);
        Assert.That(Check(text, "\"12345\""), Is.EqualTo(new[] { "r: may not be longer than 4" }));
        Assert.That(Check(text, "\"12345\"", withSchemaRules: false), Is.Empty);
        Assert.That(Check(text, "\"bad\""), Is.EqualTo(new[] { "r: is bad" }));
        Assert.That(Check(text, "7"), Is.EqualTo(new[] { "r: must be a string" }));
        Assert.That(Check(new FlagShape(), "0"), Is.EqualTo(new[] { "r: must be true or false" }));
        Assert.That(Check(new FlagShape(), "false"), Is.Empty);
        Assert.That(Check(new FractionShape(), "1.5"), Is.Empty);
        Assert.That(Check(new FractionShape(), "\"1\"").Concat(Check(new FractionShape(), "1e400")),
            Is.EqualTo(new[] { "r: must be a number that 64 bits hold", "r: must be a number that 64 bits hold" }));
        Assert.That(Check(new NumberShape(1, 2), "1.5"), Is.EqualTo(new[] { "r: must be a whole number" }));
        Assert.That(Check(new NumberShape(1, 2), "1").Concat(Check(new NumberShape(1, 2), "2")), Is.Empty);
        Assert.That(Check(new NumberShape(1, 2), "0").Concat(Check(new NumberShape(1, 2), "3")),
            Is.EqualTo(new[] { "r: must be from 1 to 2", "r: must be from 1 to 2" }));
        Assert.That(Check(new ChoiceShape("A", "B"), "\"C\""), Is.EqualTo(new[] { "r: unsupported value; supported values: A, B" }));
        var either = new NumberOrTextShape(v => v.ToString() is "1" or "A" ? null : "is neither") { Canonical = t => t.ToUpperInvariant() };
        Assert.That(Check(either, "1").Concat(Check(either, "\"A\"")).Concat(Check(either, "\"a\"", otherSpellings: true)), Is.Empty);
        Assert.That(Check(either, "\"a\"").Concat(Check(either, "2")), Is.EqualTo(new[] { "r: is neither", "r: is neither" }));
        Assert.That(Check(either, "1.5").Concat(Check(either, "true")),
            Is.EqualTo(new[] { "r: must be a whole number or a string", "r: must be a whole number or a string" }));
    }

    [TestCase(120, 120)]
    [TestCase(121, 123)]
    public void A_value_in_an_error_is_short(int length, int said)
    {
        using var document = JsonDocument.Parse($"\"{new string('x', length)}\"");
        var report = new ShapeReport();
        new FlagShape().Check(document.RootElement, "r", report);
        Assert.That(report.Errors.Single().Value, Has.Length.EqualTo(said).And.EndsWith(said > length ? "..." : "x"));
    }

    [TestCase("""{"action":"Allow","other":["\ud800"]}""")]
    [TestCase("""{"action":"Allow","other":{"a":{"b":"\ud800"}}}""")]
    [TestCase("""{"action":"Allow","other":{"\ud800":1}}""")]
    public void Half_a_character_anywhere_is_told(string json)
    {
        using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(json));
        Assert.That(() => RuleShapes.Rule.Check(document.RootElement, "r", new()), Throws.InvalidOperationException,
            "whoever checks a whole resource says so");
    }
}
