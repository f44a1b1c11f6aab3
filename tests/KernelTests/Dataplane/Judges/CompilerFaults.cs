using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>The faults that the judges have to catch. docs/mutation.md lists them.</summary>
internal static class CompilerFaults
{
    private const string Lists = "list/";

    public static IEnumerable<CompilerFault> All =>
    [
        OfRule("Pass is Allow", r => r.Action == RuleAction.Pass && !r.IsStaged ? r with { Action = RuleAction.Allow } : r),
        OfRule("Log decides", r => r.Action == RuleAction.Log && !r.IsStaged ? r with { Action = RuleAction.Pass } : r),
        OfRule("a staged policy is enforced", r => r with { IsStaged = false }),
        OfRule("a rule of the place beside it", r => r with { Provenance = r.Provenance with { RuleIndex = r.Provenance.RuleIndex ^ 1 } }),
        OfMatch("source and destination exchanged", m => m with { Source = m.Destination, Destination = m.Source }),
        OfMatch("ipVersion ignored", m => m with { IpVersion = null }),
        OfMatch("notProtocol ignored", m => m with { NotProtocol = null }),
        OfMatch("the code of ICMP ignored", m => m with { Icmp = m.Icmp is { } icmp ? icmp with { Code = null } : null }),
        OfMatch("notICMP ignored", m => m with { NotIcmp = null }),
        OfSide("the last port of a range left out", s => s with
        {
            Ports = [.. s.Ports.Items.Select(p => p with { Last = (ushort)Math.Max(p.First, p.Last - 1) })],
        }),
        OfSide("a range asked without the others", s => s with { Ports = [.. s.Ports.Items.Take(1)] }),
        OfSide("notPorts ignored", s => s with { NotPorts = [] }),
        OfSide("nets ignored", s => s with { Nets = [] }),
        OfSide("notNets ignored", s => s with { NotNets = [] }),
        OfSide("selector ignored", s => s with { Set = null }),
        OfSide("notSelector taken for selector", s => s.NotSet is null ? s : s with { Set = s.NotSet, NotSet = null }),
        OfSide("a named port is any port", s => s with { PortSet = null }),
        OfSide("not a named port ignored", s => s with { NotPortSets = [] }),
        OfList("a tier has no end", rules => rules.Where(r => !r.Provenance.IsEndOfTier)),
        OfList("rules the other way round", rules => rules.Where(r => !r.Provenance.IsEndOfTier).Reverse()
            .Concat(rules.Where(r => r.Provenance.IsEndOfTier))),
        OfUpdate("tiers the other way round", u => u is EndpointUpdate e
            ? e with { Ingress = e.Ingress with { Tiers = [.. e.Ingress.Tiers.Items.Reverse()] } } : u),
        OfUpdate("profiles left out", u => u is EndpointUpdate e ? e with { Ingress = e.Ingress with { Profiles = [] } } : u),
        OfUpdate("directions exchanged", u => u is EndpointUpdate e ? e with { Ingress = e.Egress, Egress = e.Ingress } : u),
        OfUpdate("members that leave stay", u => u is IpSetUpdate s ? s with { Removed = [] } : u),
        OfUpdate("one member does not come", u => u is IpSetUpdate { Type: not IpSetType.HostPorts } s
            ? s with { Added = [.. s.Added.Items.Skip(1)] } : u),
        OfUpdate("what is forwarded is judged as the host's", u => u is HostInterfaceUpdate h
            ? h with { Programs = h.Programs with { ForwardIngress = h.Programs.Ingress } } : u),
        OfUpdate("preDNAT left out", u => u is HostInterfaceUpdate h
            ? h with { Programs = h.Programs with { PreDnat = PolicyProgram.Empty with { PassesOn = true } } } : u),
        OfUpdate("untracked policies judge as tracked", u => u is RuleListUpdate l
            ? l with { List = l.List with { Stage = PolicyStage.Normal } } : u),
        new("rules of a list are not written anew") { Compile = new OnceOnly().Of },
        OfKernel("rules of IPv6 left out", (_, rule) => rule.Expressions.Any(e => e is Payload { Length: 16 }) ? [] : [rule]),
        OfKernel("not in a set taken for in it", (_, rule) =>
            [With(rule, e => e is Lookup { Inverted: true } l ? Lookup.In(l.Set, l.Key) : e)]),
        OfKernel("another rule's number", (_, rule) => [With(rule, e => e is Immediate i ? i with { Value = NftValue.Native(1) } : e)]),
        OfKernel("not counted", (_, rule) => [rule with { Expressions = [.. rule.Expressions.Where(e => e is not ObjectReference)] }]),
        OfKernel("a range without its end", (_, rule) => [With(rule, e => e is RangeMatch r ? r with { Last = r.First } : e)]),
    ];

    private static CompilerFault OfUpdate(string name, Func<DataplaneUpdate, DataplaneUpdate> change) =>
        new(name) { Compile = u => [change(u)] };

    private static CompilerFault OfList(string name, Func<IEnumerable<CompiledRule>, IEnumerable<CompiledRule>> change) =>
        OfUpdate(name, u => u is RuleListUpdate l ? l with { List = l.List with { Rules = [.. change(l.List.Rules.Items)] } } : u);

    private static CompilerFault OfRule(string name, Func<CompiledRule, CompiledRule> change) =>
        OfList(name, rules => rules.Select(r => r.Provenance.IsEndOfTier ? r : change(r)));

    private static CompilerFault OfMatch(string name, Func<RuleMatch, RuleMatch> change) =>
        OfRule(name, r => r with { Match = change(r.Match) });

    private static CompilerFault OfSide(string name, Func<SideMatch, SideMatch> change) =>
        OfMatch(name, m => m with { Source = change(m.Source), Destination = change(m.Destination) });

    private static CompilerFault OfKernel(string name, Func<string, NftRule, IEnumerable<NftRule>> change) => new(name)
    {
        Render = (chain, rule) => chain.StartsWith(Lists, StringComparison.Ordinal) ? change(chain, rule) : [rule],
    };

    private static NftRule With(NftRule rule, Func<NftExpression, NftExpression> change) =>
        rule with { Expressions = [.. rule.Expressions.Select(change)] };

    /// <summary>A list as it was first told.</summary>
    private sealed class OnceOnly
    {
        private readonly HashSet<string> _told = new(StringComparer.Ordinal);

        public IEnumerable<DataplaneUpdate> Of(DataplaneUpdate update)
        {
            if (update is RuleListRemove removed)
            {
                _told.Remove(removed.Id);
            }

            return update is RuleListUpdate list && !_told.Add(list.List.Id) ? [] : [update];
        }
    }
}
