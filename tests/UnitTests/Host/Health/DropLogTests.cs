using System.Collections.Immutable;
using Calico.Dataplane.Drops;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Felix.Rules;
using Calico.Host.Health;
using Calico.Host.Workloads;
using Calico.TestKit;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Health;

/// <summary>What is kept of dropped packets, and under which names.</summary>
public sealed class DropLogTests
{
    private static readonly Provenance Rule = new(Kinds.GlobalNetworkPolicy.Key("shut"), "default", 1,
        "7") { Direction = PolicyDirection.Ingress };

    private readonly ManualTime _time = new();
    private readonly EndpointBook _book = new();
    private DropLog _log = null!;

    [SetUp]
    public void SetUp()
    {
        _log = new(_book, _time);
        Add("w1", "cali1", "10.0.0.1/32", "shop");
        Add("w2", "cali2", "10.0.0.2/32", "");
    }

    [Test]
    public void Packets_alike_within_a_second_are_one_entry_and_are_listed_when_it_is_over()
    {
        _log.Note(Packet(80));
        _log.Note(Packet(80));
        _log.Note(Packet(81));
        Assert.That(_log.List(0), Is.Empty, "they may still grow");
        _time.Advance(TimeSpan.FromSeconds(1));
        _log.Note(Packet(80));
        Assert.That(_log.List(0).Select(d => (d.Number, d.Port, d.Packets)), Is.EqualTo(new[] { (1L, 80, 2), (2L, 81, 1) }));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_log.List(2).Select(d => (d.Number, d.Port, d.Packets)), Is.EqualTo(new[] { (3L, 80, 1) }), "only what came after");
    }

    [Test]
    public void Ends_have_their_own_names_and_the_rule_is_named()
    {
        _log.Note(Packet(80));
        _log.Note(new("tier-default", PolicyDirection.Egress, "eth0", Packet(80).Packet, Provenance.EndOfTier("default")));
        _log.Note(new("profile-none", PolicyDirection.Ingress, "", null, null));
        _log.Note(Packet(80) with { Reason = "staged" });
        _log.Note(Packet(80) with { Reason = "staged", Rule = Rule with { RuleIndex = -1 } });
        _time.Advance(TimeSpan.FromSeconds(1));
        var drops = _log.List(0);
        Assert.That(drops.Skip(3).Select(d => (d.Reason, d.Policy, d.Rule)), Is.EqualTo(new[]
        {
            ("staged", "default/GlobalNetworkPolicy(shut)", 1), ("staged", "default/GlobalNetworkPolicy(shut), end of tier default", -1),
        }));
        _log.Note(Packet(80) with { Reason = "staged", Rule = Rule with { RuleIndex = -1, Note = "unknown field alpha" } });
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_log.List(drops[^1].Number).Single().Policy,
            Is.EqualTo("default/GlobalNetworkPolicy(shut), unusable: unknown field alpha"));
        Assert.That(drops[0] with { Time = default },
            Is.EqualTo(new DropReport(1, default, 1, "shop", "cali1", "ingress", "10.0.0.2", "cni/w2/eth0", "tcp", 80,
            "policy", "default/GlobalNetworkPolicy(shut)", 1)));
        Assert.That((drops[1].Endpoint, drops[1].Interface, drops[1].PeerName, drops[1].Policy),
            Is.EqualTo(("host", "eth0", "shop", "end of tier default")));
        Assert.That((drops[2].Endpoint, drops[2].Peer, drops[2].Protocol, drops[2].Policy), Is.EqualTo(("", "", "", "")));
    }

    [Test]
    public void No_more_than_the_latest_are_kept()
    {
        for (var port = 0; port < DropLog.Kept + 10; port++)
        {
            _log.Note(Packet((ushort)port));
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_log.List(0).Select(d => d.Number), Is.EqualTo(Enumerable.Range(11, DropLog.Kept)));
    }

    [Test]
    public void What_staged_policies_would_drop_drives_out_nothing_that_was_dropped()
    {
        _log.Note(Packet(80));
        for (var port = 0; port < DropLog.Kept + 10; port++)
        {
            _log.Note(Packet((ushort)port) with { Reason = "staged" });
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_log.List(0)[0].Reason, Is.EqualTo("policy"));
        Assert.That(_log.List(0), Has.Length.EqualTo(1 + DropLog.Kept));
    }

    private static DroppedPacket Packet(ushort port) => new("policy", PolicyDirection.Ingress, "cali1",
        new FirstPacket(Cidr.Parse("10.0.0.2/32"), Cidr.Parse("10.0.0.1/32"), 6, 1234, port, null), Rule);

    private void Add(string workload, string link, string address, string name)
    {
        var record = new EndpointRecord
        {
            Orchestrator = "cni", Workload = workload, Endpoint = "eth0", Instance = "1", Adapter = "cni", HostInterface = link, Mac = "",
                Addresses = [address],
            Facts = name.Length == 0 ? ImmutableSortedDictionary<string, string>.Empty : new Dictionary<string, string> { ["name"] = name }
                .ToImmutableSortedDictionary(),
        };
        _book.Add(new(record, EndpointState.Enforced));
        _book.TryTake(link, record.Id);
    }
}
