using System.Collections.Immutable;

namespace Calico.TestKit.Workloads;

internal sealed class FakePluginState(FakeDisk disk, FaultPlan faults) : IPluginState
{
    public Task<ReadOnlyMemory<byte>?> GetAsync(StateScope scope, string key, CancellationToken ct)
    {
        faults.Pass("state.get");
        lock (disk.Lock)
        {
            return Task.FromResult(Documents(scope).TryGetValue(key, out var value) ? (ReadOnlyMemory<byte>?)value : null);
        }
    }

    public Task<ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>>> ListAsync(StateScope scope, string prefix, CancellationToken ct)
    {
        faults.Pass("state.list");
        lock (disk.Lock)
        {
            return Task.FromResult(Documents(scope).Where(d => d.Key.StartsWith(prefix, StringComparison.Ordinal))
                .Select(d => KeyValuePair.Create(d.Key, (ReadOnlyMemory<byte>)d.Value)).ToImmutableArray());
        }
    }

    public Task CommitAsync(StateScope scope, ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>?>> batch, CancellationToken ct)
    {
        faults.Pass("state.commit");
        if (batch.Any(change => change.Value is { Length: > 64 * 1024 }))
        {
            throw new CalicoException(Problem.Invalid, "a document of more than 64 KiB");
        }

        lock (disk.Lock)
        {
            var documents = Documents(scope);
            foreach (var (key, value) in batch)
            {
                if (value is { } bytes)
                {
                    documents[key] = bytes.ToArray();
                }
                else
                {
                    documents.Remove(key);
                }
            }
        }

        return Task.CompletedTask;
    }

    private SortedDictionary<string, byte[]> Documents(StateScope scope) => scope == StateScope.Node ? disk.NodeState
        : disk.StoreIsAlive ? disk.ClusterState
        : throw new CalicoException(Problem.Unavailable, "the store does not answer");
}
