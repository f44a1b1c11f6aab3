using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker.Networks;

/// <summary>The networks of this node. On disk before an answer; read from memory.</summary>
internal sealed class NetworkBook(IPluginState state)
{
    private const string Section = "networks/";

    private readonly ConcurrentDictionary<string, NetworkRecord> _networks = new(StringComparer.Ordinal);

    /// <summary>Not in the book, and there all the same: endpoints are of them, or a document that cannot be read.</summary>
    private readonly ConcurrentDictionary<string, bool> _unknown = new(StringComparer.Ordinal);

    private TaskCompletionSource _added = New();

    /// <summary>Reads what a former process knew.</summary>
    /// <returns>Keys of documents that cannot be read: such a network is as one that was never heard of.</returns>
    public async Task<ImmutableArray<string>> LoadAsync(CancellationToken ct)
    {
        var damaged = ImmutableArray.CreateBuilder<string>();
        foreach (var (key, value) in await state.ListAsync(StateScope.Node, Section, ct))
        {
            try
            {
                var network = JsonSerializer.Deserialize(value.Span, DockerJson.Default.NetworkRecord) ?? throw new JsonException("null");
                Add(network);
            }
            catch (JsonException)
            {
                damaged.Add(key);
                NoteUsed(key[Section.Length..]);
            }
        }

        return damaged.ToImmutable();
    }

    public ImmutableArray<string> Ids => [.. _networks.Keys];

    /// <summary>Those whose endpoints get their labels from dockerd.</summary>
    public ImmutableArray<string> Followed => [.. _networks.Keys.Union(_unknown.Keys)];

    public bool IsFollowed(string id) => _networks.ContainsKey(id) || _unknown.ContainsKey(id);

    /// <summary>Endpoints are of the network, whether the book has it or not.</summary>
    public void NoteUsed(string id)
    {
        if (!_networks.ContainsKey(id) && _unknown.TryAdd(id, true))
        {
            Tell();
        }
    }

    /// <summary>Nobody knows the network, and no endpoint is of it.</summary>
    public void Ignore(string id) => _unknown.TryRemove(id, out _);

    public NetworkRecord? Find(string id) => _networks.GetValueOrDefault(id);

    /// <summary>Whether addresses of the pool are for endpoints of ours.</summary>
    public bool IsOurs(PoolId pool) => With(pool).Any();

    /// <summary>Other pools of the one network that has this one; none if several have it: nobody could say whose address it would be.
    /// </summary>
    public ImmutableArray<PoolId> Beside(PoolId pool) => With(pool).Take(2).ToArray() is [var only]
        ? [.. only.PoolIds.Select(PoolId.Parse).Where(p => p != pool && p.IsIpv6 == pool.IsIpv6)]
        : [];

    /// <summary>Networks that have the pool, as <see cref="PoolId"/> writes it.</summary>
    public ImmutableArray<NetworkRecord> WithPool(string pool) => [.. _networks.Values.Where(n => n.PoolIds.Contains(pool))];

    public async Task PutAsync(NetworkRecord network, CancellationToken ct)
    {
        await WriteAsync(network.Id, network, ct);
        Add(network);
    }

    /// <summary>A daemon lists the network. One that went, or was made again, meanwhile stays as it is.</summary>
    public async Task WitnessAsync(NetworkRecord network, string daemon, CancellationToken ct)
    {
        var witnessed = network with { WitnessedBy = daemon };
        await WriteAsync(network.Id, witnessed, ct);
        if (!_networks.TryUpdate(network.Id, witnessed, network))
        {
            await WriteAsync(network.Id, Find(network.Id), ct);
        }
    }

    /// <summary>Waits until there is a network: on a node without Docker, for ever.</summary>
    public Task UntilAnyAsync(CancellationToken ct)
    {
        // In this order, and the other one where a network is added: one that comes in between is not missed.
        var added = Volatile.Read(ref _added).Task;
        return _networks.IsEmpty && _unknown.IsEmpty ? added.WaitAsync(ct) : Task.CompletedTask;
    }

    public async Task RemoveAsync(string id, CancellationToken ct)
    {
        // From memory first: who writes it at this moment sees that it went, and takes its document away again.
        _networks.TryRemove(id, out var before);
        try
        {
            await WriteAsync(id, null, ct);
        }
        catch when (before is not null)
        {
            Add(before);
            throw;
        }

        _unknown.TryRemove(id, out _);
    }

    /// <param name="id">Its id.</param>
    /// <param name="network">Null: no document.</param>
    /// <param name="ct">Cancels.</param>
    private Task WriteAsync(string id, NetworkRecord? network, CancellationToken ct)
    {
        // Typed on both sides: null bytes would become an empty document.
        var document = network is null
            ? (ReadOnlyMemory<byte>?)null
            : JsonSerializer.SerializeToUtf8Bytes(network, DockerJson.Default.NetworkRecord);
        return state.CommitAsync(StateScope.Node, [KeyValuePair.Create(Section + id, document)], ct);
    }

    private void Add(NetworkRecord network)
    {
        _networks[network.Id] = network;
        _unknown.TryRemove(network.Id, out _);
        Tell();
    }

    private void Tell() => Interlocked.Exchange(ref _added, New()).TrySetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ImmutableArray<NetworkRecord> With(PoolId pool) => WithPool(pool.ToString());
}
