using System.Collections.Immutable;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What a chain should hold, and what the kernel holds under its name.</summary>
internal sealed class ChainContent(ChainHook? hook)
{
    public ChainHook? Hook => hook;

    public ImmutableArray<NftRule> Rules { get; set; } = [];

    /// <summary>Comments of the rules in the kernel, in order; null: the chain is not there.</summary>
    public ImmutableArray<string>? InKernel { get; set; }

    public bool IsSettled => InKernel is { } kernel && kernel.Length == Rules.Length
        && kernel.AsSpan().SequenceEqual(Rules.Select(r => r.Comment!).ToArray());
}
