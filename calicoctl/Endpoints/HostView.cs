using Calico.Cli.Connection;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Ipam;

namespace Calico.Cli.Endpoints;

/// <summary>What the host process on this machine says of its endpoints; empty when none answers.</summary>
/// <param name="Node">Its node; empty: no host.</param>
/// <param name="Endpoints">Its endpoints.</param>
internal sealed record HostView(string Node, IReadOnlyList<HostEndpoint> Endpoints)
{
    internal static async Task<HostView> ReadAsync(CliEnvironment environment, CancellationToken ct)
    {
        try
        {
            var status = await HostClient.GetAsync(environment.HostSocket, "/status", HostJson.Default.HostStatus, ct);
            return new(status.Node,
                await HostClient.GetAsync(environment.HostSocket, "/endpoints", HostJson.Default.HostEndpointArray, ct));
        }
        catch (CliException)
        {
            // No host here, or not for this user: the store is what there is.
            return new("", []);
        }
    }

    /// <summary>What the host says of an endpoint of the store; null: it is of another node, or the host does not know it.</summary>
    internal HostEndpoint? StateOf(Resource<WorkloadEndpointSpec> endpoint)
    {
        var id = EndpointIdentity.Of(endpoint).ToString();
        return Node.Length > 0 && endpoint.Spec.Node == Node ? Endpoints.FirstOrDefault(own => own.Id == id) : null;
    }
}
