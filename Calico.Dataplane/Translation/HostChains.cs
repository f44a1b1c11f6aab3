using System.Collections.Immutable;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Host endpoints at their hooks: which interface is judged by which program, and the rules of base chains that lead
/// there.</summary>
/// <remarks>
/// As with workloads an interface is data: its name in <see cref="Names.HostInterfaces"/>, and for each hook its name to a number in a map.
/// An interface with a host endpoint of its own never comes to the one of all interfaces. A base chain is there only while a program is:
/// each costs every packet. Loopback is judged only by a host endpoint that names it; what the host sends to its own workloads by none.
/// </remarks>
internal sealed class HostChains(Ruleset ruleset, ProgramChains programs, DataplaneOptions options)
{
    private const int RawPriority = -300;
    private const int ManglePriority = -150;
    private const int FilterPriority = 0;

    /// <summary>Every hook with a program of its own.</summary>
    private static readonly ImmutableArray<HostHook> Hooks =
    [
        new("ingress", p => p.Ingress, MetaKey.IncomingName, Names.FailsafeIn, Tracks: true, Drops: true),
        new("egress", p => p.Egress, MetaKey.OutgoingName, Names.FailsafeOut, Tracks: true, Drops: true),
        new("forward-ingress", p => p.ForwardIngress, MetaKey.IncomingName, null, Tracks: true, Drops: false),
        new("forward-egress", p => p.ForwardEgress, MetaKey.OutgoingName, null, Tracks: true, Drops: false),
        new("raw-ingress", p => p.UntrackedIngress, MetaKey.IncomingName, Names.FailsafeRawIn, Tracks: false, Drops: false),
        new("raw-egress", p => p.UntrackedEgress, MetaKey.OutgoingName, Names.FailsafeRawOut, Tracks: false, Drops: false),
        new("prednat", p => p.PreDnat, MetaKey.IncomingName, Names.FailsafeIn, Tracks: false, Drops: false),
    ];

    /// <summary>By interface; a number for each of <see cref="Hooks"/>.</summary>
    private readonly Dictionary<string, (HostInterfaceUpdate Update, ImmutableArray<uint> Numbers)> _interfaces =
        new(StringComparer.Ordinal);

    /// <summary>Whether some host endpoint applies here.</summary>
    public bool HasAny => _interfaces.Count > 0;

    private bool HasUntracked => _interfaces.Values
        .Any(i => !i.Update.Programs.UntrackedIngress.IsEmpty || !i.Update.Programs.UntrackedEgress.IsEmpty);

    private bool HasPreDnat => _interfaces.Values.Any(i => !i.Update.Programs.PreDnat.IsEmpty);

    private bool HasForward => _interfaces.Values
        .Any(i => !i.Update.Programs.ForwardIngress.IsEmpty || !i.Update.Programs.ForwardEgress.IsEmpty);

    /// <summary>What applies to the interfaces, by interface.</summary>
    public IEnumerable<HostInterfaceUpdate> Updates => _interfaces.Values.Select(i => i.Update);

    private uint Allowed => MarkBits.Allowed(options.MarkMask);

    public void Set(HostInterfaceUpdate update)
    {
        // The new programs first: one that both have stays.
        ImmutableArray<uint> numbers = [.. Hooks.Select(hook => programs.Acquire(hook.ProgramOf(update.Programs), hook.Direction))];
        Release(update.InterfaceName);
        _interfaces[update.InterfaceName] = (update, numbers);
        Define();
    }

    public void Remove(string interfaceName)
    {
        Release(interfaceName);
        Define();
    }

    /// <summary>Behind the checks of what workloads send.</summary>
    public IEnumerable<NftRule> RawPrerouting() => HasUntracked ? Dispatch("raw-ingress", MetaKey.IncomingName) : [];

    /// <summary>Behind the dispatch of what workloads send.</summary>
    public IEnumerable<NftRule> ForwardEgress() =>
        HasForward ? [.. AcceptAllowed(), .. Dispatch("forward-ingress", MetaKey.IncomingName)] : [];

    /// <summary>Behind the dispatch of what workloads get.</summary>
    public IEnumerable<NftRule> ForwardIngress() => HasForward ? Dispatch("forward-egress", MetaKey.OutgoingName) : [];

    /// <summary>Behind what workloads send to the host.</summary>
    public IEnumerable<NftRule> Input() => HasAny ? [.. AcceptAllowed(), .. Dispatch("ingress", MetaKey.IncomingName)] : [];

    /// <summary>The mark says that an untracked or preDNAT policy has decided. Only where one can have: strangers use marks too.</summary>
    private IEnumerable<NftRule> AcceptAllowed() => HasUntracked || HasPreDnat ? [new RuleBuilder().MarkHas(Allowed).Accept()] : [];

    private IEnumerable<NftRule> Dispatch(string hook, MetaKey name)
    {
        yield return new RuleBuilder().NameIn(name, Names.HostInterfaces).Goto($"host-{hook}");
        if (_interfaces.ContainsKey(HostInterfaceUpdate.AllInterfaces))
        {
            yield return new RuleBuilder().NameIs(name, HostInterfaceUpdate.Loopback).Accept();
            yield return new RuleBuilder().Goto($"any-{hook}");
        }
    }

    private void Release(string interfaceName)
    {
        if (_interfaces.Remove(interfaceName, out var former))
        {
            foreach (var number in former.Numbers)
            {
                programs.Release(number);
            }
        }
    }

    private void Define()
    {
        if (!HasAny)
        {
            RemoveAll();
            return;
        }

        var named = _interfaces.Where(i => i.Key != HostInterfaceUpdate.AllInterfaces)
            .Select(i => (Name: NftValue.LinkName(i.Key), i.Value.Update.Programs, i.Value.Numbers)).ToList();
        ruleset.DefineSet(NftSet.Of(Names.HostInterfaces, NftDataType.LinkName)).LeavesAtOnce = true;
        ruleset.ReplaceElements(Names.HostInterfaces, named.Select(i => NftElement.Of(i.Name)));
        for (var index = 0; index < Hooks.Length; index++)
        {
            var (hook, at) = (Hooks[index], index);
            ruleset.DefineSet(NftSet.Map(hook.Map, NftDataType.Mark, NftDataType.LinkName)).LeavesAtOnce = true;
            ruleset.ReplaceElements(hook.Map, named.Select(i => NftElement.Of(i.Name, NftValue.Native(i.Numbers[at]))));
            ruleset.SetChain(hook.Chain,
                [.. Before(hook), new RuleBuilder().Dispatch(hook.Name, hook.Map, Names.Programs).End("", []), End(hook)]);
            if (_interfaces.TryGetValue(HostInterfaceUpdate.AllInterfaces, out var ofAll))
            {
                ruleset.SetChain(hook.ChainOfAll, [.. Before(hook), new RuleBuilder().Goto(Names.ProgramChain(ofAll.Numbers[at]))]);
            }
            else
            {
                ruleset.RemoveChain(hook.ChainOfAll);
            }
        }

        DefineBaseChains();
    }

    private static IEnumerable<NftRule> Before(HostHook hook)
    {
        if (hook.Tracks)
        {
            yield return new RuleBuilder().ConnectionState(Names.Established).End("", []);
        }

        if (hook.Failsafe is { } failsafe)
        {
            yield return new RuleBuilder().Jump(failsafe);
        }
    }

    /// <summary>Of an interface that is in the set and, for the moment of a change, not in the map.</summary>
    private static NftRule End(HostHook hook) => hook.Drops
        ? new RuleBuilder().Drop(DropReason.ProfileNone, RuleBook.NoProfile(hook.Direction))
        : new RuleBuilder().Accept();

    /// <summary>Those that are there for host endpoints alone.</summary>
    private void DefineBaseChains()
    {
        var prefix = options.InterfacePrefix;
        SetOrRemove(Names.RawOutput, HasUntracked,
        [
            new RuleBuilder().ClearMark(MarkBits.Own(options.MarkMask)).End("", []),
            new RuleBuilder().OutgoingPrefix(prefix).Accept(),
            .. Dispatch("raw-egress", MetaKey.OutgoingName),
        ], new(NftChainType.Filter, NftHook.Output, RawPriority));
        SetOrRemove(Names.PreDnat, HasPreDnat,
        [
            new RuleBuilder().StateIn(ConntrackStates.Established | ConntrackStates.Related).Accept(),
            new RuleBuilder().MarkHas(Allowed).Accept(),
            new RuleBuilder().IncomingPrefix(prefix).Accept(),
            .. Dispatch("prednat", MetaKey.IncomingName),
        ], new(NftChainType.Filter, NftHook.Prerouting, ManglePriority));
        ruleset.SetChain(Names.Output,
        [
            new RuleBuilder().OutgoingPrefix(prefix).Accept(),
            .. HasUntracked ? AcceptAllowed() : [],
            // Where it goes out is not known yet: judged behind the translation.
            new RuleBuilder().DestinationTranslated().Accept(),
            .. Dispatch("egress", MetaKey.OutgoingName),
        ], new(NftChainType.Filter, NftHook.Output, FilterPriority));
        ruleset.SetChain(Names.PostDnatJudge,
        [
            new RuleBuilder().OutgoingPrefix(prefix).Accept(),
            .. Dispatch("egress", MetaKey.OutgoingName),
        ]);
        ruleset.SetChain(Names.PostDnatOutput,
        [
            new RuleBuilder().CameIn().Accept(),
            new RuleBuilder().DestinationTranslated().StateIn(ConntrackStates.New).Goto(Names.PostDnatJudge),
        ], new(NftChainType.Filter, NftHook.Postrouting, ManglePriority));
    }

    private void SetOrRemove(string name, bool isThere, ImmutableArray<NftRule> rules, ChainHook hook)
    {
        if (isThere)
        {
            ruleset.SetChain(name, rules, hook);
        }
        else
        {
            ruleset.RemoveChain(name);
        }
    }

    private void RemoveAll()
    {
        foreach (var chain in (string[])[Names.RawOutput, Names.PreDnat, Names.Output, Names.PostDnatOutput, Names.PostDnatJudge])
        {
            ruleset.RemoveChain(chain);
        }

        foreach (var hook in Hooks)
        {
            ruleset.RemoveChain(hook.Chain);
            ruleset.RemoveChain(hook.ChainOfAll);
            ruleset.RemoveSet(hook.Map);
        }

        ruleset.RemoveSet(Names.HostInterfaces);
    }

    /// <param name="Word">In the names of its chains and its map.</param>
    /// <param name="ProgramOf">Which of a host endpoint's.</param>
    /// <param name="Name">The interface's name in a packet there.</param>
    /// <param name="Failsafe">Chain that is asked first; null: none.</param>
    /// <param name="Tracks">Connections that policy let begin go on.</param>
    /// <param name="Drops">What no policy decides is dropped.</param>
    private sealed record HostHook(string Word, Func<HostPrograms, PolicyProgram> ProgramOf, MetaKey Name, string? Failsafe,
        bool Tracks, bool Drops)
    {
        public PolicyDirection Direction => Name == MetaKey.IncomingName ? PolicyDirection.Ingress : PolicyDirection.Egress;

        public string Chain => $"host-{Word}";

        public string ChainOfAll => $"any-{Word}";

        public string Map => $"host-{Word}-programs";
    }
}
