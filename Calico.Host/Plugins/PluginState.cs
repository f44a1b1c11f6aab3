using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;

namespace Calico.Host.Plugins;

/// <summary>An adapter's documents: <c>state/&lt;adapter&gt;/…</c> of the node log, <c>/calico/net/v1/plugin/&lt;adapter&gt;/…</c> of
/// the store.</summary>
internal sealed partial class PluginState(string adapter, INodeLog log, IKeyValueStore store) : IPluginState
{
    private const int MaxValue = 64 * 1024;

    private readonly string _nodePrefix = $"state/{adapter}/";
    private readonly string _clusterPrefix = $"{OwnKeys.Root}plugin/{adapter}/";

    public async Task<ReadOnlyMemory<byte>?> GetAsync(StateScope scope, string key, CancellationToken ct)
    {
        CheckKey(key);
        return scope == StateScope.Node
            ? log.Get(_nodePrefix + key)
            : (await store.GetAsync(_clusterPrefix + key, 0, ct))?.Value;
    }

    public async Task<ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>>> ListAsync(StateScope scope, string prefix,
        CancellationToken ct) =>
        scope == StateScope.Node
            ? [.. log.List(_nodePrefix + prefix).Select(e => KeyValuePair.Create(e.Key[_nodePrefix.Length..], e.Value))]
            : [.. (await store.ListAsync(_clusterPrefix + prefix, 0, ct)).Items
                .Select(e => KeyValuePair.Create(e.Key[_clusterPrefix.Length..], e.Value))];

    public async Task CommitAsync(StateScope scope, ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>?>> batch, CancellationToken ct)
    {
        foreach (var (key, value) in batch)
        {
            CheckKey(key);
            if (value is { Length: > MaxValue })
            {
                throw new CalicoException(Problem.Invalid,
                    $"document '{key}' of adapter '{adapter}' has {value.Value.Length} bytes; {MaxValue} is the most", key);
            }
        }

        if (scope == StateScope.Node)
        {
            await log.CommitAsync([.. batch.Select(e => new NodeLogWrite(_nodePrefix + e.Key, e.Value))], ct);
        }
        else
        {
            await store.CommitAsync(new StoreTransaction([.. batch.Select(e => e.Value is { } value
                ? (StoreOperation)new StoreOperation.Put(_clusterPrefix + e.Key, value)
                : new StoreOperation.Delete(_clusterPrefix + e.Key))]), ct);
        }
    }

    private static void CheckKey(string key)
    {
        if (key.Length is 0 or > 512 || !Valid().IsMatch(key))
        {
            throw new CalicoException(Problem.Invalid, $"'{key}' is not a document key: 1 to 512 of A-Z a-z 0-9 . _ / -", "key");
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._/-]+\z")]
    private static partial Regex Valid();
}
