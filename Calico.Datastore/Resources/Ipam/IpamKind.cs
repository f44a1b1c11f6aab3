using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>A kind of IPAM's values. They are no resources, stand at keys of their own (<see cref="IpamKeys"/>) and get a name from it.
/// </summary>
public sealed class IpamKind<TSpec> : IKind<TSpec> where TSpec : class, new()
{
    internal IpamKind(string name) => Name = name;

    public string Name { get; }

    /// <summary>Identity of the one that is called so.</summary>
    public ResourceKey Key(string name) => new(Name, "", name);
}
