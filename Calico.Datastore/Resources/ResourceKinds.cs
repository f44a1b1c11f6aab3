using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources;

/// <summary>The kinds, found by what users call them, by name, or by key in the store.</summary>
/// <remarks>Immutable; one instance (<see cref="All"/>) serves a process.</remarks>
public sealed class ResourceKinds : IResourceDecoder
{
    private readonly FrozenDictionary<string, ResourceKind> _byAlias;
    private readonly FrozenDictionary<string, ResourceKind> _byName;
    private readonly FrozenDictionary<string, ResourceKind> _byPlural;

    public ResourceKinds(params ImmutableArray<ResourceKind> kinds)
    {
        Table = kinds;
        _byAlias = kinds
            .SelectMany(kind => kind.Aliases.Append(kind.Name.ToLowerInvariant()).Append(kind.Plural).Distinct(),
                (kind, alias) => (kind, alias))
            .ToFrozenDictionary(pair => pair.alias, pair => pair.kind, StringComparer.OrdinalIgnoreCase);
        _byName = kinds.ToFrozenDictionary(kind => kind.Name, StringComparer.Ordinal);
        _byPlural = kinds.ToFrozenDictionary(kind => kind.Plural, StringComparer.Ordinal);
    }

    /// <summary>Every kind that this version knows.</summary>
    public static ResourceKinds All { get; } = new(Kinds.Table);

    /// <summary>The kinds, by name.</summary>
    public ImmutableArray<ResourceKind> Table { get; }

    /// <summary>Everything that a user may call a kind.</summary>
    public IEnumerable<string> Names => _byAlias.Keys;

    /// <summary>Finds a kind by name, plural or alias, in any case.</summary>
    public bool TryFind(string nameOrAlias, [NotNullWhen(true)] out ResourceKind? kind) => _byAlias.TryGetValue(nameOrAlias, out kind);

    /// <summary>The kind that somebody calls so: by name, plural or alias. Whoever knows which one takes it from <see cref="Kinds"/>.
    /// </summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unsupported"/>: there is none.</exception>
    public ResourceKind Named(string nameOrAlias) => TryFind(nameOrAlias, out var kind)
        ? kind
        : throw new CalicoException(Problem.Unsupported, $"resource type '{nameOrAlias}' is not supported");

    /// <summary>The kind that a key of a resource is of.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unsupported"/>: it is no resource's but one of IPAM's values'.</exception>
    public ResourceKind Of(ResourceKey key) => Named(key.Kind);

    /// <summary>The kind whose key that is.</summary>
    public bool TryParsePath(string path, [NotNullWhen(true)] out ResourceKind? kind, out ResourceKey key)
    {
        (kind, key) = (null, default);
        if (!path.StartsWith(ResourceKind.Root, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = path.AsSpan(ResourceKind.Root.Length);
        var slash = rest.IndexOf('/');
        return slash > 0 && _byPlural.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(rest[..slash], out kind)
            && kind.TryParsePath(path, out key);
    }

    /// <summary>Decodes one key.</summary>
    /// <param name="key">The whole etcd key.</param>
    /// <param name="value">As for <see cref="Decode(ResourceKey, ReadOnlyMemory{byte})"/>.</param>
    /// <param name="update">The resource; or, when the value cannot be used, no value and the error that says why.</param>
    /// <returns>As <see cref="TryName"/>.</returns>
    public bool TryDecode(string key, ReadOnlyMemory<byte> value, [NotNullWhen(true)] out SyncUpdate? update)
    {
        update = TryName(key, out var resource) ? Decode(resource, value) : null;
        return update is not null;
    }

    /// <inheritdoc/>
    public SyncUpdate Decode(ResourceKey resource, ReadOnlyMemory<byte> value) =>
        _byName.TryGetValue(resource.Kind, out var kind) ? Decode(kind, resource, value) : IpamValues.Decode(resource, value);

    /// <inheritdoc/>
    public bool TryName(string key, out ResourceKey resource) =>
        IpamValues.TryName(key, out resource) || TryParsePath(key, out _, out resource);

    /// <inheritdoc/>
    public string? KeyOf(ResourceKey resource) => _byName.TryGetValue(resource.Kind, out var kind) ? kind.Path(resource)
        : Kinds.IpamBlock.Owns(resource) ? IpamKeys.Block(resource.Name)
        : null;

    /// <inheritdoc/>
    public bool IsKeyOf(ResourceKey resource, string key) =>
        _byName.TryGetValue(resource.Kind, out var kind) ? kind.IsPath(resource, key) : KeyOf(resource) == key;

    private static SyncUpdate Decode(ResourceKind kind, ResourceKey key, ReadOnlyMemory<byte> value)
    {
        try
        {
            var resource = kind.DecodeStored(value, out var errors);
            return errors.IsEmpty
                ? new(key, resource) { Stored = value }
                : new(key, null, ValidationError.Describe(errors)) { Stored = value, Fragment = PolicyFragment.Read(key, value)
                    ?? HostEndpointFragment.Read(key, value) };
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return new(key, null, e.Message)
            {
                Stored = value,
                Fragment = PolicyFragment.Read(key, value) ?? HostEndpointFragment.Read(key, value),
            };
        }
    }
}
