using System.Text.Json;
using Calico.Shim.Wire;

namespace Calico.UnitTests.Cni;

/// <summary>One plugin call of a recording (<c>cni-wire</c>): what a real runtime sent, and what the plugin of then answered.</summary>
internal sealed record RecordedCall(double Time, string Plugin, IReadOnlyDictionary<string, string> Environment, string Input,
    string Output, int ExitCode)
{
    /// <summary>Plugins of a list that come after the one that makes the interface, and those beside it.</summary>
    private static readonly string[] Others = ["loopback", "portmap", "bandwidth", "tuning", "host-local", "clfail"];

    public string Verb => Environment.GetValueOrDefault("CNI_COMMAND", "");

    public (string, string) Attachment =>
        (Environment.GetValueOrDefault("CNI_CONTAINERID", ""), Environment.GetValueOrDefault("CNI_IFNAME", ""));

    /// <summary>The call that Calico would have got.</summary>
    public bool IsOurs => !Others.Contains(Plugin);

    public bool IsIpam => Plugin == "host-local";

    public IEnumerable<KeyValuePair<string, string>> CniVariables =>
        Environment.Where(v => v.Key.StartsWith("CNI_", StringComparison.Ordinal));

    public DelegateOutcome Outcome => new(ExitCode, System.Text.Encoding.UTF8.GetBytes(Output));

    public static List<RecordedCall> Load(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. document.RootElement.GetProperty("invocations").EnumerateArray().Select(i => new RecordedCall(
            i.GetProperty("t").GetDouble(),
            i.GetProperty("plugin").GetString()!,
            i.GetProperty("env").EnumerateObject().ToDictionary(v => v.Name, v => v.Value.GetString()!),
            i.GetProperty("stdin").GetString() ?? "",
            i.GetProperty("stdout").GetString() ?? "",
            i.GetProperty("rc").GetInt32())).OrderBy(i => i.Time)];
    }

    /// <summary>CALICO_REFERENCE, or the folder beside the repository; null when neither is there.</summary>
    public static string? Folder()
    {
        if (System.Environment.GetEnvironmentVariable("CALICO_REFERENCE") is { Length: > 0 } chosen)
        {
            return Path.Combine(chosen, "cni-wire");
        }

        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var beside = Path.Combine(at.FullName, "shared/reference/cni-wire");
            if (Directory.Exists(beside))
            {
                return beside;
            }
        }

        return null;
    }
}
