using System.CommandLine;
using System.Globalization;
using System.Text;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Cli.Output;

namespace Calico.Cli.Commands.Node;

/// <summary><c>calicoctl status</c>: what the host process on this machine says about itself.</summary>
/// <remarks>Plain text without Spectre: scripts call it in loops, and its start-up counts.</remarks>
internal static class StatusCommand
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    internal static Command Create(CliEnvironment environment)
    {
        var output = new Option<string>("--output", "-o")
        {
            Description = "text, json, yaml, drops, endpoints, leases, rules (what each counted) or timings (of ADD and DEL).",
            DefaultValueFactory = _ => "text",
        };
        output.AcceptOnlyFromAmong("text", "json", "yaml", "drops", "endpoints", "leases", "rules", "timings");
        var wait = new Option<string?>("--wait") { Description = "Wait until the host is ready, at most this long, e.g. 10s.",
            HelpName = "DURATION" };
        var verbose = new Option<bool>("--verbose") { Description = "Every health check, too." };
        var command = new Command("status", "Show how the Calico host on this machine is.") { output, wait, verbose };
        command.SetAction(async (result, ct) =>
        {
            if (result.GetValue(wait) is { } text)
            {
                await WaitAsync(environment, text, ct);
            }

            // Whoever waited has been told that it is ready; that it was so is what the exit code says.
            var ready = await PrintAsync(environment, result.GetValue(output)!, result.GetValue(verbose), ct);
            return ready || result.GetValue(wait) is not null ? 0 : 1;
        });
        return command;
    }

    /// <summary>Prints one form.</summary>
    /// <returns>False: the host says that it is not ready. The tables do not ask.</returns>
    private static async Task<bool> PrintAsync(CliEnvironment environment, string form, bool verbose, CancellationToken ct)
    {
        switch (form)
        {
            case "drops":
                var drops = await HostClient.GetAsync(environment.HostSocket, "/drops", HostJson.Default.SortedDictionaryStringInt64, ct);
                Table(environment, ["REASON", "PACKETS"], drops, drop => [drop.Key, drop.Value.ToString(CultureInfo.InvariantCulture)]);
                return true;
            case "endpoints":
                var endpoints = await HostClient.GetAsync(environment.HostSocket, "/endpoints", HostJson.Default.HostEndpointArray, ct);
                Table(environment, ["NAME", "ENDPOINT", "STATE", "INTERFACE", "ADDRESSES", "NETWORK", "ADAPTER", "REASON"], endpoints,
                    endpoint =>
                    [endpoint.Name, Short(endpoint.Id), endpoint.State, endpoint.HostInterface, string.Join(',', endpoint.Addresses),
                        endpoint.Network, endpoint.Adapter, endpoint.Reason]);
                return true;
            case "leases":
                var leases = await HostClient.GetAsync(environment.HostSocket, "/leases", HostJson.Default.HostLeaseArray, ct);
                Table(environment, ["ADDRESS", "PURPOSE", "ADAPTER", "BOUND-TO", "OWNER", "HANDLE", "SINCE"], leases, lease =>
                    [lease.Address, lease.Purpose, lease.Adapter, Short(lease.BoundTo ?? ""), lease.Owner, lease.Handle, Since(lease)]);
                return true;
            case "rules":
                var rules = await HostClient.GetAsync(environment.HostSocket, "/rules", HostJson.Default.HostRuleArray, ct);
                Table(environment, ["PACKETS", "POLICY", "TIER", "DIRECTION", "RULE"], rules, rule =>
                    [Number(rule.Packets, "0"), rule.Policy, rule.Tier, rule.Direction, rule.Rule < 0 ? "no rule"
                        : Number(rule.Rule, "0")]);
                return true;
            case "timings":
                var asked = await HostClient.GetAsync(environment.HostSocket, "/status", HostJson.Default.HostStatus, ct);
                Table(environment, ["ADAPTER", "CALL", "STAGE", "COUNT", "FIRST-MS", "P50-MS", "P99-MS", "MAX-MS"], asked.Timings, timing =>
                    [timing.Adapter, timing.Call, timing.Stage, Number(timing.Count, "0"), Number(timing.FirstMs, "0.00"),
                        Number(timing.P50Ms, "0.00"),
                        Number(timing.P99Ms, "0.00"), Number(timing.MaxMs, "0.00")]);
                return true;
        }

        var document = await HostClient.GetAsync(environment.HostSocket, "/status", ct);
        var status = HostClient.Read(document, "/status", HostJson.Default.HostStatus);
        switch (form)
        {
            case "json":
                await environment.Output.WriteLineAsync(document.GetRawText());
                break;
            case "yaml":
                YamlWriter.Write(environment.Output, document);
                break;
            default:
                new StatusText(environment.Output, status, verbose).Write();
                break;
        }

        return status.Ready;
    }

    /// <summary>Asks again and again; a socket that is not there yet is a reason like any other.</summary>
    /// <exception cref="CliException">The time is up, or the host refuses to be asked.</exception>
    private static async Task WaitAsync(CliEnvironment environment, string text, CancellationToken ct)
    {
        if (!Duration.TryParse(text, out var longest))
        {
            throw new CliException($"--wait '{text}' is not a duration such as 500ms, 10s or 2m");
        }

        using var timeUp = new CancellationTokenSource(longest, environment.Time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        var reasons = $"calico-host did not answer on {environment.HostSocket} in time";
        try
        {
            while (true)
            {
                try
                {
                    var reply = await HostClient.AskAsync(environment.HostSocket, "/ready", stop.Token);
                    switch (reply.Status)
                    {
                        case 200:
                            return;
                        case 503:
                            reasons = Encoding.UTF8.GetString(reply.Body.Span).TrimEnd();
                            break;
                        default:
                            throw HostClient.Refused("/ready", reply);
                    }
                }
                catch (HostAwayException e)
                {
                    reasons = e.Message;
                }

                await Task.Delay(PollInterval, environment.Time, stop.Token);
            }
        }
        catch (OperationCanceledException) when (timeUp.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new CliException($"not ready after {text}:\n{reasons}");
        }
    }

    private static void Table<T>(CliEnvironment environment, IReadOnlyList<string> headings, IEnumerable<T> items,
        Func<T, IReadOnlyList<string>> cells)
    {
        var table = new TextTable(headings);
        foreach (var item in items)
        {
            table.Add(cells(item));
        }

        table.Write(environment.Output, environment.Width);
    }

    private static string Number(double value, string form) => value.ToString(form, CultureInfo.InvariantCulture);

    private static string Short(string id) => string.Join('/', id.Split('/').Select(Endpoints.EndpointName.Shorten));

    private static string Since(HostLease lease) =>
        lease.Since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
