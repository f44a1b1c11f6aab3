using Calico.Dataplane;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

[TestFixture]
public sealed class RulesetTests
{
    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");

    private static RuleList List(string id, params RuleMatch[] allowed) =>
        new(id, new([.. allowed.Select(m => new CompiledRule(m, RuleAction.Allow, Where))]));

    private static EndpointUpdate Endpoint(string name, string[] lists, string[]? sources = null) =>
        new(new("cni", name, "eth0"), "cali" + name,
        EndpointGate.Open, new([], [.. lists]), new([], [.. lists]), [],
        new([.. (sources ?? []).Select(s => Cidr.TryParse(s, out var c) ? c : throw new AssertionException(s))]));

    private static RulesetTranslator Translator() => new(new() { NodeName = "node-a" });

    private static string[] Chain(RulesetTranslator translator, string name) => RuleText.Chain(translator, name);

    [Test]
    public void Dispatch_stands_before_established_and_restores_the_mark()
    {
        var translator = Translator();
        Assert.That(Chain(translator, "forward-egress"), Is.EqualTo(new[]
        {
            "IncomingName->R1 | R1 in @workloads | goto wl-egress",
            "IncomingName->R1 | R1 Equal 63616c69 | goto drop/unknown-endpoint",
        }));
        Assert.That(Chain(translator, "wl-egress"), Is.EqualTo(new[]
        {
            "ct State->R1 | R1 in @ct-first->verdict",
            "Mark->r8 | IncomingName->r4 | r4 in @egress-programs->r9 | r9->Mark | Mark->r0 | r8->Mark | r0 in @programs->verdict",
            "02000000->r0 | r0->Mark | goto drop/profile-none",
        }));
    }

    [Test]
    public void A8_two_sequences_of_lists_whose_numbers_collide_have_a_program_each()
    {
        // Found by search: the SHA-256 digests of these two begin with the same 32 bits.
        var (one, other) = ("profile/p26507/ingress", "profile/p27805/ingress");
        var translator = Translator();
        foreach (var list in new[] { one, other })
        {
            translator.Apply(new RuleListUpdate(List(list, RuleMatch.Any)));
        }

        translator.Apply(Endpoint("a", [one]));
        translator.Apply(Endpoint("b", [other]));
        Assert.That(Chain(translator, "program/95622cf6")[0], Is.EqualTo($"jump list/{one}"));
        Assert.That(Chain(translator, "program/95622cf7")[0], Is.EqualTo($"jump list/{other}"));
        translator.Apply(new EndpointRemove(new("cni", "a", "eth0")));
        translator.Apply(Endpoint("c", [other]));
        Assert.That(translator.Ruleset.Chains, Does.Not.ContainKey("program/95622cf6"));
        Assert.That(Chain(translator, "program/95622cf7")[0], Is.EqualTo($"jump list/{other}"), "it keeps its number");
    }

    [Test]
    public void Rule_is_rendered_once_a_family_only_where_addresses_are_asked()
    {
        var translator = Translator();
        translator.Apply(new IpSetUpdate("s:abc", IpSetType.Hosts, [], []));
        translator.Apply(new RuleListUpdate(List("profile/net/ingress",
            new RuleMatch { Protocol = 6, Destination = new() { Ports = [new(80, 80)] } },
            new RuleMatch { Source = new() { Set = "s:abc" } },
            new RuleMatch { IpVersion = 4, NotProtocol = 17, Source = new() { NotNets = [Of("10.0.0.0/8")] } },
            new RuleMatch { Protocol = 58, Icmp = new(128, 0) })));
        Assert.That(Chain(translator, "list/profile/net/ingress"), Is.EqualTo(new[]
        {
            "TransportProtocol->R1 | R1 Equal 06 | TransportHeader+2:2->R1 | R1 Equal 0050 | count rule | accept",
            "NetworkFamily->R1 | R1 Equal 02 | NetworkHeader+12:4->R1 | R1 in @s4-abc | count rule | accept",
            "NetworkFamily->R1 | R1 Equal 0a | NetworkHeader+8:16->R1 | R1 in @s6-abc | count rule | accept",
            "NetworkFamily->R1 | R1 Equal 02 | TransportProtocol->R1 | R1 NotEqual 11 | NetworkHeader+12:4->R1 | R1 not in "
                + "0a000000-0affffff | count rule | accept",
            "NetworkFamily->R1 | R1 Equal 0a | TransportProtocol->R1 | R1 Equal 3a | "
                + "TransportHeader+0:2->R1 | R1 Equal 8000 | count rule | accept",
        }));
    }

    [Test]
    public void Second_endpoint_with_the_same_lists_adds_elements_only()
    {
        var translator = Translator();
        translator.Apply(new RuleListUpdate(List("profile/net/ingress", RuleMatch.Any)));
        translator.Apply(Endpoint("a", ["profile/net/ingress"]));
        translator.Ruleset.Settle();
        translator.Apply(Endpoint("b", ["profile/net/ingress"]));
        using var batch = new NftBatch();
        translator.Ruleset.Write(batch);
        Assert.That(Requests(batch), Is.EquivalentTo(new[]
        {
            "add elements of set workloads in table inet calico", "add elements of set ingress-programs in table inet calico",
            "add elements of set egress-programs in table inet calico",
        }));
    }

    [Test]
    public void Program_goes_with_its_last_endpoint_and_set_before_the_chain_it_holds()
    {
        var translator = Translator();
        translator.Apply(new RuleListUpdate(List("profile/net/ingress", RuleMatch.Any)));
        translator.Apply(Endpoint("a", ["profile/net/ingress"]));
        translator.Ruleset.Settle();
        translator.Apply(new EndpointRemove(new("cni", "a", "eth0")));
        translator.Apply(new RuleListRemove("profile/net/ingress"));
        using var first = new NftBatch();
        translator.Ruleset.Write(first);
        Assert.That(Requests(first), Is.EquivalentTo(new[]
        {
            "delete elements of set workloads in table inet calico", "delete elements of set ingress-programs in table inet calico",
            "delete elements of set egress-programs in table inet calico",
        }), "the endpoint stops at once, a packet that is past them finds its way to the end");
        translator.Ruleset.Settle();
        translator.Ruleset.EndGrace(translator.Ruleset.Commits);
        using var batch = new NftBatch();
        translator.Ruleset.Write(batch);
        var requests = Requests(batch);
        Assert.That(requests.FindIndex(r => r.StartsWith("delete elements of set programs", StringComparison.Ordinal)),
            Is.InRange(0, requests.FindIndex(r => r.StartsWith("delete chain program/", StringComparison.Ordinal)) - 1));
        Assert.That(requests, Has.Some.EqualTo("delete chain list/profile/net/ingress in table inet calico"));
        Assert.That(translator.Ruleset.Sets[Names.Workloads].Count, Is.Zero);
    }

    [Test]
    public void Change_that_is_taken_back_before_the_commit_is_no_change()
    {
        var translator = Translator();
        translator.Apply(new RuleListUpdate(List("profile/net/ingress", RuleMatch.Any)));
        translator.Apply(Endpoint("a", ["profile/net/ingress"]));
        translator.Ruleset.Settle();
        translator.Apply(new EndpointRemove(new("cni", "a", "eth0")));
        translator.Apply(Endpoint("a", ["profile/net/ingress"]));
        using var batch = new NftBatch();
        translator.Ruleset.Write(batch);
        Assert.That(Requests(batch).Where(r => !r.Contains("chain program/", StringComparison.Ordinal)), Is.Empty,
            "the program's chain may be written again, no element is");
    }

    [Test]
    public void Same_sequence_of_lists_has_the_same_number_in_every_process()
    {
        static string Programs(params string[] names)
        {
            var translator = Translator();
            translator.Apply(new RuleListUpdate(List("profile/x/ingress", RuleMatch.Any)));
            translator.Apply(new RuleListUpdate(List("profile/y/ingress", RuleMatch.Any)));
            foreach (var name in names)
            {
                translator.Apply(Endpoint(name, name == "a" ? ["profile/x/ingress"] : ["profile/x/ingress", "profile/y/ingress"]));
            }

            return string.Join(',', translator.Ruleset.Chains.Keys.Where(k => k.StartsWith("program/", StringComparison.Ordinal)).Order());
        }

        Assert.That(Programs("a", "b"), Is.EqualTo(Programs("b", "a")));
    }

    [Test]
    public void Allowed_sources_have_set_and_rule_only_while_somebody_has_them()
    {
        var translator = Translator();
        Assert.That(Chain(translator, "wl-raw"), Has.None.Contain("allowed-sources"));
        translator.Apply(new RuleListUpdate(List("profile/net/ingress", RuleMatch.Any)));
        translator.Apply(Endpoint("a", ["profile/net/ingress"], ["10.9.0.0/16", "10.9.1.0/24"]));
        Assert.That(Chain(translator, "wl-raw")[^2], Does.Contain("in @allowed-sources4"));
        Assert.That(translator.Ruleset.Sets["allowed-sources4"].Count, Is.EqualTo(1), "the narrower range lies in the wider");
        translator.Apply(new EndpointRemove(new("cni", "a", "eth0")));
        Assert.That(translator.Ruleset.Sets.Keys, Has.None.StartsWith("allowed-sources"));
    }

    [Test]
    public void Overlapping_and_adjacent_ranges_become_what_the_kernel_takes()
    {
        var elements = DisjointRanges.Elements([Of("10.0.0.0/24"), Of("10.0.0.128/25"), Of("10.0.1.0/24"), Of("10.0.3.0/24"),
            Of("255.255.255.0/24")]);
        Assert.That(elements.Select(e => $"{e.Key}{(e.Flags == NftElementFlags.IntervalEnd ? " end" : "")}"), Is.EqualTo(new[]
        {
            "0a000000", "0a000200 end", "0a000300", "0a000400 end", "ffffff00",
        }));
        Assert.That(DisjointRanges.Elements([Of("::/0")]).Count(), Is.EqualTo(1));
    }

    [Test]
    public void Mask_with_one_bit_is_refused() =>
        Assert.That(() => new RulesetTranslator(new() { NodeName = "n", MarkMask = 0x8000 }), Throws.ArgumentException);

    private static Cidr Of(string text) => Cidr.TryParse(text, out var cidr) ? cidr : throw new AssertionException(text);

    private static List<string> Requests(NftBatch batch) =>
        [.. Enumerable.Range(0, batch.Count).Select(i => (batch[i] with { Detail = "" }).ToString())];
}
