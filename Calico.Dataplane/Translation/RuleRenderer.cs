using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Renders compiled rules for the kernel.</summary>
/// <remarks>A rule that asks addresses becomes one rule a family; one that does not is one rule for both. Several ranges become a set
/// named by its content: two rules with the same ranges share it.</remarks>
/// <param name="nameOf">The set of the table that stands for an IP set, of IPv6 or not.</param>
/// <param name="book">Counters and numbers of the rules.</param>
/// <param name="options">Of the dataplane: nflog's group, the mark.</param>
/// <param name="former">What was rendered of the list before, by the very rules; null: sets that they ask have other names now.</param>
internal sealed class RuleRenderer(Func<string, bool, string> nameOf, RuleBook book, DataplaneOptions options,
    IReadOnlyDictionary<CompiledRule, RenderedRule>? former = null)
{
    private const byte Icmp = 1;
    private const byte IcmpV6 = 58;
    private const int MaxLogPrefix = 127;

    private readonly Dictionary<string, (NftSet Definition, ImmutableArray<NftElement> Elements)> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<CompiledRule, RenderedRule> _rules = new(ReferenceEqualityComparer.Instance);

    /// <summary>The sets of the rule that is being rendered.</summary>
    private readonly HashSet<string> _own = new(StringComparer.Ordinal);

    /// <summary>What was rendered, by the very rules.</summary>
    public IReadOnlyDictionary<CompiledRule, RenderedRule> Rules => _rules;

    /// <summary>The sets, named by content, that the rendered rules look into.</summary>
    public IReadOnlyDictionary<string, (NftSet Definition, ImmutableArray<NftElement> Elements)> Sets => _sets;

    /// <summary>The list's chain, first the chains of the staged policies in it: each counts what it would have decided, and comes
    /// back.</summary>
    public ImmutableArray<(string Name, ImmutableArray<NftRule> Rules)> Render(RuleList list)
    {
        var chains = ImmutableArray.CreateBuilder<(string Name, ImmutableArray<NftRule> Rules)>();
        var rules = ImmutableArray.CreateBuilder<NftRule>();
        for (var next = 0; next < list.Rules.Count;)
        {
            var rule = list.Rules[next];
            if (!rule.IsStaged)
            {
                rules.AddRange(RenderOnce(rule, list.Stage));
                next++;
                continue;
            }

            var staged = list.Rules.Items.Skip(next).TakeWhile(r => r.IsStaged && r.Provenance.Source == rule.Provenance.Source).ToList();
            var chain = Names.StagedChain(list.Id, chains.Count);
            chains.Add((chain, [.. staged.SelectMany(r => RenderOnce(r, list.Stage))]));
            rules.Add(new RuleBuilder().Jump(chain, $"{rule.Provenance with { RuleIndex = -1, Note = "" }}: staged"));
            next += staged.Count;
        }

        chains.Add((Names.ListChain(list.Id), rules.ToImmutable()));
        return chains.ToImmutable();
    }

    private ImmutableArray<NftRule> RenderOnce(CompiledRule rule, PolicyStage stage)
    {
        if (former?.TryGetValue(rule, out var rendered) != true)
        {
            _own.Clear();
            ImmutableArray<NftRule> rules = [.. Render(rule, stage).Select(RuleIdentity.Mark)];
            rendered = new(rules, [.. _own.Select(name => _sets[name])]);
        }

        foreach (var set in rendered!.Sets)
        {
            _sets.TryAdd(set.Definition.Name, set);
        }

        _rules[rule] = rendered;
        return rendered.Rules;
    }

    private IEnumerable<NftRule> Render(CompiledRule rule, PolicyStage stage)
    {
        if (!AsksFamily(rule.Match))
        {
            yield return Render(rule, stage, isIpv6: null);
            yield break;
        }

        if (rule.Match.IpVersion is null or 4 && rule.Match.Protocol != IcmpV6)
        {
            yield return Render(rule, stage, isIpv6: false);
        }

        if (rule.Match.IpVersion is null or 6 && rule.Match.Protocol != Icmp)
        {
            yield return Render(rule, stage, isIpv6: true);
        }
    }

    private static bool AsksFamily(RuleMatch match) => match.IpVersion is not null || match.Icmp is not null || match.NotIcmp is not null
        || AsksAddress(match.Source) || AsksAddress(match.Destination);

    private static bool AsksAddress(SideMatch side) => !side.Nets.IsEmpty || !side.NotNets.IsEmpty || side.Sets.Any();

    private NftRule Render(CompiledRule rule, PolicyStage stage, bool? isIpv6)
    {
        var (match, builder) = (rule.Match, new RuleBuilder());
        if (isIpv6 is { } family)
        {
            builder.Family(family);
        }

        var icmp = match.Icmp ?? match.NotIcmp;
        if ((match.Protocol ?? (icmp is null ? null : isIpv6 == true ? IcmpV6 : Icmp)) is { } protocol)
        {
            builder.Protocol(protocol);
        }

        if (match.NotProtocol is { } notProtocol)
        {
            builder.NotProtocol(notProtocol);
        }

        Render(builder, match.Source, isSource: true, isIpv6 ?? false);
        Render(builder, match.Destination, isSource: false, isIpv6 ?? false);
        if (match.Icmp is { } only)
        {
            builder.Icmp(only, inverted: false);
        }

        if (match.NotIcmp is { } not)
        {
            builder.Icmp(not, inverted: true);
        }

        return Decide(builder, rule, stage);
    }

    private NftRule Decide(RuleBuilder builder, CompiledRule rule, PolicyStage stage)
    {
        var comment = rule.Provenance.ToString();
        if (book.CounterOf(rule.Provenance) is { } counter)
        {
            builder.Add(Counter.Named(counter));
        }

        return rule.Action switch
        {
            _ when rule.IsStaged => rule.Action == RuleAction.Log ? builder.End(comment) : builder.Return(comment),
            RuleAction.Allow => Allow(builder, stage).Accept(comment),
            // The only end of a list that does not decide: the next list is asked.
            RuleAction.Pass => builder.Return(comment),
            RuleAction.Log => builder.End(comment,
                new Log(comment.Length <= MaxLogPrefix ? comment : comment[..MaxLogPrefix], options.LogGroup)),
            _ => builder.Drop(ReasonOf(rule.Provenance), book.NumberOf(rule.Provenance), comment),
        };
    }

    /// <summary>What later hooks have to know of it: they do not judge it again, and without tracking it stays untracked.</summary>
    private RuleBuilder Allow(RuleBuilder builder, PolicyStage stage) => stage switch
    {
        PolicyStage.Untracked => builder.SetMark(MarkBits.Allowed(options.MarkMask)).Add(new NoTrack()),
        PolicyStage.PreDnat => builder.SetMark(MarkBits.Allowed(options.MarkMask)),
        _ => builder,
    };

    private static string ReasonOf(Provenance provenance) => provenance.IsEndOfTier ? DropReason.TierDefault
        : provenance.Note.Length == 0 ? DropReason.Policy
        : DropReason.Unusable;

    private void Render(RuleBuilder builder, SideMatch side, bool isSource, bool isIpv6)
    {
        var nets = side.Nets.Items.Where(n => n.IsIpv6 == isIpv6).ToList();
        if (nets.Count == 1)
        {
            builder.AddressWithin(isSource, nets[0], inverted: false);
        }
        else if (!side.Nets.IsEmpty)
        {
            builder.AddressIn(isSource, isIpv6, NetSet(nets, isIpv6));
        }

        var notNets = side.NotNets.Items.Where(n => n.IsIpv6 == isIpv6).ToList();
        if (notNets.Count == 1)
        {
            builder.AddressWithin(isSource, notNets[0], inverted: true);
        }
        else if (notNets.Count > 1)
        {
            builder.AddressNotIn(isSource, isIpv6, NetSet(notNets, isIpv6));
        }

        if (side.Set is { } set)
        {
            builder.AddressIn(isSource, isIpv6, nameOf(set, isIpv6));
        }

        if (side.NotSet is { } notSet)
        {
            builder.AddressNotIn(isSource, isIpv6, nameOf(notSet, isIpv6));
        }

        RenderPorts(builder, side, isSource, isIpv6);
    }

    private void RenderPorts(RuleBuilder builder, SideMatch side, bool isSource, bool isIpv6)
    {
        foreach (var (ports, inverted) in new[] { (side.Ports, false), (side.NotPorts, true) })
        {
            if (ports.Count == 1)
            {
                builder.PortWithin(isSource, ports[0], inverted);
            }
            else if (ports.Count > 1)
            {
                builder.PortIn(isSource, PortSet(ports), inverted);
            }
        }

        if (side.PortSet is { } portSet)
        {
            builder.AddressPortIn(isSource, isIpv6, nameOf(portSet, isIpv6), inverted: false);
        }

        foreach (var notPortSet in side.NotPortSets)
        {
            builder.AddressPortIn(isSource, isIpv6, nameOf(notPortSet, isIpv6), inverted: true);
        }
    }

    private string NetSet(List<Cidr> nets, bool isIpv6)
    {
        var cover = DisjointRanges.Cover(nets);
        var name = Names.OfContent(isIpv6 ? "nets6-" : "nets4-", string.Join(',', cover.Select(range => range.ToShortString())));
        _sets.TryAdd(name, (NftSet.Of(name, isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address) with { Interval = true },
            [.. DisjointRanges.Elements(cover)]));
        _own.Add(name);
        return name;
    }

    private string PortSet(EquatableArray<PortRange> ports)
    {
        var name = Names.OfContent("ports-", string.Join(',', ports.Items.Order(Comparer<PortRange>.Create((a, b) =>
            a.First != b.First ? a.First.CompareTo(b.First) : a.Last.CompareTo(b.Last)))));
        _sets.TryAdd(name, (NftSet.Of(name, NftDataType.Service) with { Interval = true }, [.. DisjointRanges.Elements(ports)]));
        _own.Add(name);
        return name;
    }
}
