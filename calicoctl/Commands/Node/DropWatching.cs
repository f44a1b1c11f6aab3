using System.Globalization;
using System.Text.Json;
using Calico.Cli.Connection;

namespace Calico.Cli.Commands.Node;

/// <summary>The latest dropped packets, one line for those of a second that are alike.</summary>
internal static class DropWatching
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <param name="environment">Where to write.</param>
    /// <param name="isJson">One JSON object a line.</param>
    /// <param name="goesOn">Until it is ended.</param>
    /// <param name="ct">Ends it.</param>
    internal static async Task<int> RunAsync(CliEnvironment environment, bool isJson, bool goesOn, CancellationToken ct)
    {
        long last = 0;
        do
        {
            var drops = await HostClient.GetAsync(environment.HostSocket,
                string.Create(CultureInfo.InvariantCulture, $"/drops/recent?after={last}"), HostJson.Default.HostDropArray, ct);
            foreach (var drop in drops)
            {
                environment.Output.WriteLine(isJson ? JsonSerializer.Serialize(drop, HostJson.Default.HostDrop) : Line(drop));
                last = Math.Max(last, drop.Number);
            }

            await environment.Output.FlushAsync(ct);
            if (goesOn)
            {
                await Task.Delay(Pause, environment.Time, ct);
            }
        }
        while (goesOn);

        return 0;
    }

    private static string Line(HostDrop drop)
    {
        var end = drop.Endpoint.Length > 0 ? drop.Endpoint : "an endpoint that is gone";
        var where = drop.Endpoint == "host" ? $"host {drop.Interface}" : end;
        var peer = string.Join(' ', new[] { drop.PeerName, drop.Peer }.Where(text => text.Length > 0));
        var what = drop.Port > 0 || drop.Protocol.StartsWith("icmp", StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"{drop.Protocol} {drop.Port}")
            : drop.Protocol;
        var by = drop.Policy.Length == 0 ? ""
            : drop.Rule < 0 ? $": {drop.Policy}"
            : string.Create(CultureInfo.InvariantCulture, $": {drop.Policy} rule {drop.Rule}");
        var count = drop.Packets > 1 ? string.Create(CultureInfo.InvariantCulture, $"  x{drop.Packets}") : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{drop.Time.UtcDateTime:HH:mm:ss}Z  {where} {drop.Direction} {(drop.Direction == "egress" ? "to" : "from")} {peer}  {what}  "
            + $"{(drop.Reason == "staged" ? "staged, would drop" : drop.Reason)}{by}{count}");
    }
}
