using System.Collections.Immutable;

namespace Calico;

/// <summary>Durable documents of one adapter; other adapters cannot see them.</summary>
/// <remarks>Values are at most 64 KiB, keys at most 512 bytes of <c>[A-Za-z0-9._/-]</c>; else <see cref="Problem.Invalid"/>.
/// Cluster scope throws <see cref="Problem.Unavailable"/> while the store is away. Safe to call concurrently.</remarks>
public interface IPluginState
{
    /// <summary>The document, or null.</summary>
    Task<ReadOnlyMemory<byte>?> GetAsync(StateScope scope, string key, CancellationToken ct);

    /// <summary>Documents whose key starts with <paramref name="prefix"/>, in key order.</summary>
    Task<ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>>> ListAsync(StateScope scope, string prefix, CancellationToken ct);

    /// <summary>Writes all or nothing; durable when it returns. A null value deletes.</summary>
    Task CommitAsync(StateScope scope, ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>?>> batch, CancellationToken ct);
}
