using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources;

/// <summary>Reading what came through sync or from a client, by kind. Nobody else looks at a resource's type.</summary>
public static class KindReading
{
    /// <summary>Whether the key is of this kind.</summary>
    public static bool Owns<TSpec>(this IKind<TSpec> kind, ResourceKey key) where TSpec : class, new() => key.Kind == kind.Name;

    /// <summary>Reads a resource, if it is of this kind.</summary>
    public static bool TryRead<TSpec>(this IKind<TSpec> kind, Resource? resource, [NotNullWhen(true)] out Resource<TSpec>? read)
        where TSpec : class, new() => (read = resource as Resource<TSpec>) is not null;

    /// <summary>Reads the new state of a resource. False: it is another kind's, gone, or cannot be used (<see cref="SyncUpdate.Error"/>).
    /// </summary>
    public static bool TryRead<TSpec>(this IKind<TSpec> kind, SyncUpdate? update, [NotNullWhen(true)] out Resource<TSpec>? read)
        where TSpec : class, new()
    {
        read = null;
        return update is not null && kind.Owns(update.Key) && kind.TryRead(update.Value, out read);
    }

    /// <summary>As <see cref="TryRead{TSpec}(IKind{TSpec}, SyncUpdate?, out Resource{TSpec}?)"/>, of a resource whose every field counts (a
    /// policy, a profile): with one left out, what its author meant to forbid could pass.</summary>
    /// <param name="kind">Which kind; it says which fields it knows.</param>
    /// <param name="update">The new state.</param>
    /// <param name="read">The resource.</param>
    /// <param name="fault">Why it cannot be enforced as written; null: it can, or it is gone.</param>
    public static bool TryReadWhole<TSpec>(this ResourceKind<TSpec> kind, SyncUpdate? update, [NotNullWhen(true)] out Resource<TSpec>? read,
        out string? fault) where TSpec : class, new()
    {
        fault = update?.Error;
        if (kind.TryRead(update, out read) && kind.UnknownFields(read) is [var unknown, ..])
        {
            (read, fault) = (null, $"unknown field {unknown}");
        }

        return read is not null;
    }

    /// <summary>Those of this kind.</summary>
    public static ImmutableArray<Resource<TSpec>> Among<TSpec>(this IKind<TSpec> kind, IEnumerable<Resource> resources)
        where TSpec : class, new() => [.. resources.OfType<Resource<TSpec>>()];

    /// <summary>A resource of this kind.</summary>
    public static Resource<TSpec> New<TSpec>(this IKind<TSpec> kind, ObjectMeta metadata, TSpec spec) where TSpec : class, new() =>
        new() { Kind = kind.Name, Metadata = metadata, Spec = spec };

    /// <inheritdoc cref="New{TSpec}(IKind{TSpec}, ObjectMeta, TSpec)"/>
    public static Resource<TSpec> New<TSpec>(this IKind<TSpec> kind, string name, TSpec spec) where TSpec : class, new() =>
        kind.New(new ObjectMeta { Name = name }, spec);
}
