namespace Calico.Datastore.Sync;

/// <summary>Identity of a resource. <paramref name="Namespace"/> is empty for cluster-scoped kinds.</summary>
public readonly record struct ResourceKey(string Kind, string Namespace, string Name)
{
    /// <summary><c>Kind(name)</c> or <c>Kind(namespace/name)</c>, as upstream prints it.</summary>
    public override string ToString() => Namespace.Length == 0 ? $"{Kind}({Name})" : $"{Kind}({Namespace}/{Name})";
}
