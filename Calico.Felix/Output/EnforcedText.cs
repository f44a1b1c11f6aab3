using Calico.Felix.Rules;

namespace Calico.Felix.Output;

/// <summary>What judges an interface, a line a rule: the same text wherever the same is in force, on the node and where it is
/// explained.</summary>
public static class EnforcedText
{
    /// <summary>Of a workload.</summary>
    /// <param name="endpoint">Whose.</param>
    /// <param name="listOf">A list by its id; null: it is not there, and asks nothing.</param>
    public static IEnumerable<string> Of(EndpointUpdate endpoint, Func<string, RuleList?> listOf) =>
    [
        .. endpoint.Gate == EndpointGate.Open ? Array.Empty<string>() : ["closed: labels are still to come"],
        .. Lines("ingress", endpoint.Ingress, listOf), .. Lines("egress", endpoint.Egress, listOf),
    ];

    /// <summary>Of an interface of the host.</summary>
    /// <param name="host">Its host endpoint's programs.</param>
    /// <param name="listOf">A list by its id.</param>
    public static IEnumerable<string> Of(HostInterfaceUpdate host, Func<string, RuleList?> listOf) =>
    [
        $"host endpoint {host.HostEndpoint}",
        .. Lines("ingress", host.Programs.Ingress, listOf), .. Lines("egress", host.Programs.Egress, listOf),
        .. Lines("forwarded ingress", host.Programs.ForwardIngress, listOf),
        .. Lines("forwarded egress", host.Programs.ForwardEgress, listOf),
        .. Lines("untracked ingress", host.Programs.UntrackedIngress, listOf),
        .. Lines("untracked egress", host.Programs.UntrackedEgress, listOf),
        .. Lines("before destination NAT", host.Programs.PreDnat, listOf),
    ];

    private static IEnumerable<string> Lines(string title, PolicyProgram program, Func<string, RuleList?> listOf) =>
        program.ToText(listOf).Split('\n').Select(line => "  " + line).Prepend(title + ":");
}
