using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Rules;
using Calico.KernelTests.Linux;
using Calico.Linux.Nflog;
using Calico.UnitTests.Felix;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>From plain policy to the kernel as the product goes: calculated, rendered, committed; each state is a change of the
/// former.</summary>
/// <param name="host">Whose kernel.</param>
/// <param name="node">What the store calls the host.</param>
/// <param name="fault">What is done wrong on the way; null: nothing.</param>
internal sealed class JudgedPolicy(ScratchNamespace host, string node, CompilerFault? fault = null) : IDisposable
{
    private readonly CalculationGraph _graph = new(node, followsServices: true);
    private readonly RulesetTranslator _policy = new(new DataplaneOptions
    {
        NodeName = node,
        DropGroup = JudgedHost.Group,
        DropsToldPerSecond = 10_000,
    });

    private readonly TableReconciler _table = new(host.OpenNft(), new DataplaneOptions { NodeName = node });
    private FelixState _former = new("nothing");
    private long _revision;

    public void Enforce(PlainPolicy plain)
    {
        var state = RandomPolicies.StateOf(plain);
        Enforce([.. state.Stored.Values, .. _former.Stored.Keys.Except(state.Stored.Keys).Select(key => new SyncUpdate(key, null))],
            plain.Items.Take(4).Select(RandomPolicies.LocalOf),
            RandomPolicies.HostAddresses);
        _former = state;
    }

    /// <param name="stored">What is written and deleted.</param>
    /// <param name="endpoints">Of this host.</param>
    /// <param name="hostAddresses">Of its uplink, as long as it lives.</param>
    public void Enforce(ImmutableArray<SyncUpdate> stored, IEnumerable<LocalEndpoint> endpoints, IEnumerable<string> hostAddresses)
    {
        if (_revision == 0)
        {
            _graph.SetInterface(RandomPolicies.HostLink, hostAddresses.Select(a => Cidr.Parse(a)));
        }

        _graph.Apply(new(SyncStatus.InSync, ++_revision, stored));
        foreach (var endpoint in endpoints)
        {
            _graph.Set(endpoint);
        }

        foreach (var update in _graph.Flush())
        {
            foreach (var wrong in fault?.Compile?.Invoke(update) ?? [update])
            {
                _policy.Apply(wrong);
            }
        }

        if (fault?.Render is { } render)
        {
            foreach (var (name, chain) in _policy.Ruleset.Chains.ToList())
            {
                _policy.Ruleset.SetChain(name, [.. chain.Rules.SelectMany(rule => render(name, rule))], chain.Hook);
            }
        }

        if (_revision == 1)
        {
            _policy.Ruleset.Rebase(_table.Read(_policy.Ruleset.Table));
        }

        // No packet is under way.
        while (_policy.Ruleset.IsPending)
        {
            _policy.Ruleset.Hurry();
            _table.Commit(_policy.Ruleset);
        }
    }

    /// <summary>Which rule it was, in the plain oracle's words.</summary>
    public string Describe(NflogPacket notice) => notice.Prefix switch
    {
        DropReason.ProfileNone => $"no profile {Word(RuleBook.DirectionOf(notice.Mark))}",
        DropReason.Policy or DropReason.Unusable or DropReason.TierDefault or DropReason.Staged => _policy.FindRule(notice.Mark)
            is not { } rule
            ? $"no rule {notice.Mark}"
            : rule.IsEndOfTier ? $"end of tier {rule.Tier} {Word(rule.Direction)}"
            : Describe(rule),
        _ => notice.Prefix,
    };

    /// <summary>How many packets each rule has counted.</summary>
    public Dictionary<string, long> ReadCounters()
    {
        var packets = _table.ListCounters(_policy.Ruleset.Table).ToDictionary(c => c.Name, c => (long)c.Packets);
        return _policy.CountedRules.ToDictionary(c => Describe(c.Rule), c => packets[c.Counter]);
    }

    /// <summary>The compiled rules of that name.</summary>
    public string Text(string rule) => string.Join('\n', _policy.Updates.SelectMany(u => u.Ingress.Lists.Concat(u.Egress.Lists))
        .Concat(_policy.HostInterfaces.SelectMany(h => h.Programs.All).SelectMany(p => p.Lists)).Distinct()
        .SelectMany(list => _policy.FindList(list)?.Rules.Items ?? [])
        .Where(r => !r.Provenance.IsEndOfTier && Describe(r.Provenance) == rule).Distinct());

    public void Dispose() => _table.Dispose();

    private static string Describe(Provenance rule) => PlainVerdict.Rule(rule.Source.Kind, rule.Source.Namespace, rule.Source.Name,
        rule.Direction == PolicyDirection.Ingress, rule.RuleIndex);

    private static string Word(PolicyDirection? direction) => direction == PolicyDirection.Ingress ? "ingress" : "egress";
}
