using System.Collections.Immutable;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What a chain should hold, and what the kernel holds under its name.</summary>
internal sealed class ChainContent(ChainHook? hook)
{
    public ChainHook? Hook => hook;

    public ImmutableArray<NftRule> Rules
    {
        get;
        set
        {
            // Most of a chain that is written anew are the very rules that it had.
            var known = new Dictionary<NftRule, RuleIdentity>(ReferenceEqualityComparer.Instance);
            for (var i = 0; i < field.Length; i++)
            {
                known[field[i]] = Identities[i];
            }

            field = value;
            Identities = [.. value.Select(rule => known.TryGetValue(rule, out var identity) ? identity : RuleIdentity.Of(rule))];
        }
    } = [];

    /// <summary>Of <see cref="Rules"/>, in order.</summary>
    public ImmutableArray<RuleIdentity> Identities { get; private set; } = [];

    /// <summary>The rules in the kernel, in order; null: the chain is not there.</summary>
    public ImmutableArray<RuleIdentity>? InKernel { get; set; }

    public bool IsSettled => InKernel is { } kernel && kernel.AsSpan().SequenceEqual(Identities.AsSpan());

    /// <summary>Whether a chain of the kernel enters packets as this one should: where, when, and what its end does.</summary>
    public bool Matches(NftChain chain) => chain.Unusual.Length == 0 && chain.Hook == hook?.Hook && (hook is null
        || (chain.Priority == hook.Priority && !chain.PolicyDrop
            && string.Equals(hook.Type.ToString(), chain.Type, StringComparison.OrdinalIgnoreCase)));
}
