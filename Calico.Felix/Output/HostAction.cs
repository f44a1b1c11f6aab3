namespace Calico.Felix.Output;

/// <summary>What becomes of workload traffic to this host that the workload's egress policy allowed.</summary>
public enum HostAction
{
    Drop,
    Accept,

    /// <summary>The host endpoint's policy decides.</summary>
    Return,
}
