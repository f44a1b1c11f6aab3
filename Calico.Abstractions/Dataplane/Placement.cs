namespace Calico;

/// <summary>Where the workload's end of the pair goes.</summary>
public sealed record Placement
{
    private Placement(string interfaceName, NetworkNamespace? networkNamespace, string namespaceGroup = "") =>
        (InterfaceName, Namespace, NamespaceGroup) = (interfaceName, networkNamespace, namespaceGroup);

    /// <summary>Name of the workload's end.</summary>
    public string InterfaceName { get; }

    /// <summary>Null: handed over.</summary>
    public NetworkNamespace? Namespace { get; }

    /// <summary>Key of the namespace that the link will be moved into, as <see cref="EndpointSpec.NamespaceGroup"/>; empty: as the
    /// endpoint was prepared.</summary>
    public string NamespaceGroup { get; }

    /// <summary>Made and configured in a namespace.</summary>
    public static Placement In(NetworkNamespace networkNamespace, string interfaceName) => new(interfaceName, networkNamespace);

    /// <summary>Left in the host's namespace under a temporary name; the caller moves it and applies the
    /// <see cref="Attachment"/> (dockerd).</summary>
    public static Placement HandedOver(string temporaryName) => new(temporaryName, null);

    /// <summary>As above, for an orchestrator that names the namespace only when the link is made (Docker's sandbox key): gateway and
    /// routes of the attachment are counted among the interfaces that have the same key.</summary>
    /// <param name="temporaryName">1–15 bytes.</param>
    /// <param name="namespaceGroup">Equal for interfaces of one namespace, and of no others while it lives.</param>
    public static Placement HandedOver(string temporaryName, string namespaceGroup) => new(temporaryName, null, namespaceGroup);
}
