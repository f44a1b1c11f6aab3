using Calico.Datastore.Selectors;
using Calico.Datastore.Sync;
using Calico.Felix.Labels;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Which policies apply to which endpoints of this node, and in which order they are asked.</summary>
/// <remarks>
/// <code>
///   PolicyPlace --Set/Remove--+
///                             +--> LabelIndex (local endpoints only) --> policies of an endpoint --touched(endpoint)-->
///   LabeledItem --------------+                                                    |
///   Tier ---> TierOrder ------------------------------------------------------> tiers of an endpoint
/// </code>
/// A change costs what it touches: a policy's selector the endpoints that it matches or matched, its order or its tier's those that it
/// applies to.
/// </remarks>
internal sealed class ActivePolicies
{
    private readonly Action<ItemKey> _touched;
    private readonly LabelIndex<Policy> _index;
    private readonly Dictionary<ResourceKey, Policy> _policies = [];
    private readonly Dictionary<string, HashSet<Policy>> _byTier = new(StringComparer.Ordinal);
    private readonly Dictionary<ItemKey, HashSet<Policy>> _byEndpoint = [];

    public ActivePolicies(Action<ItemKey> touched)
    {
        _touched = touched;
        _index = new(Change);
        Tiers = new(TouchTier);
    }

    public TierOrder Tiers { get; }

    /// <summary>Selectors of the policies that are enforced on workloads.</summary>
    public IEnumerable<Selector> EnforcedSelectors =>
        _policies.Values.Where(policy => policy.Place is { IsStaged: false, Stage: PolicyStage.Normal })
            .Select(policy => policy.Place.Selector);

    /// <summary>Adds an endpoint of this node, or replaces its labels.</summary>
    public void Set(LabeledItem? before, LabeledItem endpoint) => _index.Set(before, endpoint);

    /// <summary>Removes an endpoint; its last state.</summary>
    public void Remove(LabeledItem endpoint)
    {
        _index.Remove(endpoint);
        _byEndpoint.Remove(endpoint.Key);
    }

    /// <summary>Adds a policy, or replaces where it applies.</summary>
    public void Set(PolicyPlace place)
    {
        if (_policies.TryGetValue(place.Key, out var policy) && policy.Place.Selector.Equals(place.Selector))
        {
            if (policy.Place == place)
            {
                return;
            }

            File(policy, place);
            Touch(policy);
            return;
        }

        // The new one first, so that an endpoint which both match never has neither.
        var replacement = new Policy(place);
        _policies[place.Key] = replacement;
        File(replacement, place);
        _index.Add(replacement, place.Selector);
        if (policy is not null)
        {
            Drop(policy);
        }
    }

    public void Remove(ResourceKey key)
    {
        if (_policies.Remove(key, out var policy))
        {
            Drop(policy);
        }
    }

    /// <summary>The tiers of an endpoint in one direction: those of which a policy applies, with those policies. The end of one whose
    /// policies are all staged passes, and so does every end where nothing that follows drops.</summary>
    public IEnumerable<(string Tier, TierDefault Default, List<ResourceKey> Policies)> TiersOf(ItemKey endpoint, PolicyDirection direction,
        PolicyStage stage) =>
        _byEndpoint.GetValueOrDefault(endpoint, [])
            .Select(policy => policy.Place)
            .Where(place => place.AppliesTo(direction, stage))
            .GroupBy(place => place.Tier, StringComparer.Ordinal)
            .OrderBy(tier => tier.Key, Comparer<string>.Create(Tiers.Compare))
            .Select(tier => (tier.Key, EndOf(tier, stage), tier.Order(PolicyPlace.ByOrder).Select(place => place.Key).ToList()));

    private TierDefault EndOf(IGrouping<string, PolicyPlace> tier, PolicyStage stage) =>
        stage is PolicyStage.Untracked or PolicyStage.PreDnat ? TierDefault.Pass
            : Tiers.DefaultOf(tier.Key) is TierDefault.Deny && tier.All(place => place.IsStaged) ? TierDefault.WouldDeny
            : Tiers.DefaultOf(tier.Key);

    private void Change(Policy policy, LabeledItem? before, LabeledItem? after)
    {
        var key = (after ?? before)!.Key;
        if (after is null)
        {
            policy.Endpoints.Remove(key);
            _byEndpoint.GetValueOrDefault(key)?.Remove(policy);
            _touched(key);
        }
        else if (policy.Endpoints.Add(key))
        {
            if (!_byEndpoint.TryGetValue(key, out var policies))
            {
                _byEndpoint.Add(key, policies = []);
            }

            policies.Add(policy);
            _touched(key);
        }
    }

    private void File(Policy policy, PolicyPlace place)
    {
        Unfile(policy);
        policy.Place = place;
        if (!_byTier.TryGetValue(place.Tier, out var policies))
        {
            _byTier.Add(place.Tier, policies = []);
        }

        policies.Add(policy);
    }

    private void Unfile(Policy policy)
    {
        if (_byTier.TryGetValue(policy.Place.Tier, out var policies) && policies.Remove(policy) && policies.Count == 0)
        {
            _byTier.Remove(policy.Place.Tier);
        }
    }

    private void Drop(Policy policy)
    {
        Unfile(policy);
        _index.Remove(policy);
    }

    private void TouchTier(string name)
    {
        foreach (var policy in _byTier.GetValueOrDefault(name, []))
        {
            Touch(policy);
        }
    }

    private void Touch(Policy policy)
    {
        foreach (var endpoint in policy.Endpoints)
        {
            _touched(endpoint);
        }
    }

    private sealed class Policy(PolicyPlace place)
    {
        public PolicyPlace Place { get; set; } = place;

        public HashSet<ItemKey> Endpoints { get; } = [];
    }
}
