using System.Collections.Immutable;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What no policy of a host endpoint closes: so that nobody locks himself out of a host, or the host out of its store.</summary>
/// <remarks>Neighbour discovery is part of it: without it not even an open port is reached over IPv6. Before connections are tracked the
/// answers pass too.</remarks>
internal sealed class FailsafeChains(Ruleset ruleset)
{
    private const byte RouterSolicitation = 133;
    private const byte NeighbourAdvertisement = 136;

    /// <summary>Makes the chains and sets; without host endpoints they are not there.</summary>
    public void Define(NodeSettings settings, bool isWanted)
    {
        if (!isWanted)
        {
            foreach (var chain in (string[])[Names.FailsafeIn, Names.FailsafeOut, Names.FailsafeRawIn, Names.FailsafeRawOut])
            {
                ruleset.RemoveChain(chain);
            }

            ruleset.RemoveSet(Names.FailsafeIn);
            ruleset.RemoveSet(Names.FailsafeOut);
            return;
        }

        DefineSet(Names.FailsafeIn, settings.Failsafes.Inbound);
        DefineSet(Names.FailsafeOut, settings.Failsafes.Outbound);
        ImmutableArray<NftRule> inbound = [.. Rules(Names.FailsafeIn, settings.Failsafes.Inbound, isPeerSource: true, isAnswer: false)];
        ImmutableArray<NftRule> outbound = [.. Rules(Names.FailsafeOut, settings.Failsafes.Outbound, isPeerSource: false, isAnswer: false)];
        var discovery = new RuleBuilder().IcmpV6Types(RouterSolicitation, NeighbourAdvertisement).Accept();
        ruleset.SetChain(Names.FailsafeIn, [.. inbound, discovery]);
        ruleset.SetChain(Names.FailsafeOut, [.. outbound, discovery]);
        ruleset.SetChain(Names.FailsafeRawIn,
            [.. inbound, .. Rules(Names.FailsafeOut, settings.Failsafes.Outbound, isPeerSource: true, isAnswer: true), discovery]);
        ruleset.SetChain(Names.FailsafeRawOut,
            [.. outbound, .. Rules(Names.FailsafeIn, settings.Failsafes.Inbound, isPeerSource: false, isAnswer: true), discovery]);
    }

    private void DefineSet(string name, EquatableArray<FailsafePort> ports)
    {
        ruleset.DefineSet(NftSet.Of(name, NftDataType.Protocol, NftDataType.Service)).LeavesAtOnce = true;
        ruleset.ReplaceElements(name, ports.Items.Where(p => p.Net is null).Distinct()
            .Select(p => NftElement.Of(NftValue.Concat(NftValue.Byte(p.Protocol), NftValue.BigEndian(p.Port)))));
    }

    /// <param name="set">Ports for all peers.</param>
    /// <param name="ports">Those with ranges have rules of their own.</param>
    /// <param name="isPeerSource">The other host is the source.</param>
    /// <param name="isAnswer">The port is that of the source.</param>
    private static IEnumerable<NftRule> Rules(string set, EquatableArray<FailsafePort> ports, bool isPeerSource, bool isAnswer)
    {
        if (ports.Items.Any(p => p.Net is null))
        {
            yield return new RuleBuilder().ProtocolPortIn(isSource: isAnswer, set).Accept();
        }

        foreach (var port in ports)
        {
            if (port.Net is { } net)
            {
                yield return new RuleBuilder().Family(net.IsIpv6).AddressWithin(isPeerSource, net, inverted: false).Protocol(port.Protocol)
                    .PortWithin(isAnswer, new(port.Port, port.Port), inverted: false).Accept();
            }
        }
    }
}
