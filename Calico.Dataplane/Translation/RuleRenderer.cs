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

    /// <summary>Each rule of a staged policy has a rate of its own, and there are many.</summary>
    private const int StagedShare = 10;

    private readonly ContentSets _sets = new();
    private readonly Dictionary<CompiledRule, RenderedRule> _rules = new(ReferenceEqualityComparer.Instance);

    /// <summary>What was rendered, by the very rules.</summary>
    public IReadOnlyDictionary<CompiledRule, RenderedRule> Rules => _rules;

    /// <summary>The sets, named by content, that the rendered rules look into.</summary>
    public IReadOnlyDictionary<string, (NftSet Definition, ImmutableArray<NftElement> Elements)> Sets => _sets.All;

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
                rules.AddRange(RenderOnce(rule, list));
                next++;
                continue;
            }

            var staged = list.Rules.Items.Skip(next).TakeWhile(r => r.IsStaged && r.Provenance.Source == rule.Provenance.Source).ToList();
            var chain = Names.StagedChain(list.Id, chains.Count);
            chains.Add((chain, [.. staged.SelectMany(r => RenderOnce(r, list))]));
            rules.Add(new RuleBuilder().Jump(chain, $"{rule.Provenance with { RuleIndex = -1, Note = "" }}: staged"));
            next += staged.Count;
        }

        chains.Add((Names.ListChain(list.Id), rules.ToImmutable()));
        return chains.ToImmutable();
    }

    private ImmutableArray<NftRule> RenderOnce(CompiledRule rule, RuleList list)
    {
        if (former?.TryGetValue(rule, out var rendered) != true)
        {
            _sets.Begin();
            ImmutableArray<NftRule> rules = [.. Render(rule, list).Select(RuleIdentity.Mark)];
            rendered = new(rules, _sets.Asked);
        }

        foreach (var set in rendered!.Sets)
        {
            _sets.Add(set);
        }

        _rules[rule] = rendered;
        return rendered.Rules;
    }

    private IEnumerable<NftRule> Render(CompiledRule rule, RuleList list)
    {
        var families = FamiliesOf(rule.Match);
        if (rule.IsStaged && options.DropGroup is { } group && (rule.Action == RuleAction.Deny || (rule.IsEndOfStaged && list.WouldDeny)))
        {
            foreach (var isIpv6 in families)
            {
                yield return Match(rule.Match, isIpv6).Tell(DropReason.Staged, book.NumberOf(rule.Provenance), group,
                    Math.Max(1, options.DropsToldPerSecond / StagedShare), $"{rule.Provenance}: would deny");
            }
        }

        foreach (var isIpv6 in families)
        {
            yield return Decide(Match(rule.Match, isIpv6), rule, list.Stage);
        }
    }

    /// <summary>For each a rule of its own; null: one for both.</summary>
    private static IEnumerable<bool?> FamiliesOf(RuleMatch match)
    {
        if (!AsksFamily(match))
        {
            yield return null;
            yield break;
        }

        if (match.IpVersion is null or 4 && match.Protocol != IcmpV6)
        {
            yield return false;
        }

        if (match.IpVersion is null or 6 && match.Protocol != Icmp)
        {
            yield return true;
        }
    }

    private static bool AsksFamily(RuleMatch match) => match.IpVersion is not null || match.Icmp is not null || match.NotIcmp is not null
        || AsksAddress(match.Source) || AsksAddress(match.Destination);

    private static bool AsksAddress(SideMatch side) => !side.Nets.IsEmpty || !side.NotNets.IsEmpty || side.Sets.Any();

    private RuleBuilder Match(RuleMatch match, bool? isIpv6)
    {
        var builder = new RuleBuilder();
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

        return builder;
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
            builder.AddressIn(isSource, isIpv6, _sets.OfNets(nets, isIpv6));
        }

        var notNets = side.NotNets.Items.Where(n => n.IsIpv6 == isIpv6).ToList();
        if (notNets.Count == 1)
        {
            builder.AddressWithin(isSource, notNets[0], inverted: true);
        }
        else if (notNets.Count > 1)
        {
            builder.AddressNotIn(isSource, isIpv6, _sets.OfNets(notNets, isIpv6));
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
                builder.PortIn(isSource, _sets.OfPorts(ports), inverted);
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
}
