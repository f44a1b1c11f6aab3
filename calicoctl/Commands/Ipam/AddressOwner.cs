using System.Collections.Immutable;
using System.Net;
using Calico.Cli.Endpoints;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary>What IPAM has on record of who has an address.</summary>
internal static class AddressOwner
{
    /// <summary>Prints it in upstream's words.</summary>
    /// <returns>False: nobody has it.</returns>
    internal static async Task<bool> PrintAsync(TextWriter output, IpamClient ipam, IPAddress address, CancellationToken ct)
    {
        IpamAttribute attribute;
        try
        {
            attribute = await ipam.AttributesOfAsync(address, ct);
        }
        catch (CalicoException e) when (e.Problem is Problem.NotFound or Problem.Conflict)
        {
            await output.WriteLineAsync($"{address} is not assigned");
            return false;
        }

        await output.WriteLineAsync($"IP {address} is in use");
        await output.WriteLineAsync($"Handle ID: {attribute.HandleId ?? "<none>"}");
        if (attribute.Secondary is { IsEmpty: false } owner)
        {
            await PrintAttributesAsync(output, "Active Owner Attributes:", owner);
        }
        else
        {
            await output.WriteLineAsync("No Active Owner attributes defined");
        }

        if (attribute.AlternateOwnerAttrs is { IsEmpty: false } alternate)
        {
            await PrintAttributesAsync(output, "Alternate Owner Attributes:", alternate);
        }

        return true;
    }

    /// <summary>Prints the workload endpoints that have it, by the names that people know them by: IPAM gave the address before anybody
    /// told a container's.</summary>
    internal static async Task PrintEndpointsAsync(TextWriter output, ResourceClient client, IPAddress address, CancellationToken ct)
    {
        foreach (var endpoint in (await client.ListAsync(Kinds.WorkloadEndpoint, "", ct)).Items
            .Where(e => AuditedEndpoints.Parse(e.Spec.IpNetworks ?? []).Contains(address)))
        {
            await output.WriteLineAsync($"Endpoint: {EndpointName.Of(endpoint)} on node {endpoint.Spec.Node}");
        }
    }

    private static async Task PrintAttributesAsync(TextWriter output, string heading, ImmutableSortedDictionary<string, string> attributes)
    {
        await output.WriteLineAsync(heading);
        foreach (var (name, value) in attributes)
        {
            await output.WriteLineAsync($"  {name}: {value}");
        }
    }
}
