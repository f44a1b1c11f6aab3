using System.Collections.Immutable;
using Calico.Felix;
using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.Dataplane;

/// <summary>Something that the loop is asked to do, or told.</summary>
internal abstract record LoopRequest
{
    /// <summary>An endpoint of the host; done when the kernel enforces it.</summary>
    public sealed record Publish(LocalEndpoint Endpoint) : LoopRequest
    {
        /// <summary>The commit of the table with which it came; null: none yet.</summary>
        public long? Commit { get; set; }

        public TaskCompletionSource<EndpointState> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>An endpoint is gone; done when nothing in the kernel knows it.</summary>
    public sealed record Withdraw(WorkloadEndpointId Id) : LoopRequest
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>All endpoints that the node's log knows.</summary>
    public sealed record Initial(ImmutableArray<LocalEndpoint> Endpoints) : LoopRequest
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>A question, answered on the loop so that it sees one state.</summary>
    public sealed record Query(Action<Enforcement> Answer) : LoopRequest;

    /// <summary>For a while something was not enforced as it should have been.</summary>
    public sealed record Gap : LoopRequest;

    /// <summary>What tells of no change is to be looked at now.</summary>
    public sealed record Settings : LoopRequest;

    /// <summary>Somebody committed to nftables.</summary>
    public sealed record NftNotice(NftChange Change) : LoopRequest;

    /// <summary>Somebody changed links or routes.</summary>
    public sealed record RouteNotice(RouteEvent Event) : LoopRequest;

    /// <summary>The loop has ended: whoever waits is told.</summary>
    public static void Abandon(IEnumerable<LoopRequest> requests)
    {
        var reason = new CalicoException(Problem.Unavailable, "the dataplane loop has ended");
        foreach (var request in requests)
        {
            switch (request)
            {
                case Publish publish:
                    publish.Done.TrySetException(reason);
                    break;
                case Withdraw withdraw:
                    withdraw.Done.TrySetException(reason);
                    break;
                case Initial initial:
                    initial.Done.TrySetException(reason);
                    break;
                default:
                    break;
            }
        }
    }
}
