namespace Calico.Datastore.Store;

/// <summary>One operation of a transaction. A transaction changes a key at most once.</summary>
public abstract record StoreOperation
{
    private StoreOperation() { }

    /// <summary>Writes a key.</summary>
    public sealed record Put(string Key, ReadOnlyMemory<byte> Value, long Lease = 0) : StoreOperation;

    /// <summary>Deletes a key; a missing one is no error.</summary>
    public sealed record Delete(string Key) : StoreOperation;

    /// <summary>Deletes every key that starts with the prefix.</summary>
    public sealed record DeletePrefix(string Prefix) : StoreOperation;

    /// <summary>Reads a key.</summary>
    public sealed record Get(string Key) : StoreOperation;
}
