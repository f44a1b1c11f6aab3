namespace Calico.Felix.Labels;

/// <summary>Identity of something with labels and addresses. Endpoints of this node and of the store never share one.</summary>
/// <remarks>In two parts as the store's keys are, so that the texts of a hundred thousand names are held once. The hash is held beside the
/// flag, where there is room for it: an endpoint stands in several sets.</remarks>
internal readonly record struct ItemKey
{
    private readonly int _hash;

    /// <param name="isLocal">Of this node, told by the host.</param>
    /// <param name="scope">A namespace; or, of what is no endpoint, what no namespace is called.</param>
    /// <param name="name">In the scope.</param>
    public ItemKey(bool isLocal, string scope, string name) =>
        (IsLocal, Scope, Name, _hash) = (isLocal, scope, name, HashCode.Combine(isLocal, scope, name));

    public bool IsLocal { get; }

    public string Scope { get; }

    public string Name { get; }

    public override int GetHashCode() => _hash;
}
