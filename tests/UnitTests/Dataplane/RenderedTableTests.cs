using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.TestKit;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>Whole tables as the kernel gets them: a change of any rule shows here, with all that stands around it.</summary>
[TestFixture]
public sealed class RenderedTableTests
{
    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");

    [Test]
    public Task Table_of_a_node_without_workloads() => Verifier.Verify(RuleText.Table(new(new() { NodeName = "node-a" })));

    [Test]
    public Task Table_of_two_workloads_with_a_policy_and_a_profile()
    {
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        IpSetMember[] clients = [new(Cidr.Parse("10.65.0.2/32")), new(Cidr.Parse("fd00:65::2/128"))];
        IpSetMember[] pools = [new(Cidr.Parse("10.65.0.0/16"))];
        var policy = Kinds.NetworkPolicy.Key("default", "web");
        DataplaneUpdate[] updates =
        [
            new SettingsUpdate(new() { EndpointToHost = HostAction.Accept, NatPorts = new(20000, 30000) }),
            new IpSetUpdate("s:clients", IpSetType.Hosts, new([.. clients]), []),
            new IpSetUpdate(WellKnownSets.AllPools, IpSetType.Nets, new([.. pools]), []),
            new IpSetUpdate(WellKnownSets.MasqueradePools, IpSetType.Nets, new([.. pools]), []),
            new RuleListUpdate(new("tier/web/ingress", new(
            [
                new(new() { Protocol = 6, Source = new() { Set = "s:clients" },
                    Destination = new() { Ports = new([new(80, 80), new(443, 443)]) } }, RuleAction.Allow, Where),
                new(new() { NotProtocol = 17, Source = new() { NotNets = new([Cidr.Parse("10.65.0.0/16")]) } }, RuleAction.Log, Where),
                new(RuleMatch.Any, RuleAction.Deny, Where),
            ]))),
            new RuleListUpdate(new("profile/net/ingress", new([new(RuleMatch.Any, RuleAction.Pass, Where)]))),
            new RuleListUpdate(new("profile/net/egress", new([new(RuleMatch.Any, RuleAction.Allow, Where)]))),
            new EndpointUpdate(new("cni", "web", "eth0"), "cali1", EndpointGate.Open,
                new(new([new ProgramTier("default", TierDefault.Deny, new([policy]), "tier/web/ingress")]), new(["profile/net/ingress"])),
                new([], new(["profile/net/egress"])), new([Cidr.Parse("10.65.0.1/32")]), []),
            new EndpointUpdate(new("cni", "client", "eth0"), "cali2", EndpointGate.NotLabelled,
                new([], new(["profile/net/ingress"])), new([], new(["profile/net/egress"])), new([Cidr.Parse("10.65.0.2/32")]),
                new([Cidr.Parse("192.0.2.0/24")])),
        ];
        foreach (var update in updates)
        {
            translator.Apply(update);
        }

        return Verifier.Verify(RuleText.Table(translator));
    }

    [Test]
    public Task Table_of_a_host_with_host_endpoints_and_a_staged_policy()
    {
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        var staged = new Provenance(Kinds.StagedGlobalNetworkPolicy.Key("later"), "default", 0,
            "7") { Direction = PolicyDirection.Ingress };
        DataplaneUpdate[] updates =
        [
            new SettingsUpdate(new() { Failsafes = new([new(6, 22), new(17, 68, Cidr.Parse("192.0.2.0/24"))], [new(17, 53)]) }),
            new RuleListUpdate(new("tier/default/ingress/1", new(
            [
                new(new() { Protocol = 6 }, RuleAction.Deny, staged) { IsStaged = true },
                new(RuleMatch.Any, RuleAction.Pass, staged with { RuleIndex = -1 }) { IsStaged = true },
                new(new() { Protocol = 17 }, RuleAction.Allow, Where),
            ]))),
            new RuleListUpdate(new("untracked/default/ingress/2",
                new([new(new() { Protocol = 6 }, RuleAction.Allow, Where)])) { Stage = PolicyStage.Untracked }),
            new RuleListUpdate(new("prednat/default/ingress/3",
                new([new(new() { Protocol = 6 }, RuleAction.Allow, Where)])) { Stage = PolicyStage.PreDnat }),
            new HostInterfaceUpdate("eth0", "web",
                Programs(Program("tier/default/ingress/1"), forward: Program("tier/default/ingress/1") with { PassesOn = true },
                untracked: Program("untracked/default/ingress/2") with { PassesOn = true },
                    preDnat: Program("prednat/default/ingress/3") with { PassesOn = true })),
            new HostInterfaceUpdate(HostInterfaceUpdate.AllInterfaces, "all", Programs(PolicyProgram.Empty)),
        ];
        foreach (var update in updates)
        {
            translator.Apply(update);
        }

        return Verifier.Verify(RuleText.Table(translator));
    }

    [Test]
    public void Table_is_as_before_when_the_last_host_endpoint_is_gone()
    {
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        var before = RuleText.Table(translator);
        translator.Apply(new HostInterfaceUpdate("eth0", "web", Programs(PolicyProgram.Empty)));
        translator.Apply(new HostInterfaceUpdate(HostInterfaceUpdate.AllInterfaces, "all", Programs(PolicyProgram.Empty)));
        translator.Apply(new HostInterfaceRemove("eth0"));
        translator.Apply(new HostInterfaceRemove(HostInterfaceUpdate.AllInterfaces));
        Assert.That(RuleText.Table(translator), Is.EqualTo(before));
    }

    private static PolicyProgram Program(string list) => new([], [list]);

    private static HostPrograms Programs(PolicyProgram ingress, PolicyProgram? forward = null, PolicyProgram? untracked = null,
        PolicyProgram? preDnat = null)
    {
        var nothing = PolicyProgram.Empty with { PassesOn = true };
        return new(ingress, PolicyProgram.Empty, forward ?? nothing, nothing, untracked ?? nothing, nothing, preDnat ?? nothing);
    }
}
