using System.Net;
using Calico.Ipam;

namespace Calico.Host.Workloads;

/// <summary>Who shares a namespace with an endpoint, and what follows from that for its gateway and routes.</summary>
internal sealed class EndpointGroups(EndpointBook book, NodeIpam ipam, IKernelSide kernel)
{
    /// <returns>Holds the group's lock; null: there is no group.</returns>
    public async Task<IDisposable?> EnterAsync(string group, CancellationToken ct) =>
        group.Length == 0 ? null : await book.GroupLocks.EnterAsync(group, ct);

    /// <summary>The group's key is a number that the kernel uses again: an endpoint whose namespace died may stand under it until it is
    /// collected. So a member counts while a call of this process holds its namespace open, or while its link leads there.</summary>
    public List<EndpointRecord> Others(string group, WorkloadEndpointId id, Placement? place) =>
        [.. book.InGroup(group)
            .Where(l => l.Record.Id != id && (!l.Record.Placed || l.IsBeingPlaced || kernel.LivesIn(l.Record, place?.Namespace)))
            .Select(l => l.Record)];

    /// <summary>Puts an endpoint into the group that its place names, if that is not the one it was prepared for: the book shows it there
    /// when this returns, so that the next one counts it.</summary>
    /// <returns>Its record.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: it does not fit.</exception>
    public async Task<EndpointRecord> JoinAsync(EndpointLife life, Placement place, CancellationToken ct)
    {
        var record = life.Record;
        if (place.NamespaceGroup.Length == 0 || place.NamespaceGroup == record.Group)
        {
            return record;
        }

        using var group = await EnterAsync(place.NamespaceGroup, ct);
        // Routes that its adapter gave are a lone endpoint's instead of the default route; those of a former group are that group's.
        var given = record.Group.Length == 0 && !record.DefaultRoute ? record.Routes : [];
        var spec = new EndpointSpec
        {
            Id = record.Id,
            Instance = record.Instance,
            Network = record.Network,
            Profiles = record.Profiles,
            Routes = [.. given.Select(r => r.ToRoute())],
        };
        var others = Others(place.NamespaceGroup, record.Id, place);
        var (gateway, defaultRoute, routes) = NamespaceGroup.Place(spec, record.Networks, others, await ipam.ListPoolsAsync(ct));
        var joined = record with
        {
            Group = place.NamespaceGroup,
            Gateway4 = record.Gateway4 is null ? null : gateway.ToString(),
            Gateway6 = record.Networks.Any(n => n.PrefixLength > 32) ? NamespaceGroup.Gateway6Of(gateway)?.ToString() : null,
            DefaultRoute = defaultRoute,
            Routes = [.. routes.Select(RouteRecord.From)],
        };
        life.Replace(joined);
        return joined;
    }
}
