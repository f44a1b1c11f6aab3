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

    public async Task IsolateAsync(Arguments args, bool isRepeat, CancellationToken ct)
    {
        var container = args.Text("container_id");
        args.Expect("hostname");
        var pid = args.Pid("pid");
        var addresses = args.AddressesOfBoth();
        var (groups, labels) = (args.Netgroups(), args.Labels());
        await IsolateAsync(new IsolateCommand(container, pid, addresses, StaticAddresses.GroupsOf(groups, labels), labels), isRepeat, ct);
    }

    /// <summary>All or nothing; after a failure the addresses are free, and may be released all the same.</summary>
    /// <param name="asked">What.</param>
    /// <param name="isRepeat">Whether <c>calico_mesos</c> sent it before and had no reply: what that made is then what is asked.</param>
    /// <param name="ct">Cancels.</param>
    public async Task IsolateAsync(IsolateCommand asked, bool isRepeat, CancellationToken ct)
    {
        var id = ContainerPath.Of([asked.Container], "container_id");
        foreach (var group in asked.Groups)
        {
            Netgroups.Check(group, "netgroups");
        }

        if (host.Current.IsEmpty)
        {
            throw new NetModulesException("Couldn't determine host's IP Address.");
        }

        using var turn = await _turns.EnterAsync(asked.Container, ct);
        var record = book.Find(id.Text);
        // One that a crash left half isolated is gone on with.
        if (record is not null && (record.Agent != Agent || await IsLinkedAsync(record, ct)))
        {
            if (isRepeat && IsSame(record, asked))
            {
                return;
            }

            throw new NetModulesException("This container has already been configured with Calico Networking.");
        }

        // Before anything is made: the likeliest fault is a process that has ended.
        var (process, opened) = ContainerIsolation.Open(namespaces, asked.Pid, 0);
        opened.Dispose();
        try
        {
            await preparation.PrepareAsync(id, [asked.Request], Agent, process, opened.Identity, ct);
            // The same process: not whichever has its number by now.
            await isolation.IsolateAsync(id, asked.Pid, process.Start, ct);
        }
        catch
        {
            await removal.UndoAsync(id);
            throw;
        }
    }

    /// <summary>The IPv4 address that a container was isolated with; null: there is none.</summary>
    public IPAddress? AddressOf(string container) => book.Find(container) is { Agent: Agent, Networks: [var network] }
        ? network.ExactAddresses.FirstOrDefault(AddressLeases.IsIpv4) : null;

    private static bool IsSame(ContainerRecord record, IsolateCommand asked) => record.Agent == Agent
        && record.Process == ProcessIdentity.Find(asked.Pid)?.ToString() && NetworkRequest.AreSame(record.Networks, [asked.Request]);

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

    public Task CleanupAsync(Arguments args, bool isRepeat, CancellationToken ct)
    {
        var container = args.Text("container_id");
        args.Expect("hostname");
        return CleanupAsync(container, isRepeat, ct);
    }

    /// <param name="container">Which.</param>
    /// <param name="isRepeat">Whether <c>calico_mesos</c> sent it before and had no reply: what is gone then, that took away.</param>
    /// <param name="ct">Cancels.</param>
    public async Task CleanupAsync(string container, bool isRepeat, CancellationToken ct)
    {
        var id = ContainerPath.Of([container], "container_id");
        using var turn = await _turns.EnterAsync(container, ct);
        if (book.Find(id.Text) is null)
        {
            if (isRepeat)
            {
                return;
            }

            throw new NetModulesException($"No endpoint found with container-id: {container}");
        }

        await removal.CleanupAsync(id, ct);
    }
}
