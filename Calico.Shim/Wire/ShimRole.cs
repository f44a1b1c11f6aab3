namespace Calico.Shim.Wire;

/// <summary>Under which name the one binary was called.</summary>
internal enum ShimRole : byte
{
    /// <summary><c>calico</c>: the network plugin.</summary>
    Network = 0,

    /// <summary><c>calico-ipam</c>: addresses for another network plugin.</summary>
    Ipam = 1,

    /// <summary><c>calico_mesos</c>: net-modules' command, served by another adapter.</summary>
    Mesos = 2,
}
