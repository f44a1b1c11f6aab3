using System.Collections.Immutable;
using Calico.Dataplane.Drops;
using Calico.Dataplane.Ports;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Dataplane.Workloads;
using Calico.Linux.Conntrack;
using Calico.Linux.Nflog;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <summary>What the inside of the loop works with, all of it open.</summary>
/// <param name="Table">Which of the reconcilers enforces.</param>
/// <param name="Reconcilers">In the order in which they go.</param>
/// <param name="Connections">Tracked ones.</param>
/// <param name="Problem">Why traffic of workloads is not forwarded, though everything else stands; null: it is.</param>
internal sealed record KernelParts(IPolicyTable Table, ImmutableArray<IReconciler> Reconcilers, IConnections Connections,
    Func<string?> Problem) : IAsyncDisposable
{
    /// <summary>Tells of dropped packets.</summary>
    public DropWatch? Drops { get; init; }

    /// <summary>What host endpoints are matched with; null: nothing is known of the host's interfaces.</summary>
    public HostInterfaces? Interfaces { get; init; }

    /// <summary>Keeps published ports; null: none can be published.</summary>
    public PortReconciler? Ports { get; init; }

    /// <summary>Opens the kernel's own. What was opened before a failure is closed again.</summary>
    /// <param name="network">Where.</param>
    /// <param name="options">Of the dataplane.</param>
    /// <param name="shared">What the wiring of pairs and the loop both know.</param>
    /// <param name="loop">Runs a question there, and wakes it.</param>
    /// <param name="time">For pauses.</param>
    /// <param name="logger">Of the loop.</param>
    public static (KernelParts Parts, PolicyTable Table, RouteReconciler Routes) Open(HostNetwork network, DataplaneOptions options,
        (KeptLinks Links, LinkLedger Ledger) shared, (Func<Func<object>, CancellationToken, Task<object>> Ask, Action Wake) loop,
        TimeProvider time, ILogger logger)
    {
        var opened = new Stack<IDisposable>();
        T Keep<T>(T part) where T : IDisposable
        {
            opened.Push(part);
            return part;
        }

        try
        {
            var forwarding = new ForwardingSettings(network);
            forwarding.Assert();
            if (options.DropGroup is { } group && !network.Run(() => NflogStream.IsAvailable(group) && KernelNeeds.CanTell(group)))
            {
                // What is dropped is counted, and told to nobody.
                options = options with { DropGroup = null };
            }

            var nftables = Keep(network.Run(() => NftSocket.Open()));
            var table = Keep(new PolicyTable(nftables, network, new(ct => GracePeriod.WaitAsync(time, ct), loop.Wake), options, logger));
            var routes = Keep(new RouteReconciler(Keep(network.Run(() => RouteSocket.Open())), options, shared.Ledger, shared.Links));
            var keeper = Keep(new LinkKeeper(Keep(network.Run(() => RouteSocket.Open())), shared.Links, network, options, logger));
            var gateways = Keep(new GatewayReconciler(Keep(network.Run(() => RouteSocket.Open())), shared.Links, network));
            var interfaces = Keep(new HostInterfaces(Keep(network.Run(() => RouteSocket.Open())), shared.Links, options));
            var connections = new Connections(Keep(network.Run(() => ConntrackSocket.Open())), Keep(network.Run(() => RouteSocket.Open())),
                table.Policy, loop.Ask, time, logger);
            var portConnections = Keep(new PortConnections(Keep(network.Run(() => ConntrackSocket.Open())), Keep(network.Run(() =>
                RouteSocket.Open())), logger));
            var ports = Keep(new PortReconciler(nftables, Keep(network.Run(() => RouteSocket.Open())), shared.Links, portConnections,
                name => PolicyTable.DescribeOwner(nftables, name, network), options));
            // A new kind of kernel object is a line here.
            ImmutableArray<IReconciler> reconcilers =
            [
                interfaces,
                new SettingsReconciler(forwarding, keeper),
                gateways,
                ports,
                table,
                routes,
            ];
            string? Problem() => forwarding.Problem ?? gateways.Problem ?? interfaces.Problem ?? ports.Problem;
            return (new(table, reconcilers, connections, Problem) { Interfaces = interfaces, Ports = ports,
                Drops = new(network, options, table.Policy.FindRule, logger) }, table, routes);
        }
        catch
        {
            foreach (var part in opened)
            {
                part.Dispose();
            }

            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Connections.DisposeAsync();
        foreach (var reconciler in Reconcilers)
        {
            reconciler.Dispose();
        }
    }
}
