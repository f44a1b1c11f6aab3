using Calico.Felix.Rules;

namespace Calico.Felix.Output;

/// <summary>What FelixConfiguration says of this node.</summary>
public sealed record NodeSettings
{
    public HostAction EndpointToHost { get; init; } = HostAction.Drop;

    public bool AllowVxlanFromWorkloads { get; init; }

    public bool AllowIpipFromWorkloads { get; init; }

    /// <summary>Whether packets that fit no connection are dropped.</summary>
    public bool DropInvalid { get; init; } = true;

    /// <summary>What no policy of a host endpoint closes.</summary>
    public FailsafePorts Failsafes { get; init; } = FailsafePorts.Default;

    /// <summary>Ports that masquerading may use; null: the kernel chooses.</summary>
    public PortRange? NatPorts { get; init; }
}
