using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Cni;
using Calico.Plugins.Mesos.Containers;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>net-modules' isolator: isolate and cleanup. There is no prepare on the wire, and no list of what runs ever comes.</summary>
internal sealed class ContainerCommands(ContainerBook book, ContainerPreparation preparation, ContainerIsolation isolation,
    ContainerRemoval removal,
    HostAddresses host, IWorkloadNetwork network, INetworkNamespaces namespaces, TimeProvider time)
{
    /// <summary>What no agent can call itself over gRPC: a list of what an agent runs is not about these.</summary>
    private const string Agent = "(net-modules)";

    /// <summary>An undo has its own time.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    private readonly CallTurns _turns = new();

    public async Task IsolateAsync(Arguments args, CancellationToken ct)
    {
        var container = args.Text("container_id");
        args.Expect("hostname");
        var pid = args.Pid("pid");
        var addresses = args.AddressesOfBoth();
        var (groups, labels) = (args.Netgroups(), args.Labels());
        await IsolateAsync(container, pid, addresses, StaticAddresses.GroupsOf(groups, labels), labels, ct);
    }

    /// <summary>All or nothing; the addresses are the caller's, before and after a failure.</summary>
    public async Task IsolateAsync(string container, int pid, ImmutableArray<IPAddress> addresses, ImmutableArray<string> groups,
        ImmutableArray<KeyValuePair<string, string>> labels, CancellationToken ct)
    {
        var id = ContainerPath.Of([container], "container_id");
        foreach (var group in groups)
        {
            Netgroups.Check(group, "netgroups");
        }

        if (host.Current.IsEmpty)
        {
            throw new NetModulesException("Couldn't determine host's IP Address.");
        }

        using var turn = await _turns.EnterAsync(container, ct);
        if (book.Find(id.Text) is { IsIsolated: true } or { Agent: not Agent })
        {
            throw new NetModulesException("This container has already been configured with Calico Networking.");
        }

        // Before anything is made: the likeliest fault is a process that has ended.
        ContainerIsolation.Open(namespaces, pid, 0).Namespace.Dispose();
        var request = new NetworkRequest
        {
            Name = "net-modules", IsNetModules = true, Groups = groups, Labels = labels, Exact = [.. addresses.Select(a => a.ToString())],
        };
        await preparation.PrepareAsync(id, [request], Agent, ct);
        try
        {
            await isolation.IsolateAsync(id, pid, 0, ct);
        }
        catch
        {
            using var limit = new CancellationTokenSource(UndoTime, time);
            await removal.CleanupAsync(id, limit.Token);
            throw;
        }
    }

    public Task CleanupAsync(Arguments args, CancellationToken ct)
    {
        var container = args.Text("container_id");
        args.Expect("hostname");
        return CleanupAsync(container, ct);
    }

    public async Task CleanupAsync(string container, CancellationToken ct)
    {
        var id = ContainerPath.Of([container], "container_id");
        using var turn = await _turns.EnterAsync(container, ct);
        if (book.Find(id.Text) is null
            && await network.FindAsync(ContainerPath.EndpointOf(container, NetworkRequest.InterfaceOf(0)), ct) is null)
        {
            throw new NetModulesException($"No endpoint found with container-id: {container}");
        }

        await removal.CleanupAsync(id, ct);
    }
}
