using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Cni;
using Calico.Plugins.Mesos.Containers;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>net-modules' isolator: isolate and cleanup. There is no prepare on the wire, and no list of what runs ever comes.</summary>
internal sealed class ContainerCommands(ContainerBook book, ContainerPreparation preparation, ContainerIsolation isolation,
    ContainerRemoval removal, HostAddresses host,
    IWorkloadNetwork network, INetworkNamespaces namespaces)
{
    /// <summary>What no agent can call itself over gRPC: a list of what an agent runs is not about these.</summary>
    private const string Agent = "(net-modules)";

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

    /// <summary>All or nothing; after a failure the addresses are free, and may be released all the same.</summary>
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
        // One that a crash left half isolated is gone on with.
        if (book.Find(id.Text) is { } record && (record.Agent != Agent || await IsLinkedAsync(record, ct)))
        {
            throw new NetModulesException("This container has already been configured with Calico Networking.");
        }

        // Before anything is made: the likeliest fault is a process that has ended.
        var (process, opened) = ContainerIsolation.Open(namespaces, pid, 0);
        opened.Dispose();
        var request = new NetworkRequest
        {
            Name = "net-modules", IsNetModules = true, Groups = groups, Labels = labels, Exact = [.. addresses.Select(a => a.ToString())],
        };
        try
        {
            await preparation.PrepareAsync(id, [request], Agent, process, opened.Identity, ct);
            await isolation.IsolateAsync(id, pid, 0, ct);
        }
        catch
        {
            await removal.UndoAsync(id);
            throw;
        }
    }

    private async Task<bool> IsLinkedAsync(ContainerRecord record, CancellationToken ct)
    {
        foreach (var endpoint in record.Endpoints)
        {
            if (await network.FindAsync(endpoint, ct) is { State: not EndpointState.Prepared })
            {
                return true;
            }
        }

        return false;
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
        if (book.Find(id.Text) is null)
        {
            throw new NetModulesException($"No endpoint found with container-id: {container}");
        }

        await removal.CleanupAsync(id, ct);
    }
}
