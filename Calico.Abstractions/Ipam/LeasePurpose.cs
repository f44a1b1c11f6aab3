namespace Calico;

/// <summary>Who may still need a claimed address: decides what an audit compares it with and when it may be collected.</summary>
public enum LeasePurpose
{
    /// <summary>Will be bound to an endpoint soon. Unbound for longer than ten minutes and in no complete report: collectable.</summary>
    Endpoint,

    /// <summary>Gateway or auxiliary address of a named network; lives as long as <see cref="AddressClaim.Owner"/>.</summary>
    Network,

    /// <summary>Held by a cluster scheduler for a task on any node (Swarm). Any node's adapter of that name may bind it. Never
    /// collected by a node.</summary>
    Scheduler,

    /// <summary>Handed to another network driver (calico-ipam alone). Never bound by us, never collected by age.</summary>
    Foreign,
}
