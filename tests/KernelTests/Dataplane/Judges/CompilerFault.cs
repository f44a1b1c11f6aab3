using Calico.Felix.Output;
using Calico.Linux.Nftables;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>Something done wrong between what is calculated and what the kernel gets: as if the compiler or the rendering had that
/// fault.</summary>
/// <param name="Name">In words.</param>
public sealed record CompilerFault(string Name)
{
    /// <summary>What becomes of an update of the compiled program.</summary>
    internal Func<DataplaneUpdate, IEnumerable<DataplaneUpdate>>? Compile { get; init; }

    /// <summary>What becomes of a rule, in the chain of that name.</summary>
    internal Func<string, NftRule, IEnumerable<NftRule>>? Render { get; init; }

    public override string ToString() => Name;
}
