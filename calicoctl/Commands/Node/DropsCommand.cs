using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Calico.Cli.Connection;
using Calico.Cli.Output;

namespace Calico.Cli.Commands.Node;

/// <summary><c>calicoctl drops</c>: what this machine's host dropped, by reason, most first.</summary>
/// <remarks>The kernel counts all by reason, and tells of some of each second: <c>--recent</c> and <c>--watch</c> show those.</remarks>
internal static class DropsCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var output = OutputForm.Create();
        var all = new Option<bool>("--all") { Description = "Also the reasons for which nothing was dropped." };
        var recent = new Option<bool>(
            "--recent")
        {
            Description = "The latest dropped packets, and those that a staged policy would drop: when, "
                + "whose, from or to whom, by which rule.",
        };
        var watch = new Option<bool>("--watch",
            "-w") { Description = "The same, and then each as it comes. Of a flood only some are shown." };
        var command = new Command("drops", "Show the packets that were dropped on this machine, and why.") { output, all, recent, watch };
        command.SetAction(async (result, ct) =>
        {
            if (result.GetValue(recent) || result.GetValue(watch))
            {
                return await DropWatching.RunAsync(environment, result.GetValue(output) == "json", result.GetValue(watch), ct);
            }

            var drops = await HostClient.GetAsync(environment.HostSocket, "/drops", HostJson.Default.SortedDictionaryStringInt64, ct);
            if (result.GetValue(output) == "json")
            {
                JsonOutput.Write(environment.Output, "Drops",
                    new() { ["packets"] = new JsonObject(drops.Select(drop => KeyValuePair.Create(drop.Key, (JsonNode?)drop.Value))) });
                return 0;
            }

            var shown = drops.Where(drop => drop.Value != 0 || result.GetValue(all)).OrderByDescending(drop => drop.Value).ToArray();
            if (shown.Length > 0)
            {
                var table = new TextTable("PACKETS", "REASON");
                foreach (var (reason, packets) in shown)
                {
                    table.Add(packets.ToString(CultureInfo.InvariantCulture), reason);
                }

                table.Write(environment.Output, environment.Width);
            }

            if (shown.Length < drops.Count)
            {
                environment.Output.WriteLine(shown.Length == 0 ? $"nothing was dropped, for any of {drops.Count} reasons"
                    : $"0 for {drops.Count - shown.Length} other reasons (--all)");
            }

            return 0;
        });
        return command;
    }
}
