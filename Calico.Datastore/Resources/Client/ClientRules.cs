namespace Calico.Datastore.Resources.Client;

/// <summary>What a client of the store sees to for a kind, beyond the validity of one object: other objects, what may change, cascades.
/// Refusals are <see cref="CalicoException"/> with upstream's text.</summary>
public class ClientRules
{
    /// <summary>Nothing.</summary>
    public static ClientRules None { get; } = new();

    /// <summary>False: <see cref="BeforeCreateAsync"/> makes the name.</summary>
    public virtual bool NameIsRequired => true;

    /// <summary>What the creation rests on; taken before <see cref="BeforeCreateAsync"/> looks at other objects.</summary>
    public virtual Task<WriteGuard> GuardCreateAsync(ResourceClient client, Resource resource, CancellationToken ct) =>
        Task.FromResult(WriteGuard.None);

    /// <summary>Before the resource is created; returns it, perhaps completed.</summary>
    public virtual Task<Resource> BeforeCreateAsync(ResourceClient client, Resource resource, CancellationToken ct) =>
        Task.FromResult(Prepare(resource));

    /// <summary>Before the resource takes the place of <paramref name="old"/>; returns it, perhaps completed.</summary>
    public virtual Task<Resource> BeforeUpdateAsync(ResourceClient client, Resource old, Resource resource, CancellationToken ct) =>
        Task.FromResult(Prepare(resource));

    /// <summary>Refuses the deletion of what is in use, unless it is forced.</summary>
    /// <returns>What keeps it unused until it is deleted.</returns>
    public virtual Task<WriteGuard> GuardDeleteAsync(ResourceClient client, Resource old, CancellationToken ct) =>
        Task.FromResult(WriteGuard.None);

    /// <summary>Before the resource is deleted.</summary>
    public virtual Task BeforeDeleteAsync(ResourceClient client, Resource old, CancellationToken ct) => Task.CompletedTask;

    /// <summary>Completes a resource that is to be written; without other objects.</summary>
    protected virtual Resource Prepare(Resource resource) => resource;
}
