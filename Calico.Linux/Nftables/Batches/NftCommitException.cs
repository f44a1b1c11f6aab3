using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>The kernel refused a transaction; nothing of it was applied.</summary>
/// <remarks>
/// <see cref="Errno.Restart"/>: the generation it was pinned to is not the current one. <see cref="Errno.TooManyLinks"/>: chains loop
/// or nest deeper than 16. <see cref="Errno.NoEntry"/>: something it names is not there. <see cref="Errno.Exists"/>: it is there with
/// other content, or a range overlaps. <see cref="Errno.Busy"/>: still referred to.
/// </remarks>
public sealed class NftCommitException(ImmutableArray<NftFailure> failures)
    : NetlinkException((int)failures[0].Errno, failures[0].Request.ToString(), failures[0].KernelText)
{
    /// <summary>In batch order; later ones are often consequences of the first.</summary>
    public ImmutableArray<NftFailure> Failures { get; } = failures;
}
