namespace Calico.Datastore.Sync;

/// <summary>Turns a stored key and value into a resource. Never throws on what others stored.</summary>
public interface IResourceDecoder
{
    /// <summary>Which resource a key is of, whatever its value.</summary>
    /// <param name="key">The whole etcd key.</param>
    /// <param name="resource">Its resource.</param>
    /// <returns>False: the key is none of a resource that the follower knows.</returns>
    bool TryName(string key, out ResourceKey resource);

    /// <summary>Decodes what stands at a key of a resource.</summary>
    /// <param name="resource">As <see cref="TryName"/> gave it.</param>
    /// <param name="value">The stored bytes. None at all are as unusable as any others that are no JSON: the key is there.</param>
    /// <returns>The resource; or, when the value cannot be used, no value and the error that says why.</returns>
    SyncUpdate Decode(ResourceKey resource, ReadOnlyMemory<byte> value);

    /// <summary>The key at which a resource usually stands; null: the decoder cannot tell.</summary>
    string? KeyOf(ResourceKey resource);

    /// <summary>Whether that is <see cref="KeyOf"/>, asked of each key of a list.</summary>
    bool IsKeyOf(ResourceKey resource, string key) => KeyOf(resource) == key;
}
