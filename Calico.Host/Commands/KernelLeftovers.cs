using Calico.Dataplane;
using Calico.Dataplane.Strangers;
using Calico.Dataplane.Workloads;
using Calico.Linux;
using Calico.Linux.Namespaces;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Host.Commands;

/// <summary>By what makes each ours: the interfaces' prefix, the routes' protocol number, the table's family and name, the
/// comment of rules in others' chains.</summary>
internal sealed class KernelLeftovers : IKernelLeftovers
{
    private static readonly DataplaneOptions Options = new() { NodeName = "" };
    private static readonly NftTable[] Tables =
        [.. new[] { Options.PortsTableName, Options.TableName, Options.ClosingTableName }.Select(name => new NftTable(NftFamily.Inet,
            name))];

    public IReadOnlyList<string> Interfaces(string prefix) => Ask(() =>
    {
        using var socket = RouteSocket.Open();
        return socket.ListLinks().Select(l => l.Name).Where(n => n.StartsWith(prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).ToList();
    });

    public IReadOnlyList<string> Remove(string prefix, int routeProtocol, bool dryRun) => Ask(() =>
    {
        var said = new List<string>();
        var verb = dryRun ? "would remove" : "removed";
        using var route = RouteSocket.Open();
        // First what leads to workloads, then what guards them.
        foreach (var link in route.ListLinks().Where(l => l.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            said.Add($"{verb} interface {link.Name}");
            if (!dryRun)
            {
                route.Execute(b => b.DeleteLink(link.Index), Errno.NoDevice);
            }
        }

        foreach (var entry in route.ListRoutes(new() { Protocol = new((byte)routeProtocol) }))
        {
            said.Add($"{verb} route {entry}");
            if (!dryRun)
            {
                route.Execute(b => b.DeleteRoute(entry), Errno.NoProcess);
            }
        }

        foreach (var gateway in HostGateways.Leftovers(route))
        {
            said.Add($"{verb} address {gateway.Address} of the host's loopback");
            if (!dryRun)
            {
                route.Execute(b => b.DeleteAddress(gateway), Errno.AddressNotAvailable);
            }
        }

        using var nft = NftSocket.Open();
        foreach (var table in nft.ListTables().Where(t => Tables.Contains(t)))
        {
            said.Add($"{verb} nftables table {table}");
            if (!dryRun)
            {
                var batch = new NftBatch();
                batch.DestroyTable(table);
                nft.Commit(batch);
            }
        }

        using var broker = new NamespaceBroker();
        var forward = new ForwardPath(new(broker), new() { NodeName = "", InterfacePrefix = prefix }, TimeProvider.System,
            NullLoggerFactory.Instance);
        said.AddRange(forward.Remove(dryRun).Select(c => $"{verb} our rules in {c}"));
        return said;
    });

    private static List<string> Ask(Func<List<string>> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is NetlinkException or NftCommitException)
        {
            throw new CalicoException(Problem.Refused, $"the kernel refused: {e.Message}", null, e);
        }
    }
}
