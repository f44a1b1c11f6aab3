using Calico.Datastore.Addresses;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>Finds the rules of others that drop what workloads send or are sent, where that can be told from outside.</summary>
/// <remarks>
/// A rule is named when packets of this node's workloads match it for certain: it asks for an address of one of them, for their interfaces,
/// or (where packets are forwarded) for nothing but protocol and port. A rule about other interfaces is other people's isolation
/// (docker's stages), one at the host's own door is the host's, one that asks what is not understood here may mean anything; none of
/// them is named. What an earlier rule of the chain accepts does not reach the later ones.
/// </remarks>
/// <param name="prefix">Of workloads' interfaces.</param>
/// <param name="workloads">Addresses of this node's.</param>
internal sealed class ForeignDrops(string prefix, IReadOnlyCollection<Cidr> workloads)
{
    /// <summary>Of the kernel: jumps are not nested deeper.</summary>
    private const int Depth = 16;

    private static readonly bool[] Directions = [true, false];

    /// <summary>One for each rule that drops, in words, with what to do.</summary>
    /// <param name="chains">All chains of one table, or of several.</param>
    public IEnumerable<string> Find(IReadOnlyCollection<ForeignChain> chains)
    {
        var said = new HashSet<ForeignRule>(ReferenceEqualityComparer.Instance);
        foreach (var start in chains.Where(c => c.Hook is not null))
        {
            foreach (var isSent in Directions.Where(s => Meets(start.Hook!.Value, s)))
            {
                var walk = new Walk(prefix, workloads, chains.Where(c => c.Table == start.Table).ToDictionary(c => c.Name),
                    start.Hook!.Value, isSent);
                walk.Through(start, isAboutUs: false, isAboutOthers: false, Depth);
                foreach (var (chain, rule) in walk.Found.Where(f => said.Add(f.Rule)))
                {
                    yield return $"chain {chain.Name} of {chain.Table} drops what workloads {(isSent ? "send" : "are sent")} ('{rule.Text}'): "
                        + $"accept it there before that rule, or take the rule away: {rule.Removal}";
                }
            }
        }
    }

    /// <summary>What workloads send passes prerouting, and input or forward; what they are sent, all but input.</summary>
    private static bool Meets(NftHook hook, bool isSent) => isSent ? hook is not NftHook.Output : hook is not NftHook.Input;

    private enum Match
    {
        /// <summary>No packet of a workload's, or nobody can say.</summary>
        None,
        Some,
        All,
    }

    private sealed class Walk(string prefix, IReadOnlyCollection<Cidr> workloads, Dictionary<string, ForeignChain> chains, NftHook hook,
        bool isSent)
    {
        public List<(ForeignChain Chain, ForeignRule Rule)> Found { get; } = [];

        /// <returns>Whether anything may come to the end of the chain.</returns>
        public bool Through(ForeignChain chain, bool isAboutUs, bool isAboutOthers, int depth)
        {
            foreach (var rule in chain.Rules)
            {
                var (match, names, others) = Judge(rule);
                if (match == Match.None)
                {
                    continue;
                }

                switch (rule.Action)
                {
                    case ForeignAction.Drop when isAboutUs || names
                        || (rule.IsPartial && !others && !isAboutOthers && hook is not (NftHook.Input or NftHook.Output)):
                        Found.Add((chain, rule));
                        break;
                    case ForeignAction.Jump or ForeignAction.Goto when depth > 0 && chains.TryGetValue(rule.Target, out var next):
                        var goesOn = Through(next, isAboutUs || names, isAboutOthers || others, depth - 1);
                        if (match == Match.All && (!goesOn || rule.Action == ForeignAction.Goto))
                        {
                            return goesOn;
                        }

                        break;
                }

                if (match == Match.All && rule.Action is ForeignAction.Accept or ForeignAction.Drop)
                {
                    return false;
                }

                if (match == Match.All && rule.Action == ForeignAction.Return)
                {
                    return true;
                }
            }

            return true;
        }

        /// <summary>Which packets of workloads' match, whether the rule names them by interface or address, and whether it is about what
        /// goes to or comes from another interface.</summary>
        private (Match Match, bool Names, bool Others) Judge(ForeignRule rule)
        {
            if (rule.IsUnclear)
            {
                return (Match.None, false, false);
            }

            var (match, names) = (rule.IsPartial ? Match.Some : Match.All, false);
            var (own, other) = isSent ? (rule.Incoming, rule.Outgoing) : (rule.Outgoing, rule.Incoming);
            if (own is { } interfaces)
            {
                if (interfaces.IsOf(prefix) == interfaces.IsInverted)
                {
                    return (Match.None, false, false);
                }

                names |= !interfaces.IsInverted && interfaces.Name != "*";
            }

            var (address, peer) = isSent ? (rule.Source, rule.Destination) : (rule.Destination, rule.Source);
            if (address is not null && !address.IsAny)
            {
                var matched = workloads.Count(address.Matches);
                if (matched == 0)
                {
                    return (Match.None, false, false);
                }

                match = matched < workloads.Count ? Match.Some : match;
                names |= !address.IsInverted;
            }

            var others = other is { IsInverted: false } elsewhere && !elsewhere.IsOf(prefix);
            return (other is not null || peer is { IsAny: false } ? Match.Some : match, names, others);
        }
    }
}
