namespace Calico.Datastore.Sync;

/// <summary>Identity of a resource. Kinds make it (<c>Kinds.Node.Key("n1")</c>), so that no text can name a kind that there is not.
/// </summary>
public readonly record struct ResourceKey
{
    internal ResourceKey(string kind, string ns, string name) => (Kind, Namespace, Name) = (kind, ns, name);

    /// <summary>Name of its kind.</summary>
    public string Kind { get; }

    /// <summary>Empty for cluster-scoped kinds.</summary>
    public string Namespace { get; }

    public string Name { get; }

    /// <summary>Of the long texts alone: kinds are few, and those that have one name in common fewer.</summary>
    public override int GetHashCode() => HashCode.Combine(Namespace, Name);

    /// <summary><c>Kind(name)</c> or <c>Kind(namespace/name)</c>, as upstream prints it.</summary>
    public override string ToString() => Namespace.Length == 0 ? $"{Kind}({Name})" : $"{Kind}({Namespace}/{Name})";
}
