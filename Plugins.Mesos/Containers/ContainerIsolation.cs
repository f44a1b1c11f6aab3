using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>A container's process is there: its interfaces are made in the process's namespace.</summary>
internal sealed partial class ContainerIsolation(MesosSettings settings, ContainerBook book, ContainerState states,
    IWorkloadDataplane dataplane, INetworkNamespaces namespaces, TimeProvider time, ILogger<ContainerIsolation> log)
{
    /// <summary>An undo has its own time.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    /// <summary>Answers when the kernel enforces the policy of every interface; else nothing is made.</summary>
    /// <param name="id">Prepared before.</param>
    /// <param name="pid">Its process.</param>
    /// <param name="startTime">When that started, ticks from the boot; 0: whichever has the number now.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ContainerView> IsolateAsync(ContainerPath id, int pid, ulong startTime, CancellationToken ct)
    {
        using var turn = await book.EnterAsync(id.Text, ct);
        var record = book.Get(id);
        if (book.IsEnding(id.Text))
        {
            throw new CalicoException(Problem.Conflict, $"container {id} is being cleaned up", "container_id");
        }

        var (process, networkNamespace) = Open(namespaces, pid, startTime);
        using (networkNamespace)
        {
            if (record.SharesNetworkOf is { } owner)
            {
                return await JoinAsync(record, owner, process, networkNamespace, ct);
            }

            if (record.Process is { } other && (other != process.ToString() || record.NamespaceIdentity != networkNamespace.Identity))
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"container {id} is isolated already, with another process ({other.Split(' ')[0]})", "pid");
            }

            var isolated = record with { Process = process.ToString(), NamespaceIdentity = networkNamespace.Identity };
            if (isolated != record)
            {
                await book.PutAsync(isolated, ct);
            }

            try
            {
                await AttachAsync(isolated, networkNamespace, ct);
            }
            catch when (!record.IsIsolated)
            {
                await UndoAsync(record);
                throw;
            }

            return await states.ViewAsync(isolated, ct);
        }
    }

    /// <summary>The process, and the namespace that it has.</summary>
    /// <remarks>The number is looked up before and after the namespace is opened: a process that ends in between, and whose number
    /// another one gets, is not isolated in its place.</remarks>
    /// <param name="namespaces">Opens, and refuses the host's own.</param>
    /// <param name="pid">Its number.</param>
    /// <param name="startTime">See <see cref="IsolateAsync"/>.</param>
    public static (ProcessIdentity Process, NetworkNamespace Namespace) Open(INetworkNamespaces namespaces, int pid, ulong startTime)
    {
        var process = ProcessIdentity.Find(pid) ?? throw Gone(pid);
        if (startTime != 0 && startTime != process.Start)
        {
            throw new CalicoException(Problem.NotFound, string.Create(CultureInfo.InvariantCulture,
                $"process {pid} that started at {startTime} has ended; {pid} is another's now"), "start_time");
        }

        NetworkNamespace opened;
        try
        {
            opened = namespaces.OpenProcess(pid);
        }
        catch (CalicoException e) when (e.Problem is Problem.NotFound or Problem.Invalid)
        {
            throw new CalicoException(e.Problem, e.Message, "pid", e);
        }

        if (ProcessIdentity.Find(pid) == process)
        {
            return (process, opened);
        }

        opened.Dispose();
        throw Gone(pid);
    }

    /// <summary>A nested container in its parent's namespace, which has its interfaces already.</summary>
    private async Task<ContainerView> JoinAsync(ContainerRecord record, string owner, ProcessIdentity process, NetworkNamespace opened,
        CancellationToken ct)
    {
        if (book.Find(owner) is not { IsIsolated: true } parent || parent.NamespaceIdentity != opened.Identity)
        {
            throw new CalicoException(Problem.Invalid,
                $"process {process.Id} is not in the network namespace of container {owner}, whose network {record.Id} shares", "pid");
        }

        var isolated = record with { Process = process.ToString(), NamespaceIdentity = opened.Identity };
        await book.PutAsync(isolated, ct);
        return await states.ViewAsync(isolated, ct);
    }

    private async Task AttachAsync(ContainerRecord record, NetworkNamespace networkNamespace, CancellationToken ct)
    {
        foreach (var (name, _) in record.Interfaces)
        {
            var id = ContainerPath.EndpointOf(record.Id, name);
            var attached = await dataplane.AttachAsync(id, record.Id, Placement.In(networkNamespace, name), settings.LimitedAfter, ct);
            if (attached.State is EndpointState.Failed or EndpointState.Closed)
            {
                throw new CalicoException(Problem.Unavailable,
                    $"interface {name} of container {record.Id} stays closed: {attached.Reason}");
            }
        }
    }

    private async Task UndoAsync(ContainerRecord before)
    {
        using var limit = new CancellationTokenSource(UndoTime, time);
        try
        {
            foreach (var id in before.Endpoints)
            {
                await dataplane.DetachAsync(id, before.Id, limit.Token);
            }

            await book.PutAsync(before, limit.Token);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            // The first cause is the answer; the agent cleans up what it could not isolate, and so does the sweep.
            Log.NotUndone(log, before.Id, e.Message);
        }
    }

    private static CalicoException Gone(int pid) =>
        new(Problem.NotFound, string.Create(CultureInfo.InvariantCulture, $"there is no process {pid}"), "pid");

    private static partial class Log
    {
        [LoggerMessage(7306, LogLevel.Warning,
            "Interfaces of container {Container}, whose isolation failed, are not taken away yet: {Reason}")]
        public static partial void NotUndone(ILogger log, string container, string reason);
    }
}
