using System.Collections.Immutable;

namespace Calico.TestKit.Workloads;

/// <summary>The fake node under the conformance suite: what adapters are tested with behaves as the contracts say.</summary>
public sealed class FakeConformanceNode(string adapter) : ConformanceNode
{
    private readonly FakeNode _node = new(adapter);
    private int _namespaces;

    public override IWorkloadNetwork Network => _node.Network;

    public override IWorkloadDataplane Dataplane => _node.Dataplane;

    public override IIpam Ipam => _node.Ipam;

    public override IProfiles Profiles => _node.Profiles;

    public override string Pool => _node.Pools[0].Cidr.ToString();

    public override NetworkNamespace CreateNamespace() => _node.Namespaces.Open($"/run/netns/n{Interlocked.Increment(ref _namespaces)}");

    public override Task DestroyNamespaceAsync(NetworkNamespace networkNamespace)
    {
        _node.DestroyNamespace(networkNamespace);
        return Task.CompletedTask;
    }

    public override Task<ImmutableArray<string>> ListLinksAsync() => Task.FromResult(_node.Links);

    public override Task CrashAsync()
    {
        _node.Crash();
        return Task.CompletedTask;
    }

    public override async Task CrashInsideAsync(Func<Task> call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var death = new OperationCanceledException("the process dies here");
        _node.Faults.FailAt("kernel.link", death);
        try
        {
            await call();
            throw new InvalidOperationException("the call did not come to the link");
        }
        catch (OperationCanceledException e) when (e == death)
        {
            _node.Crash();
        }
    }

    public override Task LoseLinkAsync(string hostInterface)
    {
        _node.LoseLink(hostInterface);
        return Task.CompletedTask;
    }

    public override Task KillStoreAsync()
    {
        _node.KillStore();
        return Task.CompletedTask;
    }

    public override Task ReviveStoreAsync()
    {
        _node.ReviveStore();
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
