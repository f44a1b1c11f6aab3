using Calico.Datastore.Sync;
using Calico.Felix.Labels;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>The programs of endpoints: which tiers, policies and profiles judge their packets.</summary>
/// <remarks>
/// <code>
///   ActivePolicies --> tiers with ordered policies --+
///                                                    +--> PolicyProgram, and the lists that it asks --> RuleLists
///   profiles of the endpoint ------------------------+
/// </code>
/// </remarks>
internal sealed class EndpointPrograms(ActivePolicies policies, RuleLists lists)
{
    /// <summary>What judges an endpoint's packets of that direction now.</summary>
    /// <param name="endpoint">Known to <see cref="ActivePolicies"/>.</param>
    /// <param name="profiles">Of the endpoint, in order, each once.</param>
    /// <param name="direction">Of the packets, seen from the endpoint.</param>
    /// <param name="stage">Which traffic; at all but the normal one no profile is asked.</param>
    public PolicyProgram Build(ItemKey endpoint, IEnumerable<string> profiles, PolicyDirection direction,
        PolicyStage stage = PolicyStage.Normal) => new(
        [.. policies.TiersOf(endpoint, direction, stage).Select(tier => new ProgramTier(
            tier.Tier, tier.Default, [.. tier.Policies], RuleLists.OfTier(tier.Tier, tier.Default, tier.Policies, direction, stage)))],
        [.. profiles.Select(profile => RuleLists.OfProfile(profile, direction))])
    {
        PassesOn = stage != PolicyStage.Normal,
    };

    /// <summary>One more endpoint is judged by it.</summary>
    public void Acquire(PolicyProgram program, IEnumerable<string> profiles, PolicyDirection direction,
        PolicyStage stage = PolicyStage.Normal)
    {
        foreach (var tier in program.Tiers)
        {
            var end = tier.Default == TierDefault.Pass ? null
                : EndOf(tier.Name, direction) with { IsStaged = tier.Default == TierDefault.WouldDeny };
            lists.Acquire(tier.List, direction, tier.Policies.Items, end, stage);
        }

        foreach (var profile in profiles)
        {
            lists.Acquire(RuleLists.OfProfile(profile, direction), direction, [ReadProfile.KeyOf(profile)], end: null);
        }
    }

    public void Release(PolicyProgram program)
    {
        foreach (var list in program.Lists)
        {
            lists.Release(list);
        }
    }

    /// <summary>What drops a packet that no policy of the tier decided.</summary>
    private static CompiledRule EndOf(string tier, PolicyDirection direction) =>
        new(RuleMatch.Any, RuleAction.Deny, Provenance.EndOfTier(tier) with { Direction = direction });
}
