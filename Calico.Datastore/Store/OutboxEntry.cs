using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Store;

/// <summary>What this node has decided about a key and the store does not know yet.</summary>
public sealed record OutboxEntry
{
    /// <summary>Who decided it: <see cref="IOutboxOwner.Name"/>.</summary>
    public required string Owner { get; init; }

    /// <summary>Key in the store.</summary>
    public required string Key { get; init; }

    /// <summary>What is to stand there; null: nothing.</summary>
    public byte[]? Value { get; init; }

    public OutboxGuard Guard { get; init; }

    /// <summary>Words of the owner's, for its judgement at another time or in another process.</summary>
    public ImmutableArray<string> Remarks { get; init; } = [];

    /// <summary>Its place in the order; 0: it is not journalled.</summary>
    [JsonInclude]
    public long Number { get; internal init; }

    [JsonIgnore]
    internal StoreOperation Operation => Value is null ? new StoreOperation.Delete(Key) : new StoreOperation.Put(Key, Value);
}
