using System.Collections.Immutable;
using Calico.Dataplane;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Calico.Host.Health;

/// <summary>The host's interfaces that are no workload's, with the addresses that host endpoints are matched with:
/// <c>GET /interfaces</c>.</summary>
internal sealed class InterfaceReports(string node, DataplaneLoop dataplane) : IControlRoutes
{
    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/interfaces", async context =>
    {
        var interfaces = await dataplane.ListInterfacesAsync(context.RequestAborted);
        await ControlApi.WriteAsync(context, new LinksReport(node, [.. interfaces.Select(link =>
            new LinkReport(link.Name, [.. link.Addresses.Select(address => address.FirstAddress().ToString())]))]),
            StatusJson.Default.LinksReport);
    });
}

/// <summary>Interfaces of a host.</summary>
/// <param name="Node">Whose.</param>
/// <param name="Interfaces">By name.</param>
internal sealed record LinksReport(string Node, ImmutableArray<LinkReport> Interfaces);

/// <summary>One of them.</summary>
/// <param name="Name">Of the link.</param>
/// <param name="Addresses">Without lengths.</param>
internal sealed record LinkReport(string Name, ImmutableArray<string> Addresses);
