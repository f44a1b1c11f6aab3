using Calico.Cli.Connection;
using Calico.Cli.Output;
using Calico.Felix.Explaining;

namespace Calico.Cli.Commands.Policy;

/// <summary>Asks this machine's host whether its kernel holds the programs that an explanation was made from.</summary>
/// <remarks>The host reads its table, mends what differs and then says what it enforces, rule by rule; that is compared with what was
/// compiled here. Members of IP sets are not among it.</remarks>
/// <param name="environment">Where this machine's host is, and the clock.</param>
/// <param name="policy">The workloads' programs.</param>
/// <param name="revision">Of the store, from which everything was compiled.</param>
internal sealed class LiveProof(CliEnvironment environment, ClusterPolicy policy, long revision)
{
    /// <summary>Longer than the host's store keeps silent when what was written concerns it not (5 s).</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether something was proved, and nothing refuted.</summary>
    internal static bool IsProof(IReadOnlyList<LiveVerdict> verdicts) =>
        verdicts.Any(verdict => verdict.Holds == true) && verdicts.All(verdict => verdict.Holds != false);

    /// <summary>Looks at every place of an explanation.</summary>
    /// <returns>Never empty.</returns>
    /// <exception cref="CliException">No host answers.</exception>
    internal async Task<IReadOnlyList<LiveVerdict>> LookAsync(Explanation explanation, IReadOnlyList<ExplainedEnd> ends,
        CancellationToken ct)
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

        if (verdicts.TrueForAll(verdict => verdict.Holds is null))
        {
            verdicts.Add(new("nothing was proved", null, verdicts.Count == 0 ? "no policy is asked on the way"
                : "only the host of each node can be asked, on its own machine"));
        }

        return verdicts;
    }

    private async Task<LiveVerdict> LookAsync(string who, string node, string link, IReadOnlyList<string> wanted, CancellationToken ct)
    {
        var since = environment.Time.GetTimestamp();
        var answer = await AskAsync(link, ct);
        while (answer.Node == node && answer.Problem.Length == 0 && (!answer.InSync || answer.Revision < revision)
            && environment.Time.GetElapsedTime(since) < Patience)
        {
            await Task.Delay(Pause, environment.Time, ct);
            answer = await AskAsync(link, ct);
        }

        if (answer.Node != node)
        {
            return new(who, null, $"is on another node than this machine's, {answer.Node}, whose host alone can be asked");
        }

        if (answer.Problem.Length > 0)
        {
            return new(who, false, $"the kernel of this machine may hold something else: {answer.Problem}");
        }

        if (!answer.InSync)
        {
            return new(who, false, "the host of this machine is not in sync yet, and the kernel may hold something else");
        }

        if (answer.Revision < revision)
        {
            return new(who, false, $"the kernel of this machine holds revision {answer.Revision}, and revision {revision} was explained");
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

    private Task<HostEnforced> AskAsync(string link, CancellationToken ct) =>
        HostClient.GetAsync(environment.HostSocket, $"/enforced?interface={Uri.EscapeDataString(link)}", HostJson.Default.HostEnforced, ct);
}
