using System.Collections.Immutable;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>The base chains and what they dispatch through; in the kernel, with empty maps, before the first endpoint exists.</summary>
/// <remarks>
/// Order of everything: dispatch first, then "established": a packet of an endpoint that was taken out meets no map any more, whatever
/// connection it belongs to. Accept ends only its base chain, so the sender's policy (filter - 1) and the receiver's (filter) both
/// judge local traffic. An unknown name with our prefix drops. docs/design/dataplane.md has the picture.
/// </remarks>
internal sealed partial class Skeleton(Ruleset ruleset, Func<string, bool, string> nameOf, DataplaneOptions options, HostChains hosts)
{
    private const int RawPriority = -300;
    private const int FilterPriority = 0;
    private const int SourceNatPriority = 100;
    private const ushort VxlanPort = 4789;
    private const byte Ipip = 4;

    /// <summary>Makes the sets, maps and chains that exist whatever policy says.</summary>
    public void Define(NodeSettings settings)
    {
        foreach (var reason in DropReason.All)
        {
            ruleset.Counters.Define(Names.Drop(reason));
            ruleset.SetChain(Names.DropChain(reason),
                [.. TellOf(reason), new RuleBuilder().End("", Counter.Named(Names.Drop(reason)), Verdict.Drop)]);
        }

        foreach (var dispatch in new[]
        {
            NftSet.Of(Names.Workloads, NftDataType.LinkName),
            NftSet.Map(Names.EgressPrograms, NftDataType.Mark, NftDataType.LinkName),
            NftSet.Map(Names.IngressPrograms, NftDataType.Mark, NftDataType.LinkName),
            NftSet.VerdictMap(Names.Established, NftDataType.ConntrackState),
        })
        {
            // An endpoint that goes stops at once.
            ruleset.DefineSet(dispatch).LeavesAtOnce = true;
        }

        ruleset.DefineSet(NftSet.VerdictMap(Names.Programs, NftDataType.Mark));
        ruleset.SetChain(Names.Invalid, [new RuleBuilder().Drop(DropReason.Invalid)]);
        ruleset.ReplaceElements(Names.Established, Established(settings));
        ruleset.SetChain(Names.NotLabelled, [new RuleBuilder().Drop(DropReason.NotLabelled)]);
        DefineMartians();
        ruleset.SetChain(Names.WorkloadEgress, Workload(MetaKey.IncomingName, Names.EgressPrograms));
        ruleset.SetChain(Names.WorkloadIngress, Workload(MetaKey.OutgoingName, Names.IngressPrograms));
        ruleset.SetChain(Names.WorkloadToHost, WorkloadToHost(settings));
        DefineBaseChains();
    }

    /// <summary>Checks of what workloads send, before anything else sees it.</summary>
    /// <param name="settings">What may pass.</param>
    /// <param name="allowsSources">Whether some endpoint may send from other sources, by family.</param>
    public void DefineWorkloadRaw(NodeSettings settings, (bool Ipv4, bool Ipv6) allowsSources)
    {
        var rules = ImmutableArray.CreateBuilder<NftRule>();
        rules.AddRange(DispatchMartians());
        rules.Add(new RuleBuilder().IcmpV6Types(134, 134).Drop(DropReason.RouterAdvertisement));
        rules.Add(new RuleBuilder().Udp(67, 68).Drop(DropReason.DhcpServer));
        rules.Add(new RuleBuilder().Udp(547, 546).Drop(DropReason.DhcpServer));
        if (!settings.AllowVxlanFromWorkloads)
        {
            rules.Add(new RuleBuilder().UdpTo(VxlanPort).Drop(DropReason.Encapsulation));
        }

        if (!settings.AllowIpipFromWorkloads)
        {
            rules.Add(new RuleBuilder().Protocol(Ipip).Drop(DropReason.Encapsulation));
        }

        if (allowsSources.Ipv4)
        {
            rules.Add(new RuleBuilder().Family(false).NameAndSourceIn(false, Names.AllowedSources4).Accept());
        }

        if (allowsSources.Ipv6)
        {
            rules.Add(new RuleBuilder().Family(true).NameAndSourceIn(true, Names.AllowedSources6).Accept());
        }

        rules.Add(new RuleBuilder().Spoofed().Drop(DropReason.AntiSpoof));
        ruleset.SetChain(Names.WorkloadRaw, rules.ToImmutable());
    }

    /// <summary>Masquerading; absent while no pool wants it, because a nat chain costs every new connection.</summary>
    public void DefineMasquerade(NodeSettings settings, (bool Ipv4, bool Ipv6) wanted)
    {
        if (!wanted.Ipv4 && !wanted.Ipv6)
        {
            ruleset.RemoveChain(Names.NatPostrouting);
            return;
        }

        var rules = ImmutableArray.CreateBuilder<NftRule>();
        foreach (var isIpv6 in new[] { false, true })
        {
            if (isIpv6 ? wanted.Ipv6 : wanted.Ipv4)
            {
                rules.AddRange(Masquerade(settings, isIpv6));
            }
        }

        ruleset.SetChain(Names.NatPostrouting, rules.ToImmutable(), new(NftChainType.Nat, NftHook.Postrouting, SourceNatPriority));
    }

    /// <summary>Defines the chains that packets enter, as host endpoints want them.</summary>
    public void DefineBaseChains()
    {
        var prefix = options.InterfacePrefix;
        ruleset.SetChain(Names.RawPrerouting,
        [
            new RuleBuilder().ClearMark(MarkBits.Own(options.MarkMask)).End("", []),
            new RuleBuilder().IncomingPrefix(prefix).Goto(Names.WorkloadRaw),
            // Renamed by a stranger: what policy goes by is gone, and its link is a workload's all the same.
            new RuleBuilder().GroupOrNext(MetaKey.IncomingGroup, options.LinkGroup).Drop(DropReason.UnknownEndpoint),
            .. hosts.RawPrerouting(),
        ], new(NftChainType.Filter, NftHook.Prerouting, RawPriority));
        ruleset.SetChain(Names.ForwardEgress,
        [
            new RuleBuilder().NameIn(MetaKey.IncomingName, Names.Workloads).Goto(Names.WorkloadEgress),
            new RuleBuilder().IncomingPrefix(prefix).Drop(DropReason.UnknownEndpoint),
            .. hosts.ForwardEgress(),
        ], new(NftChainType.Filter, NftHook.Forward, FilterPriority - 1));
        ruleset.SetChain(Names.ForwardIngress,
        [
            new RuleBuilder().NameIn(MetaKey.OutgoingName, Names.Workloads).Goto(Names.WorkloadIngress),
            new RuleBuilder().OutgoingPrefix(prefix).Drop(DropReason.UnknownEndpoint),
            new RuleBuilder().GroupOrNext(MetaKey.OutgoingGroup, options.LinkGroup).Drop(DropReason.UnknownEndpoint),
            .. hosts.ForwardIngress(),
        ], new(NftChainType.Filter, NftHook.Forward, FilterPriority));
        ruleset.SetChain(Names.InputEgress,
        [
            new RuleBuilder().NotIncomingPrefix(prefix).Accept(),
            .. NeighbourDiscovery(),
            new RuleBuilder().NameIn(MetaKey.IncomingName, Names.Workloads).Goto(Names.WorkloadEgress),
            new RuleBuilder().Drop(DropReason.UnknownEndpoint),
        ], new(NftChainType.Filter, NftHook.Input, FilterPriority - 1));
        ruleset.SetChain(Names.Input,
        [
            new RuleBuilder().IncomingPrefix(prefix).Goto(Names.WorkloadToHost),
            .. hosts.Input(),
        ], new(NftChainType.Filter, NftHook.Input, FilterPriority));
    }

    /// <summary>Not of all: a flood of packets is no flood of notices.</summary>
    private IEnumerable<NftRule> TellOf(string reason)
    {
        if (options.DropGroup is { } group)
        {
            var rate = (uint)options.DropsToldPerSecond;
            yield return new RuleBuilder().End("", new Limit(rate, TimeSpan.FromSeconds(1), rate), new Log(reason, group));
        }
    }

    private static IEnumerable<NftElement> Established(NodeSettings settings)
    {
        yield return NftElement.Of(NftValue.Native((uint)ConntrackStates.Established), NftVerdict.Accept);
        yield return NftElement.Of(NftValue.Native((uint)ConntrackStates.Related), NftVerdict.Accept);
        if (settings.DropInvalid)
        {
            yield return NftElement.Of(NftValue.Native((uint)ConntrackStates.Invalid), NftVerdict.Goto(Names.Invalid));
        }
    }

    /// <summary>An endpoint is data here: its name leads to a number, the number to the chain that endpoints with the same lists share.
    /// Adding one adds no verdict, so the kernel need not check the table for loops again.</summary>
    private static ImmutableArray<NftRule> Workload(MetaKey name, string programs) =>
    [
        new RuleBuilder().ConnectionState(Names.Established).End("", []),
        new RuleBuilder().Dispatch(name, programs, Names.Programs).End("", []),
        new RuleBuilder().Drop(DropReason.ProfileNone,
            RuleBook.NoProfile(name == MetaKey.IncomingName ? PolicyDirection.Egress : PolicyDirection.Ingress)),
    ];

    private static ImmutableArray<NftRule> WorkloadToHost(NodeSettings settings)
    {
        var rules = ImmutableArray.CreateBuilder<NftRule>();
        rules.Add(new RuleBuilder().ConnectionState(Names.Established).End("", []));
        rules.AddRange(NeighbourDiscovery());
        if (settings.EndpointToHost == HostAction.Drop)
        {
            rules.Add(new RuleBuilder().Drop(DropReason.HostAction));
        }

        return rules.ToImmutable();
    }

    /// <summary>MLD, router and neighbour solicitations, neighbour advertisements: without them IPv6 does not work at all.</summary>
    private static IEnumerable<NftRule> NeighbourDiscovery()
    {
        yield return new RuleBuilder().IcmpV6Types(130, 133).Accept();
        yield return new RuleBuilder().IcmpV6Types(135, 136).Accept();
    }

    private IEnumerable<NftRule> Masquerade(NodeSettings settings, bool isIpv6)
    {
        var (pools, all) = (nameOf(WellKnownSets.MasqueradePools, isIpv6), nameOf(WellKnownSets.AllPools, isIpv6));
        RuleBuilder Leaving() => new RuleBuilder().Family(isIpv6).AddressIn(isSource: true, isIpv6, pools)
            .AddressNotIn(isSource: false, isIpv6, all);
        if (settings.NatPorts is { } ports)
        {
            var (first, last) = (NftRegister.Word(0), NftRegister.Word(1));
            foreach (var protocol in new byte[] { 6, 17 })
            {
                yield return Leaving().Protocol(protocol).End("",
                    new Immediate(first, NftValue.BigEndian(ports.First)), new Immediate(last, NftValue.BigEndian(ports.Last)),
                    new Masquerade(NatFlags.FullyRandom, first, last));
            }
        }

        yield return Leaving().End("", new Masquerade(NatFlags.FullyRandom));
    }
}
