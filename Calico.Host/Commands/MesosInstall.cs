using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Calico.Host.Commands;

/// <summary><c>calico-host mesos install|uninstall</c>: what a Mesos agent is pointed at, in a folder of its own, for each of its three
/// ways to get a network.</summary>
/// <remarks>No file of the agent's is touched: its settings are laid down as an environment file each, and a person says which of them
/// the agent's unit reads. A running agent executes <c>calico_mesos</c> at any moment: it is written beside its place and renamed over.
/// </remarks>
internal sealed record MesosInstall
{
    public const string DefaultDirectory = "/opt/calico/mesos";
    public const string DefaultLibrary = "/opt/net-modules/libmesos_network_isolator.so";

    private const string Adapter = "mesos";
    private const string Command = "calico_mesos";

    /// <summary>Mesos knows its module only by these (net-modules' isolator/isolator).</summary>
    private const string NetModulesIsolator = "com_mesosphere_mesos_NetworkIsolator";
    private const string NetModulesHook = "com_mesosphere_mesos_NetworkHook";

    private const string GrpcIsolator = "net_calico_mesos_Isolator";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public string Directory { get; init; } = DefaultDirectory;

    /// <summary>The binary to install.</summary>
    public required string Shim { get; init; }

    /// <summary>net-modules' library, which is not ours.</summary>
    public string Library { get; init; } = DefaultLibrary;

    /// <summary>A module that calls the isolator over gRPC; null: none is named.</summary>
    public string? IsolatorLibrary { get; init; }

    /// <summary>Name of the network that tasks of the CNI way join.</summary>
    public string Network { get; init; } = "calico";

    /// <summary>Where the adapter answers.</summary>
    public MesosSockets Sockets { get; init; } = MesosSockets.Default;

    /// <summary>What was laid down before: what others made or edited is refused.</summary>
    public required InstallLedger Ledger { get; init; }

    private string PluginDirectory => In("plugins");

    private string ConfDirectory => In("cni");

    /// <summary>Lays it down, or says what it would.</summary>
    /// <param name="adapters">Where the host looks for adapters.</param>
    /// <param name="force">Others' and edited files too.</param>
    /// <param name="dryRun">Says it only.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: the adapter is not installed; <see cref="Problem.Invalid"/> with
    /// the option's name; <see cref="Problem.AlreadyExists"/>: a person's file is in the way.</exception>
    public IReadOnlyList<string> Run(string adapters, bool force, bool dryRun)
    {
        if (!System.IO.Directory.Exists(Path.Combine(adapters, Adapter)))
        {
            throw new CalicoException(Problem.NotFound,
                $"adapter '{Adapter}' is not installed in {adapters}: calico-host plugin install <package or folder> first");
        }

        if (!File.Exists(Shim))
        {
            throw new CalicoException(Problem.Invalid, $"there is no shim at {Shim}", "--shim");
        }

        if (!IsName(Network))
        {
            throw new CalicoException(Problem.Invalid,
                $"'{Network}' is not a CNI network name: at most 200 letters, digits, '_', '.' and '-', starting with a letter or digit",
                "--network");
        }

        var shim = File.ReadAllBytes(Shim);
        List<InstallItem> items =
        [
            Program(In(Command), shim),
            Program(Path.Combine(PluginDirectory, "calico"), shim),
            Program(Path.Combine(PluginDirectory, "calico-ipam"), shim),
            Text(In("modules.json"), Json(NetModules())),
            Text(Path.Combine(ConfDirectory, "calico.conf"), Json(Conf())),
            Text(In("agent-net-modules.env"), Settings("net-modules (Mesos 0.26 to 1.1)", ("MODULES", $"file://{In("modules.json")}"),
                ("ISOLATION", NetModulesIsolator), ("HOOKS", NetModulesHook)) + CommandSettings()),
            Text(In("agent-cni.env"), Settings("Mesos' own network/cni isolator (1.0 on)",
                ("ISOLATION", "filesystem/linux,docker/runtime,network/cni"), ("IMAGE_PROVIDERS", "docker"),
                ("NETWORK_CNI_PLUGINS_DIR", PluginDirectory), ("NETWORK_CNI_CONFIG_DIR", ConfDirectory))),
        ];
        if (IsolatorLibrary is not null)
        {
            items.Add(Text(In("modules-isolator.json"), Json(GrpcModule())));
            items.Add(Text(In("agent-isolator.env"), Settings("an isolator module that calls calico.mesos.v1 over gRPC",
                ("MODULES", $"file://{In("modules-isolator.json")}"), ("ISOLATION", GrpcIsolator))));
        }

        return
        [
            .. Ledger.Install(items, force, dryRun),
            $"next: EnvironmentFile= of the agent's unit, one of {In("agent-*.env")}; then start the agent again",
            .. IsolatorLibrary is null ? (string[])["the way over gRPC needs a module: --isolator-library names it"] : [],
        ];
    }

    /// <summary>Takes away what <see cref="Run"/> laid down, and nothing else.</summary>
    /// <param name="force">Also what was edited since.</param>
    /// <param name="dryRun">Says it only.</param>
    public IReadOnlyList<string> Uninstall(bool force, bool dryRun)
    {
        // Settings first: no agent is sent to what is gone.
        string[] all =
        [
            In("agent-isolator.env"), In("agent-cni.env"), In("agent-net-modules.env"), In("modules-isolator.json"), In("modules.json"),
            Path.Combine(ConfDirectory, "calico.conf"), Path.Combine(PluginDirectory, "calico-ipam"),
                Path.Combine(PluginDirectory, "calico"), In(Command),
        ];
        return all.Any(Ledger.Paths.Contains)
            ? [.. Ledger.Remove(all, force, dryRun)]
            : [$"calico-host has installed nothing for Mesos in {Directory}"];
    }

    private string In(string name) => Path.Combine(Directory, name);

    private static bool IsName(string name) => name.Length is > 0 and <= 200 && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    private static InstallItem Program(string path, byte[] content) => new(path, () => content, AtomicFile.Executable);

    private static InstallItem Text(string path, string content) => new(path, () => Encoding.UTF8.GetBytes(content), AtomicFile.Readable);

    private static string Json(JsonObject content) => content.ToJsonString(Indented) + "\n";

    private static string Settings(string way, params ReadOnlySpan<(string Name, string Value)> settings)
    {
        var text = new StringBuilder($"# Laid down by calico-host mesos install; calico-host mesos uninstall takes it away.\n# {way}\n");
        foreach (var (name, value) in settings)
        {
            text.Append("MESOS_").Append(name).Append('=').Append(value).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The command has the agent's environment, and no other settings.</summary>
    private string CommandSettings() => Sockets.NetModulesSocket == MesosSockets.Default.NetModulesSocket ? ""
        : $"CALICO_MESOS_NETMODULESSOCKET={Sockets.NetModulesSocket}\n";

    private JsonObject NetModules() => Modules(Library,
        Module(NetModulesIsolator, ("ipam_command", In(Command)), ("isolator_command", In(Command))), Module(NetModulesHook));

    private JsonObject GrpcModule() => Modules(IsolatorLibrary!, Module(GrpcIsolator, ("socket", Sockets.Socket)));

    private static JsonObject Modules(string file, params JsonNode[] modules) => new()
    {
        ["libraries"] = new JsonArray(new JsonObject { ["file"] = file, ["modules"] = new JsonArray(modules) }),
    };

    private static JsonObject Module(string name, params ReadOnlySpan<(string Key, string Value)> parameters)
    {
        var module = new JsonObject { ["name"] = name };
        if (parameters.Length > 0)
        {
            var list = new JsonArray();
            foreach (var (key, value) in parameters)
            {
                list.Add(new JsonObject { ["key"] = key, ["value"] = value });
            }

            module["parameters"] = list;
        }

        return module;
    }

    /// <summary>One network in a file, and a result of version 0.2.0: Mesos reads no list of plugins, and no newer result.</summary>
    private JsonObject Conf() => new()
    {
        ["cniVersion"] = "0.2.0",
        ["name"] = Network,
        ["type"] = "calico",
        ["ipam"] = new JsonObject { ["type"] = "calico-ipam" },
    };
}
