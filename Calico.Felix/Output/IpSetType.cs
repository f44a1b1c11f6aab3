namespace Calico.Felix.Output;

/// <summary>What the members of an IP set are.</summary>
public enum IpSetType
{
    /// <summary>Single addresses.</summary>
    Hosts,

    /// <summary>Ranges, which may overlap.</summary>
    Nets,

    /// <summary>Address, protocol and port.</summary>
    HostPorts,
}
