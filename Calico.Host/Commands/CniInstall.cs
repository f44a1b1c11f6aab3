using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Calico.Host.Commands;

/// <summary><c>calico-host cni install</c>: lays the CNI binary and a network's conflist down, each atomically.</summary>
/// <remarks>A runtime may execute the binary or read the folder at any moment: every file is written beside its place, synced, and
/// renamed over. The binary comes before the conflist, so that a network is never there without its plugin.</remarks>
internal sealed partial record CniInstall
{
    // Its conflist's name holds it, and a file, while it is written, has a name of at most 255 bytes.
    private const int MaxName = 220;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    
    /// <summary>Names of the binary: what it does follows from the one it is called by.</summary>
    internal static readonly string[] Roles = ["calico", "calico-ipam"];

    private static readonly string[] OthersPrefixes = ["kns.", "ksa.", "publish."];

    public const string DefaultBinDirectory = "/opt/cni/bin";
    public const string DefaultConfDirectory = "/etc/cni/net.d";

    /// <summary>The binary to install: beside this program's folder, or where packages put it.</summary>
    public string Shim { get; init; } = Beside() ?? "/usr/lib/calico/bin/calico-shim";
    public string BinDirectory { get; init; } = DefaultBinDirectory;
    public string ConfDirectory { get; init; } = DefaultConfDirectory;
    public string Network { get; init; } = "calico";
    public IReadOnlyList<string> Pools { get; init; } = [];
    public int Mtu { get; init; }
    public bool PortMap { get; init; } = true;

    /// <summary>What was laid down before: what others made or edited is refused.</summary>
    public required InstallLedger Ledger { get; init; }

    /// <summary>Replaces that too.</summary>
    public bool Force { get; init; }

    /// <summary>Everything is checked and said, nothing is written.</summary>
    public bool DryRun { get; init; }

    /// <summary>Does it and says what it did, a line each.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the option's name as path; <see cref="Problem.Refused"/>.
    /// </exception>
    public IReadOnlyList<string> Run()
    {
        if (!NetworkName().IsMatch(Network) || Network.Length > MaxName)
        {
            throw new CalicoException(Problem.Invalid,
                $"'{Network}' is not a CNI network name: at most {MaxName} letters, digits, '_', '.' and "
                    + "'-', starting with a letter or digit", "--network");
        }

        // As the adapter, which would refuse every ADD: profiles of Kubernetes namespaces, service accounts and published ports.
        if (OthersPrefixes.FirstOrDefault(prefix => Network.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) is { } taken)
        {
            throw new CalicoException(Problem.Invalid,
                $"a network cannot be called '{Network}': profiles that '{taken}' begins the name of are others'", "--network");
        }

        if (!File.Exists(Shim))
        {
            throw new CalicoException(Problem.Invalid, $"there is no shim at {Shim}", "--shim");
        }

        try
        {
            var shim = File.ReadAllBytes(Shim);
            var conf = PathOf(ConfDirectory, Network);
            var content = JsonSerializer.SerializeToUtf8Bytes(Conflist(), Indented);
            return [.. Ledger.Install(
                [.. Roles.Select(role => new InstallItem(Path.Combine(BinDirectory, role), () => shim, AtomicFile.Executable)),
                new(conf, () => content, AtomicFile.Readable)], Force, DryRun),
                $"{(DryRun ? "would be " : "")}network '{Network}' in {conf}"];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Refused, $"the CNI files cannot be written: {e.Message}", null, e);
        }
    }

    /// <summary>The file of a network.</summary>
    public static string PathOf(string folder, string network) => Path.Combine(folder, $"10-{network}.conflist");

    // As `./build.sh publish` lays things out: host/calico-host and bin/calico-shim.
    private static string? Beside() =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "bin", "calico-shim")) is var path && File.Exists(path) ? path : null;

    private JsonObject Conflist()
    {
        var ipam = new JsonObject { ["type"] = "calico-ipam" };
        if (Pools.Count > 0)
        {
            ipam["ipv4_pools"] = new JsonArray([.. Pools.Where(p => !p.Contains(':', StringComparison.Ordinal))
                .Select(p => JsonValue.Create(p))]);
            if (Pools.Any(p => p.Contains(':', StringComparison.Ordinal)))
            {
                ipam["assign_ipv6"] = "true";
                ipam["ipv6_pools"] = new JsonArray(
                    [.. Pools.Where(p => p.Contains(':', StringComparison.Ordinal)).Select(p => JsonValue.Create(p))]);
            }
        }

        var calico = new JsonObject { ["type"] = "calico", ["ipam"] = ipam };
        if (PortMap)
        {
            // Ours is told the published ports too: portmap leads there, policy has to let in.
            calico["capabilities"] = new JsonObject { ["portMappings"] = true };
        }

        if (Mtu > 0)
        {
            calico["mtu"] = Mtu;
        }

        var plugins = new JsonArray(calico);
        if (PortMap)
        {
            plugins.Add(new JsonObject { ["type"] = "portmap", ["capabilities"] = new JsonObject { ["portMappings"] = true } });
        }

        // 1.0.0 is what podman 4 and containerd 1.6 speak; the binary answers 0.1.0 to 1.1.0.
        return new() { ["cniVersion"] = "1.0.0", ["name"] = Network, ["plugins"] = plugins };
    }

    [GeneratedRegex(@"\A[a-zA-Z0-9][a-zA-Z0-9_.-]*\z")]
    private static partial Regex NetworkName();
}
