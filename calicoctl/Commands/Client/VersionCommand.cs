using System.CommandLine;
using System.Text.Json.Nodes;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Cli.Output;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;

namespace Calico.Cli.Commands.Client;

/// <summary><c>calicoctl version [--client]</c>.</summary>
internal static class VersionCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var client = new Option<bool>("--client") { Description = "Only this program's version; asks no datastore." };
        var output = OutputForm.Create();
        var poll = new Option<string?>("--poll")
        {
            Description = "Ask again until the cluster's version is known, e.g. every 5s.",
            HelpName = "DURATION",
        };
        var command = new Command("version", "Show the versions of this program and of the cluster.") { client, poll, output };
        command.SetAction(async (result, ct) =>
        {
            var interval = ParsePoll(result.GetValue(poll));
            if (result.GetValue(output) == "json")
            {
                await PrintJsonAsync(environment, result, result.GetValue(client), ct);
                return 0;
            }

            await environment.Output.WriteLineAsync($"Client Version:    {ClientVersion.Text}\nGit commit:        {ClientVersion.Commit}");
            return result.GetValue(client) ? 0 : await PrintClusterAsync(environment, result, interval, ct);
        });
        return command;
    }

    private static async Task<int> PrintClusterAsync(CliEnvironment environment, ParseResult result, TimeSpan? interval,
        CancellationToken ct)
    {
        await using var session = CliSession.Open(environment, result);
        while (true)
        {
            try
            {
                var information = await session.FindInformationAsync(ct)
                    ?? throw ResourceErrors.NotFound(Kinds.ClusterInformation.Key("default"));
                await environment.Output.WriteLineAsync($"Cluster Version:   {OrUnknown(information.Spec.CalicoVersion)}");
                await environment.Output.WriteLineAsync($"Cluster Type:      {OrUnknown(information.Spec.ClusterType)}");
                return 0;
            }
            catch (CalicoException) when (interval is not null)
            {
                await Task.Delay(interval.Value, environment.Time, ct);
            }
            catch (CalicoException e) when (e.Problem == Problem.Unavailable)
            {
                await environment.Output.WriteLineAsync("Unable to detect installed Calico version");
                return 0;
            }
            catch (CalicoException e)
            {
                throw new CliException($"unable to retrieve Cluster Version or Type: {e.Message}");
            }
        }
    }

    private static async Task PrintJsonAsync(CliEnvironment environment, ParseResult result, bool clientOnly, CancellationToken ct)
    {
        var members = new JsonObject { ["clientVersion"] = ClientVersion.Text, ["gitCommit"] = ClientVersion.Commit };
        if (!clientOnly)
        {
            await using var session = CliSession.Open(environment, result);
            var information = await session.FindInformationAsync(ct);
            members["clusterVersion"] = information?.Spec.CalicoVersion;
            members["clusterType"] = information?.Spec.ClusterType;
        }

        JsonOutput.Write(environment.Output, "Version", members);
    }

    private static TimeSpan? ParsePoll(string? text) => text is null ? null
        : Duration.TryParse(text, out var interval) ? interval
        : throw new CliException($"invalid poll duration specified: {text}");

    private static string OrUnknown(string? text) => string.IsNullOrEmpty(text) ? "unknown" : text;
}
