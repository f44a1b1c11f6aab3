using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.KernelTests.Linux;
using Calico.Linux.Netlink;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;
using static Calico.KernelTests.Dataplane.RawTable;

namespace Calico.KernelTests.Dataplane;

/// <summary>Everything that the kernel holds of ours, changed in one place at a time.</summary>
/// <remarks>What is changed is found by walking what the kernel lists: an attribute that is written tomorrow is changed tomorrow.</remarks>
public sealed class MutationTests
{
    private const string Table = "calico";
    private const ushort NewSet = 9;
    private const ushort NewRule = 6;

    /// <summary>Above the highest attribute of any message or expression (uapi nf_tables.h).</summary>
    private const ushort Attributes = 21;

    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");

    /// <summary>The kernel waits for its grace periods, so several namespaces at a time.</summary>
    private const int Shares = 6;

    [Test]
    public async Task A1_every_attribute_of_everything_that_is_changed_alone_is_seen_and_restored()
    {
        var shares = await Task.WhenAll(Enumerable.Range(0, Shares).Select(share => Task.Run(() => ChangeEverything(share))));
        var seen = shares.SelectMany(s => s.Seen).GroupBy(s => s.Key, s => s.Value).ToDictionary(g => g.Key, g => g.Sum());
        var counts = $"seen {string.Join(", ", seen.OrderBy(s => s.Key).Select(s => $"{s.Value} of message {s.Key}"))}; "
            + $"refused {shares.Sum(s => s.Refused)}, without effect {shares.Sum(s => s.Idle)}";
        TestContext.Out.WriteLine(counts);
        // Table, chain, rule, set, elements, counters.
        Assert.That(seen.Keys, Is.SupersetOf(new[] { 0, 3, 6, 9, 12, 18 }), counts);
        Assert.That(seen.Values.Sum(), Is.GreaterThan(800), counts);
    }

    private static (Dictionary<int, int> Seen, int Refused, int Idle) ChangeEverything(int share)
    {
        using var host = new ScratchNamespace();
        using var table = new TableReconciler(host.OpenNft(), new() { NodeName = "test" });
        using var socket = host.Broker.Run(host.File, () => NetlinkSocket.Open(NetlinkFamily.Netfilter, bufferBytes: 1 << 24));
        var ruleset = FullNode().Ruleset;
        table.Commit(ruleset);
        Assert.That(ruleset.Rebase(table.Read(ruleset.Table)), Is.Empty, "a healthy table");
        Assert.That(ruleset.IsPending, Is.False, "a healthy table");
        var original = Read(socket, Table);
        var text = original.ToText();
        Assert.That(original.TryLoad(socket, Table), Is.True, "what the kernel lists can be loaded again");
        Assert.That(Read(socket, Table).ToText(), Is.EqualTo(text));
        Assert.That(ruleset.Rebase(table.Read(ruleset.Table)), Is.Empty, "the same made by somebody else acts the same");

        var (seen, refused, idle) = (new Dictionary<int, int>(), 0, 0);
        foreach (var (what, changed) in Mutants(original).Where((_, i) => i % Shares == share))
        {
            if (!changed.TryLoad(socket, Table))
            {
                refused++;
                continue;
            }

            var after = Read(socket, Table).ToText();
            if (after == text)
            {
                // The kernel took it and did nothing with it.
                idle++;
                continue;
            }

            var actual = table.Read(ruleset.Table);
            Assert.That(ruleset.Rebase(actual), Is.Not.Empty, () => $"not seen: {what}\n{Difference(text, after)}");
            Assert.That(ruleset.IsPending, Is.True, what);
            table.Commit(ruleset, actual!.Generation);
            var restored = Read(socket, Table).ToText();
            Assert.That(restored, Is.EqualTo(text), () => $"not restored: {what}\n{Difference(text, restored)}");
            Assert.That(ruleset.Rebase(table.Read(ruleset.Table)), Is.Empty, what);
            var kind = int.Parse(what.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
            seen[kind] = seen.GetValueOrDefault(kind) + 1;
        }

        return (seen, refused, idle);
    }

    /// <summary>A node with lists, sets of every type, masquerading, allowed sources and endpoints.</summary>
    private static RulesetTranslator FullNode()
    {
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        translator.Apply(new IpSetUpdate("s:hosts", IpSetType.Hosts, [Member("10.65.0.9/32"), Member("fd65::9/128")], []));
        translator.Apply(new IpSetUpdate("n:ports", IpSetType.HostPorts,
            [Member("10.65.0.9/32", 6, 80), Member("fd65::9/128", 17, 53)], []));
        foreach (var pools in new[] { WellKnownSets.AllPools, WellKnownSets.MasqueradePools })
        {
            translator.Apply(new IpSetUpdate(pools, IpSetType.Nets, [Member("10.65.0.0/16"), Member("fd65::/64")], []));
        }

        translator.Apply(new RuleListUpdate(new("profile/net/ingress", new(
        [
            new(new() { Protocol = 6, Destination = new() { Ports = [new(80, 80), new(8000, 8080)] } }, RuleAction.Allow, Where),
            new(new() { Protocol = 17, Source = new() { Set = "s:hosts", Nets = [Of("10.0.0.0/8"), Of("192.0.2.0/24")] } },
                RuleAction.Log, Where),
            new(new() { Protocol = 6, Source = new() { NotNets = [Of("198.51.100.0/24")], NotSet = "s:hosts" } }, RuleAction.Pass, Where),
            new(new() { Destination = new() { PortSet = "n:ports" } }, RuleAction.Allow, Where),
            new(new() { Icmp = new(8, 0) }, RuleAction.Deny, Where),
            new(new() { NotProtocol = 132, Source = new() { NotPorts = [new(1, 1023)] } }, RuleAction.Deny, Where),
        ]))));
        foreach (var name in new[] { "a", "b" })
        {
            translator.Apply(new EndpointUpdate(Id(name), "cali" + name, name == "a" ? EndpointGate.Open : EndpointGate.NotLabelled,
                new([], ["profile/net/ingress"]), new([], ["profile/net/ingress"]), [], [Of("203.0.113.0/24"), Of("2001:db8::/64")]));
        }

        return translator;
    }

    /// <summary>Each is the table with one thing changed. The name begins with the message's number.</summary>
    private static IEnumerable<(string What, RawTable Table)> Mutants(RawTable original)
    {
        var messages = original.Messages;
        RawTable With(int place, params Message[] instead) => new([.. messages.Take(place), .. instead, .. messages.Skip(place + 1)]);
        // Of equal expressions one is enough, and of a set's elements.
        var known = new HashSet<string>();
        for (var place = 0; place < messages.Count; place++)
        {
            var message = messages[place];
            var name = $"{message.Type} {string.Join('/', message.Attributes.Take(2).Select(a => a.Text))} #{place}";
            foreach (var (what, attributes) in Changes(message.Attributes,
                message.Type.ToString(System.Globalization.CultureInfo.InvariantCulture), known))
            {
                yield return ($"{name}: {what}", With(place, message with { Attributes = attributes }));
            }

            if (message.Type != 0)
            {
                yield return ($"{name} left out", With(place));
            }

            if (message.Type == NewRule)
            {
                yield return ($"{name} twice", With(place, message, message));
                if (place + 1 < messages.Count && messages[place + 1].Type == NewRule)
                {
                    yield return ($"{name} after the next",
                        new([.. messages.Take(place), messages[place + 1], message, .. messages.Skip(place + 2)]));
                }
            }

            if (message.Type is 3 or NewSet or 18)
            {
                yield return ($"{name} with a stranger beside it", With(place, message, message with
                {
                    Attributes = [.. message.Attributes.Select(a => IsName(message.Type, a) ? Field.OfText(a.Type, "stranger") : a)],
                }));
            }
        }
    }

    private static bool IsName(ushort message, Field attribute) => attribute.Type == (message == 3 ? 3 : 2);

    private static IEnumerable<(string What, IReadOnlyList<Field> Attributes)> Changes(IReadOnlyList<Field> attributes, string path,
        HashSet<string> known)
    {
        for (var i = 0; i < attributes.Count; i++)
        {
            var attribute = attributes[i];
            IReadOnlyList<Field> With(params Field[] instead) => [.. attributes.Take(i), .. instead, .. attributes.Skip(i + 1)];
            if (!known.Add($"{path}/{attribute}"))
            {
                continue;
            }

            yield return ($"{path}/{attribute} left out", With());
            foreach (var changed in Flipped(attribute.Content).Where(_ => attribute.Nested is null))
            {
                yield return ($"{path}/{attribute} as {Convert.ToHexStringLower(changed)}", With(attribute with { Content = changed }));
            }

            foreach (var (what, nested) in attribute.Nested is null ? [] : Changes(attribute.Nested, $"{path}/{attribute.Type}", known))
            {
                yield return (what, With(attribute with { Nested = nested }));
            }
        }

        if (!known.Add($"{path} and more {string.Join(',', attributes.Select(a => a.Type))}"))
        {
            yield break;
        }

        for (ushort type = 1; type < Attributes; type++)
        {
            if (attributes.Any(a => a.Type == type))
            {
                continue;
            }
            // A number or flag, a time, and a number in a nest (a set's size).
            yield return ($"{path} and {type}", [.. attributes, Field.OfNumber(type, 1)]);
            yield return ($"{path} and a long {type}", [.. attributes, new(type, [0, 0, 0, 0, 0, 1, 0, 0], null)]);
            yield return ($"{path} and a nest {type}", [.. attributes, new(type, [], [Field.OfNumber(1, 1000)])]);
        }
    }

    private static IEnumerable<byte[]> Flipped(byte[] content)
    {
        foreach (var place in new[] { 0, content.Length - 2, content.Length - 1 }.Where(p => p >= 0 && p < content.Length).Distinct())
        {
            var changed = content.ToArray();
            changed[place] ^= 1;
            yield return changed;
        }
    }

    private static string Difference(string before, string after)
    {
        var (former, later) = (before.Split('\n'), after.Split('\n'));
        return string.Join('\n', former.Except(later).Select(l => "- " + l).Concat(later.Except(former).Select(l => "+ " + l)));
    }

    private static IpSetMember Member(string address, byte protocol = 0, ushort port = 0) => new(Of(address), protocol, port);

    private static Cidr Of(string text) => Cidr.TryParse(text, out var cidr) ? cidr : throw new AssertionException(text);
}
