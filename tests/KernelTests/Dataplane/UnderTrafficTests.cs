using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.TestKit;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Changes while packets are on their way: what the old and the new policy decide alike is decided so in between.</summary>
/// <remarks>
/// Of each direction four ports, judged by two rules each that ask one set each, of which the address is always in just one. Between the
/// two stand other rules, so that packets are often between them when something changes.
/// </remarks>
[NonParallelizable]
public sealed class UnderTrafficTests
{
    private const ushort Ingress = 7000;
    private const ushort Egress = 7010;
    private const byte Udp = 17;
    private const int Between = 60;

    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");
    private static readonly DataplaneOptions Options = new() { NodeName = "test" };

    /// <summary>What a direction's lists ask by now.</summary>
    private sealed class Side(ushort ports, string[] addresses, IpSetType type)
    {
        public string Name => ports == Ingress ? "ingress" : "egress";

        public ushort Ports => ports;

        public IpSetType Type => type;

        public ImmutableArray<IpSetMember> Addresses { get; } = [.. addresses.Select(a => new IpSetMember(Of(a)))];

        public int Sets { get; set; }

        public int List { get; set; }

        public int Rules { get; set; }

        /// <summary>In which of the two it is, of the sets that are asked for presence, and for absence.</summary>
        public (int Present, int Absent) In { get; set; }

        public string Set(char kind, int number) => $"s:{Name}-{kind}{number}-{Sets}";

        public string ListId => $"tier/{Name}/{List}";

        private static Cidr Of(string address) =>
            Cidr.TryParse(address + (address.Contains(':') ? "/128" : "/32"), out var c) ? c : throw new AssertionException(address);
    }

    [Test]
    public void Not_one_packet_passes_that_old_and_new_policy_deny_nor_is_lost_that_both_allow() => Run(2_000, withGrace: true);

    [Test, Category("long")]
    public void The_same_ten_thousand_times() => Run(10_000, withGrace: true);

    /// <summary>The test can fail: as it was before, what leaves in the transaction that ends its use.</summary>
    [TestCase(10_000, Category = "long")]
    public void The_former_order_of_deletions_is_caught(int updates) => Assert.That(() => Run(updates, withGrace: false),
        Throws.InstanceOf<AssertionException>().With.Message.Contains("without grace periods"));

    [Test]
    public void Sets_of_ranges_too() => Run(1_000, withGrace: true, IpSetType.Nets);

    private static void Run(int updates, bool withGrace, IpSetType type = IpSetType.Hosts)
    {
        var seed = Seed.Next();
        var random = new Random(seed);
        var (ingress, egress) = (new Side(Ingress, Flood.Sender, type), new Side(Egress, Flood.Receiver, type));
        ushort[] ports = [.. new[] { Ingress, Egress }.SelectMany(p => Enumerable.Range(p + 1, 4)).Select(p => (ushort)p)];
        using var flood = new Flood(ports);
        using var table = new TableReconciler(flood.Host.OpenNft(), Options);
        using var grace = new GracePeriod(ct => GracePeriod.WaitAsync(TimeProvider.System, ct), () => { });
        var policy = new RulesetTranslator(Options);
        foreach (var side in new[] { ingress, egress })
        {
            AddSets(policy, side);
            AddList(policy, side);
        }

        AddEndpoints(policy, ingress, egress);
        Commit();
        flood.Begin();
        var waited = 0;
        for (var update = 0; update < updates; update++)
        {
            foreach (var side in new[] { ingress, egress })
            {
                Change(random, policy, (side, ingress, egress));
            }

            Other(random, policy, ingress);
            Commit();
            waited += policy.Ruleset.IsPending ? 1 : 0;
        }

        flood.End();
        var counts = ports.ToDictionary(p => p, flood.Count);
        var passed = ports.Where(IsDenied).Sum(p => (long)counts[p].Passed);
        var lost = ports.Where(p => !IsDenied(p)).Sum(p => (long)(counts[p].Sent - counts[p].Passed));
        var (denied, allowed) = (ports.Where(IsDenied).Sum(p => (long)counts[p].Sent), ports.Where(p => !IsDenied(p))
            .Sum(p => (long)counts[p].Sent));
        var said = $"seed {seed}, {updates} updates of each direction, {(withGrace ? "with" : "without")} grace periods: {passed} of {denied} passed, {lost} of {allowed} lost; "
            + string.Join(", ", counts.Select(c => $"{c.Key}: {c.Value.Passed}/{c.Value.Sent}"));
        TestContext.Progress.WriteLine(said);
        Assert.That(denied, Is.GreaterThan(updates), said);
        Assert.That((passed, lost), Is.EqualTo((0L, 0L)), said);
        // And what left is gone.
        Assert.That(waited, withGrace ? Is.Positive : Is.Zero);
        SpinWait.SpinUntil(() =>
        {
            Commit();
            return !policy.Ruleset.IsPending;
        }, Patience);
        Assert.That(policy.Ruleset.Rebase(table.Read(policy.Ruleset.Table)), Is.Empty);
        Assert.That(policy.Ruleset.IsPending, Is.False, "nothing is left behind");

        void Commit()
        {
            grace.Take(policy.Ruleset);
            if (!withGrace)
            {
                policy.Ruleset.Hurry();
            }

            table.Commit(policy.Ruleset);
            grace.Begin(policy.Ruleset);
        }
    }

    private static bool IsDenied(ushort port) => port % 2 == 1;

    /// <summary>In the order in which Felix tells: sets, lists, endpoints, then what is gone.</summary>
    private static void Change(Random random, RulesetTranslator policy, (Side Of, Side Ingress, Side Egress) sides)
    {
        var side = sides.Of;
        switch (random.Next(8))
        {
            case 0:
                // Other sets with the same rules.
                var former = Sets(side);
                side.Sets++;
                AddSets(policy, side);
                AddList(policy, side);
                former.ForEach(s => policy.Apply(new IpSetRemove(s)));
                break;
            case 1:
                side.Rules++;
                AddList(policy, side);
                break;
            case 2:
                var list = side.ListId;
                side.List++;
                AddList(policy, side);
                AddEndpoints(policy, sides.Ingress, sides.Egress);
                policy.Apply(new RuleListRemove(list));
                break;
            default:
                Move(policy, side);
                break;
        }
    }

    private static void Move(RulesetTranslator policy, Side side)
    {
        side.In = (3 - side.In.Present, 3 - side.In.Absent);
        foreach (var (kind, to) in new[] { ('d', side.In.Present), ('n', side.In.Absent) })
        {
            policy.Apply(new IpSetUpdate(side.Set(kind, 3 - to), side.Type, [], [.. side.Addresses]));
            policy.Apply(new IpSetUpdate(side.Set(kind, to), side.Type, [.. side.Addresses], []));
        }
    }

    /// <summary>Endpoints that have nothing to do with it come and go, with programs of their own.</summary>
    private static void Other(Random random, RulesetTranslator policy, Side side)
    {
        var number = random.Next(4);
        if (policy.Find(Id($"x{number}")) is null)
        {
            string[] lists = [.. Enumerable.Repeat(side.ListId, random.Next(1, 4))];
            policy.Apply(new EndpointUpdate(Id($"x{number}"), $"calix{number}", EndpointGate.Open, new([], [.. lists]),
                new([], [.. lists]), [], []));
        }
        else
        {
            policy.Apply(new EndpointRemove(Id($"x{number}")));
        }
    }

    private static void AddEndpoints(RulesetTranslator policy, Side ingress, Side egress)
    {
        policy.Apply(new RuleListUpdate(new("profile/any", [new(RuleMatch.Any, RuleAction.Allow, Where)])));
        foreach (var name in new[] { Flood.SenderName, Flood.ReceiverName })
        {
            policy.Apply(new EndpointUpdate(Id(name), name, EndpointGate.Open, new([], [ingress.ListId, "profile/any"]),
                new([], [egress.ListId, "profile/any"]), [], []));
        }
        // What the others' programs name must not go before them.
        foreach (var other in policy.Updates.Where(u => u.InterfaceName.StartsWith("calix", StringComparison.Ordinal)).ToList())
        {
            policy.Apply(new EndpointRemove(other.Id));
        }
    }

    private static List<string> Sets(Side side) => [.. "dn".SelectMany(kind => new[] { 1, 2 }.Select(n => side.Set(kind, n)))];

    private static void AddSets(RulesetTranslator policy, Side side)
    {
        foreach (var set in Sets(side))
        {
            policy.Apply(new IpSetUpdate(set, side.Type, [], []));
        }

        side.In = (2 - (side.Sets % 2), 1 + (side.Sets % 2));
        policy.Apply(new IpSetUpdate(side.Set('d', side.In.Present), side.Type, [.. side.Addresses], []));
        policy.Apply(new IpSetUpdate(side.Set('n', side.In.Absent), side.Type, [.. side.Addresses], []));
    }

    private static void AddList(RulesetTranslator policy, Side side)
    {
        var order = side.Rules % 2 == 0 ? new[] { 1, 2 } : [2, 1];
        var rules = ImmutableArray.CreateBuilder<CompiledRule>();
        foreach (var number in order)
        {
            rules.Add(Asks(1, RuleAction.Deny, new() { Set = side.Set('d', number) }));
            rules.Add(Asks(2, RuleAction.Allow, new() { Set = side.Set('d', number) }));
            rules.Add(Asks(3, RuleAction.Deny, new() { NotSet = side.Set('n', number) }));
            rules.Add(Asks(4, RuleAction.Allow, new() { NotSet = side.Set('n', number) }));
            rules.AddRange(Enumerable.Range(0, Between)
                .Select(i => Rule((ushort)(9000 + side.Rules % 7 + i), RuleAction.Deny, SideMatch.Any)));
        }

        rules.Add(Asks(2, RuleAction.Deny, SideMatch.Any));
        rules.Add(Asks(4, RuleAction.Deny, SideMatch.Any));
        policy.Apply(new RuleListUpdate(new(side.ListId, new(rules.ToImmutable()))));

        CompiledRule Asks(int port, RuleAction action, SideMatch asked) => Rule((ushort)(side.Ports + port), action, asked);

        CompiledRule Rule(ushort port, RuleAction action, SideMatch asked) => new(new()
        {
            Protocol = Udp,
            Source = side.Ports == Ingress ? asked : SideMatch.Any,
            Destination = (side.Ports == Ingress ? SideMatch.Any : asked) with { Ports = [new(port, port)] },
        }, action, Where);
    }
}
