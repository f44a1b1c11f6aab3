using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Ipam;

namespace Calico.Host.Workloads;

/// <summary>This node's addresses as they are shown: <c>/leases</c>, <c>/audit</c>, and how many of each pool in the status.</summary>
internal sealed class LeaseReports(NodeIpam ipam, DatastoreView view, EndpointBook book, Func<IEnumerable<string>> links)
    : IControlRoutes, IStatusPart
{
    public string Part => "addresses";

    public void Map(ControlRoutes routes)
    {
        routes.MapGet("/leases", async context =>
        {
            var leases = await ipam.ListAsync(null, null, context.RequestAborted);
            await ControlApi.WriteAsync(context,
                [.. leases.Select(l => new LeaseReport(l.Address.ToString(), l.Handle, l.Purpose.ToString(), l.Adapter, l.Owner,
                l.BoundTo?.ToString(), l.Since))], StatusJson.Default.ImmutableArrayLeaseReport);
        });
        routes.MapGet("/audit", async context =>
            await ControlApi.WriteAsync(context, await AuditAsync(context.RequestAborted), StatusJson.Default.ImmutableArrayString));
    }

    public async Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        var pools = view.List(Kinds.IpPool)
            .Select(pool => (pool.Metadata.Name, Range: Cidr.TryParse(pool.Spec.Cidr, out var range) ? range : (Cidr?)null)).ToArray();
        var addresses = (await ipam.ListAsync(null, null, ct)).Where(lease => lease.BoundTo is not null)
            .GroupBy(lease => pools.FirstOrDefault(pool => pool.Range?.Contains(Cidr.From(lease.Address)) == true).Name ?? "")
            .ToImmutableSortedDictionary(pool => pool.Key, pool => pool.Count(), StringComparer.Ordinal);
        return report => report with { Addresses = addresses };
    }

    /// <summary>Compares addresses, handles, endpoints and links; a line for each that does not agree.</summary>
    private async Task<ImmutableArray<string>> AuditAsync(CancellationToken ct)
    {
        var present = links().ToHashSet();
        var lines = ImmutableArray.CreateBuilder<string>();
        foreach (var record in book.All.Select(l => l.Record).Where(r => r.Placed && !present.Contains(r.HostInterface)))
        {
            lines.Add($"endpoint {record.Id}: its interface {record.HostInterface} is not in the kernel");
        }

        foreach (var record in book.All.Select(l => l.Record).Where(r => r.Conflict is not null))
        {
            lines.Add($"endpoint {record.Id}: {record.Conflict}");
        }

        foreach (var link in present.Where(l => !book.TryFindByInterface(l, out _)))
        {
            lines.Add($"interface {link}: no endpoint of this node has it");
        }

        foreach (var lease in await ipam.ListAsync(null, null, ct))
        {
            if (lease.BoundTo is { } endpoint && !book.TryFind(endpoint, out _))
            {
                lines.Add($"address {lease.Address}: bound to {endpoint}, which is no endpoint of this node");
            }
        }

        return lines.ToImmutable();
    }
}
