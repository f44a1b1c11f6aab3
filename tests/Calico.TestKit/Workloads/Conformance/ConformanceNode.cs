using System.Collections.Immutable;

namespace Calico.TestKit.Workloads;

/// <summary>The system under test: one node's contracts as one adapter sees them, and what may happen to that node.</summary>
/// <remarks>Made fresh for every test. Nothing here is called concurrently with <see cref="CrashAsync"/>.</remarks>
public abstract class ConformanceNode : IAsyncDisposable
{
    /// <summary>The contracts of the running process; other objects after <see cref="CrashAsync"/>.</summary>
    public abstract IWorkloadNetwork Network { get; }

    public abstract IWorkloadDataplane Dataplane { get; }

    public abstract IIpam Ipam { get; }

    public abstract IProfiles Profiles { get; }

    /// <summary>CIDR of an IPv4 pool with at least 64 free addresses.</summary>
    public abstract string Pool { get; }

    /// <summary>A fresh, empty network namespace; the caller disposes it.</summary>
    public abstract NetworkNamespace CreateNamespace();

    /// <summary>The namespace dies, and with it the links that have an end in it. Returns when the kernel has done so.</summary>
    public abstract Task DestroyNamespaceAsync(NetworkNamespace networkNamespace);

    /// <summary>Names of the host sides that the kernel has (<c>cali…</c>). A link that a reaper will take soon does not count.</summary>
    public abstract Task<ImmutableArray<string>> ListLinksAsync();

    /// <summary>As kill -9 and a new process: nothing in memory survives, disk, store and kernel do. Returns when calls are served.
    /// </summary>
    public abstract Task CrashAsync();

    /// <summary>As <see cref="CrashAsync"/>, in the middle of a call, which is never answered: its record is on disk, the kernel was not
    /// asked for the link.</summary>
    public abstract Task CrashInsideAsync(Func<Task> call);

    /// <summary>A link goes without a call of its adapter: the namespace that it was moved to died, or a person deleted it.</summary>
    public abstract Task LoseLinkAsync(string hostInterface);

    /// <summary>The datastore stops answering.</summary>
    public abstract Task KillStoreAsync();

    /// <summary>It answers again. Returns when what was journalled meanwhile has been replayed.</summary>
    public abstract Task ReviveStoreAsync();

    public abstract ValueTask DisposeAsync();
}
