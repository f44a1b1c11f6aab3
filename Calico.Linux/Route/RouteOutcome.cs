using System.Collections.Immutable;

namespace Calico.Linux.Route;

/// <summary>What became of each request of a batch.</summary>
/// <param name="Count">How many there were.</param>
/// <param name="Failures">Those that were refused, in batch order; all others stand.</param>
public sealed record RouteOutcome(int Count, ImmutableArray<RouteFailure> Failures)
{
    /// <summary>All of them stand.</summary>
    public bool IsSuccess => Failures.IsEmpty;

    /// <summary>Whether the request at <paramref name="index"/> stands.</summary>
    public bool Succeeded(int index)
    {
        foreach (var failure in Failures)
        {
            if (failure.Index == index)
            {
                return false;
            }
        }

        return index >= 0 && index < Count;
    }

    /// <summary>Throws for the first failure that is not one of <paramref name="tolerated"/>.</summary>
    /// <exception cref="RouteBatchException">It names the object and carries this outcome.</exception>
    public RouteOutcome ThrowIfFailed(params ReadOnlySpan<Errno> tolerated)
    {
        foreach (var failure in Failures)
        {
            if (!tolerated.Contains(failure.Errno))
            {
                throw new RouteBatchException(failure, this);
            }
        }

        return this;
    }
}
