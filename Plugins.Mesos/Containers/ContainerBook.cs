using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>The containers that agents have told of. On disk before an answer; read from memory.</summary>
/// <remarks>Whoever changes a container holds its turn (<see cref="EnterAsync"/>); readers need none.</remarks>
internal sealed class ContainerBook(IPluginState state, TimeProvider time)
{
    private const string Section = "containers/";

    private readonly ConcurrentDictionary<string, ContainerRecord> _containers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _ending = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _ends = new(StringComparer.Ordinal);
    private readonly Cni.CallTurns _turns = new();

    public ImmutableArray<ContainerRecord> All => [.. _containers.Values.OrderBy(c => c.Id, StringComparer.Ordinal)];

    /// <summary>Reads what a former process knew.</summary>
    /// <returns>Keys of documents that cannot be read. Such a container is known by its id alone: it can be cleaned up, and its network
    /// lives as long as its interface.</returns>
    public async Task<ImmutableArray<string>> LoadAsync(CancellationToken ct)
    {
        var damaged = ImmutableArray.CreateBuilder<string>();
        foreach (var (key, value) in await state.ListAsync(StateScope.Node, Section, ct))
        {
            var id = key[Section.Length..];
            try
            {
                var container = JsonSerializer.Deserialize(value.Span, ContainerJson.Default.ContainerRecord);
                _containers[id] = container is { } read && read.Id == id ? read : throw new JsonException("it is another container's");
            }
            catch (JsonException)
            {
                damaged.Add(key);
                _containers[id] = new() { Id = id, Agent = null, Since = time.GetUtcNow() };
            }
        }

        return damaged.ToImmutable();
    }

    /// <summary>One change of a container at a time; dispose the result to let the next one begin.</summary>
    public Task<IDisposable> EnterAsync(string id, CancellationToken ct) => _turns.EnterAsync(id, ct);

    public ContainerRecord? Find(string id) => _containers.GetValueOrDefault(id);

    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>.</exception>
    public ContainerRecord Get(ContainerPath id) => Find(id.Text)
        ?? throw new CalicoException(Problem.NotFound, $"container {id} was not prepared, or is gone", "container_id");

    public async Task PutAsync(ContainerRecord container, CancellationToken ct)
    {
        await WriteAsync(container.Id, JsonSerializer.SerializeToUtf8Bytes(container, ContainerJson.Default.ContainerRecord), ct);
        _containers[container.Id] = container;
    }

    public async Task RemoveAsync(string id, CancellationToken ct)
    {
        await WriteAsync(id, null, ct);
        _containers.TryRemove(id, out _);
        _ending.TryRemove(id, out _);
        TellEnd(id);
    }

    /// <summary>Its removal was begun: that its interfaces go is no surprise, and it is tried until it is done.</summary>
    public void MarkEnding(string id)
    {
        _ending[id] = true;
        TellEnd(id);
    }

    public bool IsEnding(string id) => _ending.ContainsKey(id);

    /// <summary>Ends when the container's removal begins, or at once where it has.</summary>
    public Task EndOf(string id)
    {
        var end = _ends.GetOrAdd(id, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        if (Find(id) is null || IsEnding(id))
        {
            TellEnd(id);
        }

        return end;
    }

    private void TellEnd(string id)
    {
        if (_ends.TryRemove(id, out var end))
        {
            end.SetResult();
        }
    }

    // Typed: null bytes would become an empty document.
    private Task WriteAsync(string id, byte[]? document, CancellationToken ct) => state.CommitAsync(
        StateScope.Node, [KeyValuePair.Create(Section + id, document is null ? (ReadOnlyMemory<byte>?)null : document)], ct);
}
