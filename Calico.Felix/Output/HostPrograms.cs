using Calico.Felix.Rules;

namespace Calico.Felix.Output;

/// <summary>What judges the traffic of an interface of the host.</summary>
/// <param name="Ingress">What comes to the host itself.</param>
/// <param name="Egress">What the host itself sends.</param>
/// <param name="ForwardIngress">What comes in to be forwarded.</param>
/// <param name="ForwardEgress">What goes out and was forwarded.</param>
/// <param name="UntrackedIngress">All that comes in, before connections are tracked.</param>
/// <param name="UntrackedEgress">What the host itself sends, before connections are tracked.</param>
/// <param name="PreDnat">All that comes in, before destination NAT.</param>
public sealed record HostPrograms(PolicyProgram Ingress, PolicyProgram Egress, PolicyProgram ForwardIngress, PolicyProgram ForwardEgress,
    PolicyProgram UntrackedIngress, PolicyProgram UntrackedEgress, PolicyProgram PreDnat)
{
    /// <summary>All of them.</summary>
    public IEnumerable<PolicyProgram> All => [Ingress, Egress, ForwardIngress, ForwardEgress, UntrackedIngress, UntrackedEgress, PreDnat];
}
