using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.Client;

/// <summary>Reads and writes resources: validity, identity, optimistic locking, and each kind's own rules.</summary>
/// <param name="store">Where they are.</param>
/// <param name="time">Clock of creation times and waits.</param>
/// <param name="addresses">What IPAM does when pools and nodes go; null: they go without.</param>
/// <remarks>Safe to call concurrently. A resource's version is the decimal mod revision of its key. Errors are
/// <see cref="CalicoException"/> with upstream's texts: Invalid, NotFound, AlreadyExists, Conflict, Unsupported, Damaged, and the
/// store's Unavailable.</remarks>
public sealed class ResourceClient(IKeyValueStore store, TimeProvider time, IAddressCleanup? addresses = null)
{
    // Whoever writes as often as that without conflict going away has a rival that never stops.
    private const int MaxAttempts = 5;

    internal IKeyValueStore Store => store;

    internal TimeProvider Time => time;

    internal IAddressCleanup? Addresses => addresses;

    /// <summary>Creates a resource. Uid and creation time are filled in where they are not given.</summary>
    public async Task<Resource> CreateAsync(Resource resource, CancellationToken ct)
    {
        var kind = ResourceKinds.All.Named(resource.Kind);
        CheckCreate(kind, resource);
        RefuseSynthetic("create", kind, kind.KeyOf(resource));
        resource = WithIdentity(resource);
        var key = kind.KeyOf(resource);
        for (var attempt = 1; ; attempt++)
        {
            if (await TryCreateAsync(kind, resource, instead: 0, ct) is { } created)
            {
                return created;
            }

            if (attempt == MaxAttempts)
            {
                throw ResourceErrors.Conflict(key);
            }
        }
    }

    /// <summary>Replaces a resource whose version, uid and creation time the caller has read before.</summary>
    public async Task<Resource> UpdateAsync(Resource resource, CancellationToken ct)
    {
        var kind = ResourceKinds.All.Named(resource.Kind);
        var key = kind.KeyOf(resource);
        RefuseSynthetic("update", kind, key);
        var revision = Revision(resource);
        var old = await GetAsync(key, ct);
        resource = await kind.ClientRules.BeforeUpdateAsync(this, old, resource, ct);
        Validate(kind, resource);
        var path = kind.Path(key);
        var outcome = await store.CommitAsync(
            new([StoreCompare.At(path, revision)], [new StoreOperation.Put(path, kind.Encode(resource))], [new StoreOperation.Get(path)]),
                ct);
        return outcome.Succeeded ? At(resource, outcome.Revision)
            : outcome.Results[0].IsEmpty ? throw ResourceErrors.NotFound(key)
            : throw ResourceErrors.Conflict(key);
    }

    /// <summary>Replaces a resource as a user who never read it wants: spec, labels and annotations are the new ones, the rest of the
    /// metadata stays. With a resource version, only that version is replaced. A value that cannot be read is written over.</summary>
    public async Task<Resource> ReplaceAsync(Resource resource, CancellationToken ct)
    {
        var key = ResourceKinds.All.Named(resource.Kind).KeyOf(resource);
        for (var attempt = 1; ; attempt++)
        {
            var wanted = resource.Metadata.ResourceVersion;
            Resource old;
            try
            {
                old = await GetAsync(key, ct);
            }
            catch (CalicoException e) when (e.Problem == Problem.Damaged && wanted is null or "")
            {
                return await MendAsync(resource, ct);
            }

            if (wanted is { Length: > 0 } && wanted != old.Metadata.ResourceVersion)
            {
                throw ResourceErrors.Conflict(key);
            }

            try
            {
                return await UpdateAsync(resource with
                {
                    Metadata = old.Metadata with { Labels = resource.Metadata.Labels, Annotations = resource.Metadata.Annotations },
                }, ct);
            }
            catch (CalicoException e) when (e.Problem == Problem.Conflict && attempt < MaxAttempts && wanted is null or "")
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, ct);
            }
        }
    }

    /// <summary>Creates the resource, or replaces it where it exists.</summary>
    public async Task<Resource> ApplyAsync(Resource resource, CancellationToken ct)
    {
        try
        {
            return await CreateAsync(resource with { Metadata = resource.Metadata with { ResourceVersion = null } }, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            return await ReplaceAsync(resource, ct);
        }
    }

    /// <summary>The resource.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>; <see cref="Problem.Damaged"/>: it cannot be read.</exception>
    public async Task<Resource> GetAsync(ResourceKey key, CancellationToken ct) =>
        await FindAsync(key, ct) ?? throw ResourceErrors.NotFound(key);

    /// <summary>The resource, or null.</summary>
    public async Task<Resource?> FindAsync(ResourceKey key, CancellationToken ct)
    {
        var kind = ResourceKinds.All.Of(key);
        if (kind.Synthetic.FirstOrDefault(resource => kind.KeyOf(resource) == key) is { } synthetic)
        {
            return synthetic;
        }

        return await store.GetAsync(kind.Path(key), 0, ct) is { } found ? Decode(kind, found) : null;
    }

    /// <inheritdoc cref="GetAsync(ResourceKey, CancellationToken)"/>
    public async Task<Resource<TSpec>> GetAsync<TSpec>(ResourceKind<TSpec> kind, string name, CancellationToken ct)
        where TSpec : class, new() =>
        (Resource<TSpec>)await GetAsync(kind.Key(name), ct);

    /// <inheritdoc cref="FindAsync(ResourceKey, CancellationToken)"/>
    public async Task<Resource<TSpec>?> FindAsync<TSpec>(ResourceKind<TSpec> kind, string name, CancellationToken ct)
        where TSpec : class, new() =>
        (Resource<TSpec>?)await FindAsync(kind.Key(name), ct);

    /// <inheritdoc cref="ListAsync(ResourceKind, string, CancellationToken)"/>
    public async Task<ResourceList<Resource<TSpec>>> ListAsync<TSpec>(ResourceKind<TSpec> kind, string ns, CancellationToken ct)
        where TSpec : class, new()
    {
        var all = await ListAsync((ResourceKind)kind, ns, ct);
        return new(kind.Among(all.Items), all.Unreadable, all.Revision);
    }

    /// <summary>All resources of a kind.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="ns">Only of this namespace; empty: all.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ResourceList<Resource>> ListAsync(ResourceKind kind, string ns, CancellationToken ct)
    {
        var range = await store.ListAsync(ns.Length > 0 && kind.Namespaced ? $"{kind.Prefix}{ns}/" : kind.Prefix, 0, ct);
        var items = kind.Synthetic.ToBuilder();
        var unreadable = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        foreach (var item in range.Items)
        {
            try
            {
                items.Add(Decode(kind, item));
            }
            catch (CalicoException e)
            {
                unreadable.Add(new(item.Key, e.Message));
            }
        }

        return new(items.ToImmutable(), unreadable.ToImmutable(), range.Revision);
    }

    /// <summary>Deletes a resource that is not in use, and what depends on it as its kind wants.</summary>
    /// <param name="key">Which.</param>
    /// <param name="resourceVersion">Only that version; null: any.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>What was deleted.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: it is in use, by whom, and what to do.</exception>
    public Task<Resource> DeleteAsync(ResourceKey key, string? resourceVersion, CancellationToken ct) =>
        DeleteAsync(key, resourceVersion, force: false, ct);

    /// <inheritdoc cref="DeleteAsync(ResourceKey, string?, CancellationToken)"/>
    /// <param name="key">Which.</param>
    /// <param name="resourceVersion">Only that version; null: any.</param>
    /// <param name="force">Also if it is in use.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<Resource> DeleteAsync(ResourceKey key, string? resourceVersion, bool force, CancellationToken ct)
    {
        var kind = ResourceKinds.All.Of(key);
        RefuseSynthetic("delete", kind, key);
        var old = await GetAsync(key, ct);
        var guard = force ? WriteGuard.None : await kind.ClientRules.GuardDeleteAsync(this, old, ct);
        await kind.ClientRules.BeforeDeleteAsync(this, old, ct);
        var path = kind.Path(key);
        ImmutableArray<StoreCompare> compares = resourceVersion is { Length: > 0 }
            ? [StoreCompare.At(path, ParseRevision(resourceVersion))] : [];
        var outcome = await store.CommitAsync(new([.. compares, .. guard.Compares], [new StoreOperation.Delete(path), .. guard.Writes],
            [new StoreOperation.Get(path)]), ct);
        return outcome.Succeeded
            ? outcome.Results[0] is [var deleted] ? Decode(kind, deleted) : throw ResourceErrors.NotFound(key)
            : throw (outcome.Results[0].IsEmpty ? ResourceErrors.NotFound(key) : ResourceErrors.Conflict(key));
    }

    /// <summary>Deletes a value that cannot be read. Whether it is in use, and what depends on it, nobody can tell.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>; <see cref="Problem.Conflict"/>: it was written meanwhile.
    /// </exception>
    public async Task DeleteUnreadableAsync(ResourceKey key, CancellationToken ct)
    {
        var path = ResourceKinds.All.Of(key).Path(key);
        var found = await store.GetAsync(path, 0, ct) ?? throw ResourceErrors.NotFound(key);
        var outcome = await store.CommitAsync(new([StoreCompare.At(path, found.ModRevision)], [new StoreOperation.Delete(path)], []), ct);
        if (!outcome.Succeeded)
        {
            throw ResourceErrors.Conflict(key);
        }
    }

    /// <summary>Writes a resource over a value that cannot be read, as if it were created.</summary>
    private async Task<Resource> MendAsync(Resource resource, CancellationToken ct)
    {
        var kind = ResourceKinds.All.Named(resource.Kind);
        var key = kind.KeyOf(resource);
        var damaged = await store.GetAsync(kind.Path(key), 0, ct) ?? throw ResourceErrors.NotFound(key);
        return await TryCreateAsync(kind, WithIdentity(resource), damaged.ModRevision, ct) ?? throw ResourceErrors.Conflict(key);
    }

    private Resource WithIdentity(Resource resource) => resource with
    {
        Metadata = resource.Metadata with
        {
            Uid = resource.Metadata.Uid ?? Guid.NewGuid().ToString("D", CultureInfo.InvariantCulture),
            CreationTimestamp = resource.Metadata.CreationTimestamp ?? time.GetUtcNow(),
        },
    };

    /// <param name="kind">Its kind.</param>
    /// <param name="resource">With uid and creation time.</param>
    /// <param name="instead">Revision of what it is written over; 0: there must be nothing.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Null: what it rests on has changed meanwhile; it has to be checked again.</returns>
    private async Task<Resource?> TryCreateAsync(ResourceKind kind, Resource resource, long instead, CancellationToken ct)
    {
        var guard = await kind.ClientRules.GuardCreateAsync(this, resource, ct);
        resource = await kind.ClientRules.BeforeCreateAsync(this, resource, ct);
        Validate(kind, resource);
        var key = kind.KeyOf(resource);
        var path = kind.Path(key);
        var outcome = await store.CommitAsync(new([StoreCompare.At(path, instead), .. guard.Compares],
            [new StoreOperation.Put(path, kind.Encode(resource)), .. guard.Writes], [new StoreOperation.Get(path)]), ct);
        return outcome.Succeeded ? At(resource, outcome.Revision)
            : outcome.Results[0].IsEmpty || instead != 0 ? null
            : throw ResourceErrors.AlreadyExists(key);
    }

    private static Resource Decode(ResourceKind kind, KeyValue found)
    {
        try
        {
            return At(kind.DecodeStored(found.Value), found.ModRevision);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            throw new CalicoException(Problem.Damaged, $"cannot read {found.Key}: {e.Message}", inner: e);
        }
    }

    private static Resource At(Resource resource, long revision) => resource with
    {
        Metadata = resource.Metadata with { ResourceVersion = revision.ToString(CultureInfo.InvariantCulture) },
    };

    private static void Validate(ResourceKind kind, Resource resource)
    {
        if (kind.Validate(resource) is { IsEmpty: false } errors)
        {
            throw ResourceErrors.Invalid(errors);
        }
    }

    private static void CheckCreate(ResourceKind kind, Resource resource)
    {
        var errors = ImmutableArray.CreateBuilder<ValidationError>();
        if (resource.Metadata.Name.Length == 0 && kind.ClientRules.NameIsRequired)
        {
            errors.Add(new("Metadata.Name", "field must be set for a Create request (GenerateName is not supported)"));
        }

        if (resource.Metadata.ResourceVersion is { Length: > 0 } version)
        {
            errors.Add(new("Metadata.ResourceVersion", "field must not be set for a Create request", version));
        }

        if (kind.Namespaced && resource.Metadata.Namespace is null or "")
        {
            errors.Add(new("Metadata.Namespace", "field must be set for a Create request"));
        }

        if (errors.Count > 0)
        {
            throw ResourceErrors.Invalid(errors.ToImmutable());
        }
    }

    private static void RefuseSynthetic(string operation, ResourceKind kind, ResourceKey key)
    {
        if (kind.Synthetic.Any(resource => kind.KeyOf(resource) == key))
        {
            throw ResourceErrors.NotSupported(operation, key.ToString(), "resource is read-only");
        }
    }

    private static long Revision(Resource resource)
    {
        var metadata = resource.Metadata;
        var errors = ImmutableArray.CreateBuilder<ValidationError>();
        if (metadata.ResourceVersion is null or "")
        {
            errors.Add(new("Metadata.ResourceVersion", "field must be set for an Update request"));
        }

        if (metadata.CreationTimestamp is null)
        {
            errors.Add(new("Metadata.CreationTimestamp", "field must be set for an Update request"));
        }

        if (metadata.Uid is null or "")
        {
            errors.Add(new("Metadata.UID", "field must be set for an Update request"));
        }

        return errors.Count == 0 ? ParseRevision(metadata.ResourceVersion!) : throw ResourceErrors.Invalid(errors.ToImmutable());
    }

    private static long ParseRevision(string version) =>
        long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            ? revision
            : throw ResourceErrors.Invalid("ResourceVersion", "invalid resource version", version);
}
