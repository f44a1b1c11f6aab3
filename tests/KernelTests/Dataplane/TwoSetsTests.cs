using System.Collections.Immutable;
using System.Diagnostics;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>What the walked form cannot make safe, measured: one rule that asks two sets of one packet, while one loses and the other
/// gains.</summary>
[NonParallelizable]
public sealed class TwoSetsTests
{
    private const ushort Port = 7001;
    private const string From = "s:from";
    private const string To = "s:to";

    private static readonly DataplaneOptions Options = new() { NodeName = "test" };
    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");
    private static readonly ImmutableArray<IpSetMember> Sender = [.. Flood.Sender.Select(Of)];
    private static readonly ImmutableArray<IpSetMember> Receiver = [.. Flood.Receiver.Select(Of)];

    /// <summary>Bounded by the grace period: longer than that nothing passes.</summary>
    [Test, Category("long")]
    public void A_rule_of_two_sets_matches_for_a_grace_period_what_neither_policy_allows()
    {
        const int Updates = 500;
        using var flood = new Flood(Port);
        using var table = new TableReconciler(flood.Host.OpenNft(), Options);
        using var grace = new GracePeriod(ct => GracePeriod.WaitAsync(TimeProvider.System, ct), () => { });
        var policy = new RulesetTranslator(Options);
        policy.Apply(new IpSetUpdate(From, IpSetType.Hosts, [.. Sender], []));
        policy.Apply(new IpSetUpdate(To, IpSetType.Hosts, [], []));
        policy.Apply(new RuleListUpdate(new("tier/in", [new(new()
        {
            Source = new() { Set = From }, Destination = new() { Set = To },
        }, RuleAction.Allow, Where)])));
        policy.Apply(new RuleListUpdate(new("profile/any", [new(RuleMatch.Any, RuleAction.Allow, Where)])));
        foreach (var (name, ingress) in new[] { (Flood.SenderName, "profile/any"), (Flood.ReceiverName, "tier/in") })
        {
            policy.Apply(new EndpointUpdate(Id(name), name, EndpointGate.Open, new([], [ingress]), new([], ["profile/any"]), [], []));
        }

        Commit();
        flood.Begin();
        var (open, worst) = (TimeSpan.Zero, TimeSpan.Zero);
        for (var update = 0; update < Updates; update++)
        {
            // Either the sender is in its set, or the receiver in its own; never both.
            var isSenders = update % 2 == 1;
            policy.Apply(new IpSetUpdate(From, IpSetType.Hosts, isSenders ? [.. Sender] : [], isSenders ? [] : [.. Sender]));
            policy.Apply(new IpSetUpdate(To, IpSetType.Hosts, isSenders ? [] : [.. Receiver], isSenders ? [.. Receiver] : []));
            var began = Stopwatch.GetTimestamp();
            SpinWait.SpinUntil(() =>
            {
                Commit();
                return !policy.Ruleset.IsPending;
            }, Patience);
            var took = Stopwatch.GetElapsedTime(began);
            (open, worst) = (open + took, took > worst ? took : worst);
        }

        flood.End();
        var (sent, passed) = flood.Count(Port);
        TestContext.Out.WriteLine($"{Updates} updates, {passed} of {sent} passed; each update stood open for "
            + $"{open.TotalMilliseconds / Updates:0.0} ms on average, {worst.TotalMilliseconds:0.0} at most");
        Assert.That(passed, Is.Positive, "it is safe by now: say so in docs/design/dataplane.md, and take this test away");

        void Commit()
        {
            grace.Take(policy.Ruleset);
            table.Commit(policy.Ruleset);
            grace.Begin(policy.Ruleset);
        }
    }

    private static IpSetMember Of(string address) => new(Cidr.Parse(address + (address.Contains(':') ? "/128" : "/32")));
}
