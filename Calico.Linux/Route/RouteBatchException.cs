using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>A request of a batch was refused. Others of the batch may stand: <see cref="Outcome"/> says which.</summary>
public sealed class RouteBatchException(RouteFailure failure, RouteOutcome outcome)
    : NetlinkException((int)failure.Errno, failure.Request, failure.KernelText)
{
    /// <summary>The first request that was refused.</summary>
    public RouteFailure Failure { get; } = failure;

    public RouteOutcome Outcome { get; } = outcome;
}
