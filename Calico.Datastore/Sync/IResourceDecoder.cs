using System.Diagnostics.CodeAnalysis;

namespace Calico.Datastore.Sync;

/// <summary>Turns a stored key and value into a resource. Never throws on what others stored.</summary>
public interface IResourceDecoder
{
    /// <summary>Decodes one key.</summary>
    /// <param name="key">The whole etcd key.</param>
    /// <param name="value">The stored bytes. None at all are as unusable as any others that are no JSON: the key is there.</param>
    /// <param name="update">The resource; or, when the value cannot be used, no value and the error that says why.</param>
    /// <returns>False: the key is none of a resource that the follower knows.</returns>
    bool TryDecode(string key, ReadOnlyMemory<byte> value, [NotNullWhen(true)] out SyncUpdate? update);

    /// <summary>Which resource a key is of, whatever its value.</summary>
    /// <returns>As <see cref="TryDecode"/>.</returns>
    bool TryName(string key, out ResourceKey resource);

    /// <summary>The key at which a resource usually stands; null: the decoder cannot tell.</summary>
    string? KeyOf(ResourceKey resource);
}
