using Calico.Cli.Connection;
using Calico.Cli.Output;
using Calico.Felix.Explaining;

namespace Calico.Cli.Commands.Policy;

/// <summary>Asks this machine's host whether its kernel holds the programs that an explanation was made from.</summary>
/// <remarks>The host reads its table, mends what differs and then says what it enforces, rule by rule; that is compared with what was compiled
/// here. Members of IP sets are not among it.</remarks>
internal sealed class LiveProof(CliEnvironment environment, ClusterPolicy policy)
{
    /// <summary>Looks at every place of an explanation.</summary>
    /// <exception cref="CliException">No host answers.</exception>
    internal async Task<IReadOnlyList<LiveVerdict>> LookAsync(Explanation explanation, IReadOnlyList<ExplainedEnd> ends, CancellationToken ct)
    {
        var verdicts = new List<LiveVerdict>();
        foreach (var end in ends)
        {
            if (end.Peer.Endpoint is { } endpoint && explanation.Directions.Any(place => place.Judge == endpoint))
            {
                var (link, lines) = policy.TextOf(endpoint);
                verdicts.Add(await LookAsync(end.Name, end.Peer.Host?.Policy.Node ?? "", link, lines, ct));
            }

            if (end.Peer.Host is { } host && explanation.Directions.Any(place => place.Host == host && place.Judge.Name is { Length: > 0 }))
            {
                verdicts.Add(await LookAsync($"host {host.Policy.Node} {host.Policy.Describe(host.InterfaceName)}", host.Policy.Node,
                    host.InterfaceName, host.Policy.TextOf(host.InterfaceName), ct));
            }
        }

        return verdicts;
    }

    private async Task<LiveVerdict> LookAsync(string who, string node, string link, IReadOnlyList<string> wanted, CancellationToken ct)
    {
        var answer = await HostClient.GetAsync(environment.HostSocket, $"/enforced?interface={Uri.EscapeDataString(link)}",
            HostJson.Default.HostEnforced, ct);
        if (answer.Node != node)
        {
            return new(who, null, $"is on another node than this machine's, {answer.Node}, whose host alone can be asked");
        }

        if (answer.Problem.Length > 0)
        {
            return new(who, false, $"the kernel of this machine may hold something else: {answer.Problem}");
        }

        for (var line = 0; line < Math.Max(wanted.Count, answer.Lines.Count); line++)
        {
            var (expected, found) = (wanted.ElementAtOrDefault(line), answer.Lines.ElementAtOrDefault(line));
            if (expected != found)
            {
                return new(who, false, $"the kernel of this machine holds another program, of revision {answer.Revision}: "
                    + $"'{found?.Trim() ?? "nothing"}' instead of '{expected?.Trim() ?? "nothing"}'");
            }
        }

        return new(who, true, $"the kernel of this machine was read and holds these rules, of revision {answer.Revision}");
    }
}
