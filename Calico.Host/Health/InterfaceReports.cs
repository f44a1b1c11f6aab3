using System.Collections.Immutable;
using Calico.Dataplane;

namespace Calico.Host.Health;

/// <summary>The host's interfaces that are no workload's, with the addresses that host endpoints are matched with:
/// <c>GET /interfaces</c>; what is enforced at one, or at a workload's: <c>GET /enforced?interface=NAME</c>.</summary>
internal sealed class InterfaceReports(string node, DataplaneLoop dataplane) : IControlRoutes
{
    public void Map(ControlRoutes routes)
    {
        routes.MapGet("/interfaces", async context =>
        {
            var interfaces = await dataplane.ListInterfacesAsync(context.RequestAborted);
            await ControlApi.WriteAsync(context, new LinksReport(node, [.. interfaces.Select(link =>
                new LinkReport(link.Name, [.. link.Addresses.Select(address => address.FirstAddress().ToString())]))]),
                StatusJson.Default.LinksReport);
        });
        routes.MapGet("/enforced", async context =>
        {
            var found = await dataplane.ProveAsync(context.Request.Query["interface"].ToString(), context.RequestAborted);
            await ControlApi.WriteAsync(context, new EnforcedReport(node, found.InSync, found.Revision, found.Problem, found.Lines),
                StatusJson.Default.EnforcedReport);
        });
    }
}

/// <summary>What the kernel enforces at an interface.</summary>
/// <param name="Node">Whose host it is.</param>
/// <param name="InSync">Whether the store has been read to its end.</param>
/// <param name="Revision">Of the store, up to which everything is enforced.</param>
/// <param name="Problem">Why the kernel may hold something else; empty: it was read and holds it.</param>
/// <param name="Lines">A line a rule; empty: nothing is asked there.</param>
internal sealed record EnforcedReport(string Node, bool InSync, long Revision, string Problem, ImmutableArray<string> Lines);

/// <summary>Interfaces of a host.</summary>
/// <param name="Node">Whose.</param>
/// <param name="Interfaces">By name.</param>
internal sealed record LinksReport(string Node, ImmutableArray<LinkReport> Interfaces);

/// <summary>One of them.</summary>
/// <param name="Name">Of the link.</param>
/// <param name="Addresses">Without lengths.</param>
internal sealed record LinkReport(string Name, ImmutableArray<string> Addresses);
