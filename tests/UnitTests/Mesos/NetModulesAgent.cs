using System.Runtime.Versioning;

namespace Calico.UnitTests.Mesos;

/// <summary>What net-modules' module sends.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class NetModulesAgent(MesosHarness mesos)
{
    public const string Done = """{"error":null}""";

    public const string Role = """[{"key":"org/role","value":"web"}]""";

    public Task<(int ExitCode, string Output)> AllocateAsync(int ipv4, int ipv6, string labels = "[]") => mesos.NetModulesAsync($$$"""
        {"command":"allocate","args":{"hostname":"h","num_ipv4":{{{ipv4}}},"num_ipv6":{{{ipv6}}},
        "uid":"u","netgroups":[],"labels":{{{labels}}}}}
        """);

    public Task<string> ReserveAsync(string uid, params string[] ipv4)
    {
        var ipv6 = $"fd80:24e2:f998:72d6::{ipv4[0].Split('.')[3]}";
        return CallAsync($$$"""
            {"command":"reserve","args":{"hostname":"h","uid":"{{{uid}}}",
            "ipv4_addrs":["{{{string.Join("\",\"", ipv4)}}}"],"ipv6_addrs":["{{{ipv6}}}"]}}
            """);
    }

    public Task<string> IsolateAsync(string container, string netgroups) =>
        CallAsync(Isolate(container, netgroups, Role, "10.65.0.9", "\"fd80:24e2:f998:72d6::9\""));

    public static string Isolate(string container, string netgroups, string labels, string ipv4 = "10.65.0.9", string ipv6 = "") => $$$"""
        {"command":"isolate","args":{"hostname":"h","container_id":"{{{container}}}","pid":{{{MesosHarness.Pid}}},
        "ipv4_addrs":["{{{ipv4}}}"],"ipv6_addrs":[{{{ipv6}}}],"netgroups":{{{netgroups}}},"labels":{{{labels}}}}}
        """;

    public static string Cleanup(string container) =>
        $$$"""{"command":"cleanup","args":{"hostname":"h","container_id":"{{{container}}}"}}""";

    public async Task<string> CallAsync(string input) => (await mesos.NetModulesAsync(input)).Output;

    /// <summary>As <c>calico_mesos</c> does when the host ended before it answered.</summary>
    public async Task<string> RepeatAsync(string input) => (await mesos.NetModulesAsync(input, isRepeat: true)).Output;

    public string[] Held() => [.. mesos.Node.Leases.Select(l => l.Address.ToString()).Order(StringComparer.Ordinal)];
}
