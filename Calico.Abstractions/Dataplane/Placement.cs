namespace Calico;

/// <summary>Where the workload's end of the pair goes.</summary>
public sealed record Placement
{
    private Placement(string interfaceName, NetworkNamespace? networkNamespace) =>
        (InterfaceName, Namespace) = (interfaceName, networkNamespace);

    /// <summary>Name of the workload's end.</summary>
    public string InterfaceName { get; }

    /// <summary>Null: handed over.</summary>
    public NetworkNamespace? Namespace { get; }

    /// <summary>Made and configured in a namespace.</summary>
    public static Placement In(NetworkNamespace networkNamespace, string interfaceName) => new(interfaceName, networkNamespace);

    /// <summary>Left in the host's namespace under a temporary name; the caller moves it and applies the
    /// <see cref="Attachment"/> (dockerd).</summary>
    public static Placement HandedOver(string temporaryName) => new(temporaryName, null);
}
