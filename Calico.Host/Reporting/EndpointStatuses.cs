using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Host.Workloads;

namespace Calico.Host.Reporting;

/// <summary>How the endpoints of this node are, in upstream's three words, under upstream's keys.</summary>
/// <remarks>
/// A workload endpoint is <c>up</c> when the kernel enforces its policy, <c>error</c> when a person is needed, <c>down</c> otherwise.
/// A host endpoint is <c>up</c> or <c>down</c> as its interfaces are, <c>error</c> when it has none. While the kernel does not hold what it
/// should, all are <c>error</c>: what they say of themselves is not what happens.
/// </remarks>
internal static class EndpointStatuses
{
    private const string Up = "up";
    private const string Down = "down";
    private const string Error = "error";

    /// <summary>Key and value of each.</summary>
    /// <param name="region">In the keys.</param>
    /// <param name="node">This node.</param>
    /// <param name="workloads">Its workload endpoints.</param>
    /// <param name="hostEndpoints">Its host endpoints.</param>
    /// <param name="isRefused">The kernel does not hold what is desired.</param>
    public static ImmutableDictionary<string, string> Of(string region, string node, IEnumerable<EndpointLife> workloads,
        IEnumerable<HostEndpointState> hostEndpoints, bool isRefused)
    {
        var statuses = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var life in workloads)
        {
            if (KeyOf(region, node, life.Record) is { } key)
            {
                statuses[key] = EndpointStatusKeys.Value(isRefused ? Error : WordOf(life));
            }
        }

        foreach (var endpoint in hostEndpoints)
        {
            statuses[EndpointStatusKeys.OfHostEndpoint(node, endpoint.Name)] =
                EndpointStatusKeys.Value(isRefused ? Error : endpoint.IsUp switch { true => Up, false => Down, null => Error });
        }

        return statuses.ToImmutable();
    }

    private static string WordOf(EndpointLife life) => life.Record.Conflict is not null ? Error : life.Status.State switch
    {
        EndpointState.Enforced => Up,
        EndpointState.Failed => Error,
        _ => Down,
    };

    /// <returns>Null: no other node can have it as a resource either, which the publisher says.</returns>
    private static string? KeyOf(string region, string node, EndpointRecord record)
    {
        try
        {
            var resource = Kinds.WorkloadEndpoint.Key(record.Namespace, WorkloadEndpointResource.Name(record, node));
            return EndpointStatusKeys.TryOfWorkload(region, node, resource, out var key) ? key : null;
        }
        catch (CalicoException e) when (e.Problem == Problem.Invalid)
        {
            return null;
        }
    }
}
