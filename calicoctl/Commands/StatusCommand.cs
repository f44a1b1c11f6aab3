using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Calico.Cli.Connection;
using Calico.Cli.Output;

namespace Calico.Cli.Commands;

/// <summary><c>calicoctl status</c>: what the host process on this machine says about itself.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    internal static Command Create(CliEnvironment environment)
    {
        var output = new Option<string>("--output", "-o") { Description = "Form: text, yaml or json; or one part: drops, endpoints, leases.", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "yaml", "json", "drops", "endpoints", "leases");
        var wait = new Option<string?>("--wait") { Description = "Wait until the host is ready, at most so long (10s, 500ms, 1m)." };
        var command = new Command("status", "Show how the Calico host on this machine is; exit code 1 when it is not ready.") { output, wait };
        command.SetAction(async (result, ct) =>
        {
            var status = result.GetValue(wait) is { } limit
                ? await WaitAsync(environment, ParseDuration(limit), ct)
                : await HostClient.GetAsync(environment.HostSocket, "/status", ct);
            switch (result.GetValue(output))
            {
                case "json":
                    await environment.Output.WriteLineAsync(status.GetRawText());
                    break;
                case "yaml":
                    YamlWriter.Write(environment.Output, status);
                    break;
                case "drops":
                    PrintDrops(environment.Output, status);
                    break;
                case "endpoints":
                    PrintEndpoints(environment.Output, await HostClient.GetAsync(environment.HostSocket, "/endpoints", ct));
                    break;
                case "leases":
                    PrintLeases(environment.Output, await HostClient.GetAsync(environment.HostSocket, "/leases", ct));
                    break;
                default:
                    Print(environment.Output, status);
                    break;
            }

            return status.GetProperty("ready").GetBoolean() ? 0 : 1;
        });
        return command;
    }

    private static async Task<JsonElement> WaitAsync(CliEnvironment environment, TimeSpan limit, CancellationToken ct)
    {
        var begun = environment.Time.GetTimestamp();
        while (true)
        {
            string reason;
            try
            {
                var status = await HostClient.GetAsync(environment.HostSocket, "/status", ct);
                if (status.GetProperty("ready").GetBoolean())
                {
                    return status;
                }

                reason = string.Join("; ", status.GetProperty("reasons").EnumerateArray().Select(r => r.GetString()));
            }
            catch (CliException e)
            {
                reason = e.Message;
            }

            if (environment.Time.GetElapsedTime(begun) > limit)
            {
                throw new CliException($"the Calico host is not ready after {limit.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s: {reason}");
            }

            await Task.Delay(PollInterval, environment.Time, ct);
        }
    }

    private static TimeSpan ParseDuration(string text)
    {
        var digits = text.TrimEnd('m', 's', 'h');
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? text[digits.Length..] switch
            {
                "ms" => TimeSpan.FromMilliseconds(number),
                "s" => TimeSpan.FromSeconds(number),
                "m" => TimeSpan.FromMinutes(number),
                "h" => TimeSpan.FromHours(number),
                _ => throw Wrong(),
            }
            : throw Wrong();

        CliException Wrong() => new($"invalid duration for --wait (try 10s, 500ms, or 1m): {text}");
    }

    private static void Print(TextWriter output, JsonElement status)
    {
        var ready = status.GetProperty("ready").GetBoolean();
        var store = status.GetProperty("datastore");
        output.WriteLine($"calico-host {Text(status, "version")} on node {Text(status, "node")}, up {Duration(status.GetProperty("uptimeSeconds").GetDouble())}: {(ready ? "ready" : "NOT READY")}");
        foreach (var reason in status.GetProperty("reasons").EnumerateArray())
        {
            output.WriteLine($"  {reason.GetString()}");
        }

        output.WriteLine($"datastore: {Text(store, "type")}, {Text(store, "status")}, revision {store.GetProperty("revision").GetInt64()} enforced, confirmed {Duration(store.GetProperty("ageSeconds").GetDouble())} ago");
        output.WriteLine($"endpoints: {List(status.GetProperty("endpoints"), "none")}");
        output.WriteLine($"adapters:  {string.Join(", ", status.GetProperty("plugins").EnumerateArray().Select(p => $"{Text(p, "name")} {Text(p, "version")}").DefaultIfEmpty("none"))}");
        var lines = status.GetProperty("health").EnumerateArray().ToList();
        var bad = lines.Where(l => !l.GetProperty("ok").GetBoolean()).ToList();
        output.WriteLine(bad.Count == 0 ? $"health:    all {lines.Count} checks are well" : $"health:    {bad.Count} of {lines.Count} checks are not well");
        foreach (var line in bad)
        {
            output.WriteLine($"  {Text(line, "part")}: {Text(line, "check")}: {Text(line, "reason")}");
        }

        output.WriteLine($"dropped:   {List(status.GetProperty("drops"), "nothing")}");
    }

    private static void PrintDrops(TextWriter output, JsonElement status)
    {
        var table = new TextTable("REASON", "PACKETS");
        foreach (var drop in status.GetProperty("drops").EnumerateObject())
        {
            table.Add(drop.Name, drop.Value.ToString());
        }

        table.Write(output);
    }

    private static void PrintEndpoints(TextWriter output, JsonElement endpoints)
    {
        var table = new TextTable("ENDPOINT", "STATE", "INTERFACE", "ADDRESSES", "NETWORK", "ADAPTER", "REASON");
        foreach (var endpoint in endpoints.EnumerateArray())
        {
            table.Add(Text(endpoint, "id"), Text(endpoint, "state"), Text(endpoint, "hostInterface"),
                string.Join(',', endpoint.GetProperty("addresses").EnumerateArray().Select(a => a.GetString())), Text(endpoint, "network"), Text(endpoint, "adapter"), Text(endpoint, "reason"));
        }

        table.Write(output);
    }

    private static void PrintLeases(TextWriter output, JsonElement leases)
    {
        var table = new TextTable("ADDRESS", "HANDLE", "PURPOSE", "ADAPTER", "BOUND TO", "SINCE");
        foreach (var lease in leases.EnumerateArray())
        {
            table.Add(Text(lease, "address"), Text(lease, "handle"), Text(lease, "purpose"), Text(lease, "adapter"),
                lease.TryGetProperty("boundTo", out var bound) && bound.ValueKind == JsonValueKind.String ? bound.GetString()! : "-", Text(lease, "since"));
        }

        table.Write(output);
    }

    // "a 3, b 1": what is not zero.
    private static string List(JsonElement counts, string none) =>
        string.Join(", ", counts.EnumerateObject().Where(c => c.Value.GetInt64() != 0).Select(c => $"{c.Name} {c.Value.GetInt64()}").DefaultIfEmpty(none));

    private static string Text(JsonElement element, string member) =>
        element.TryGetProperty(member, out var value) ? value.ToString() : "";

    private static string Duration(double seconds) => seconds switch
    {
        < 120 => $"{seconds.ToString("0.#", CultureInfo.InvariantCulture)} s",
        < 7200 => $"{(int)(seconds / 60)} min",
        _ => $"{(int)(seconds / 3600)} h",
    };
}
