using System.Text;
using Calico.Host.Settings;

namespace Calico.Host.Commands;

/// <summary><c>calico-host install|uninstall</c>: programs, adapters, unit and links, from the folders that this program runs from.
/// </summary>
/// <param name="Source">With <c>host/</c>, <c>bin/</c> and <c>plugins/</c>, as <c>./build.sh publish</c> lays them out.</param>
/// <param name="Target">Where they go; programs of a system are below /usr/lib.</param>
/// <param name="Settings">For the adapters' folder and the data.</param>
internal sealed record HostInstall(string Source, string Target, HostSettings Settings)
{
    /// <summary>Where systemd looks for an administrator's units.</summary>
    public string UnitPath { get; init; } = "/etc/systemd/system/calico-host.service";

    /// <summary>Where links to the programs go, so that they are found by name.</summary>
    public string LinkDirectory { get; init; } = "/usr/local/bin";

    /// <summary>The runtime that the host needs; empty: it finds it by itself.</summary>
    public string DotnetRoot { get; init; } = Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? "";

    public static HostInstall Here(HostSettings settings) =>
        new(Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..")), "/usr/lib/calico", settings);

    /// <summary>Lays everything down, or says what it would.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: this program does not stand in a published folder;
    /// <see cref="Problem.AlreadyExists"/>: others' files are in the way.</exception>
    public IReadOnlyList<string> Run(InstallLedger ledger, bool force, bool dryRun)
    {
        if (!File.Exists(Path.Combine(Source, "host", "calico-host")) || !File.Exists(Path.Combine(Source, "bin", "calicoctl")))
        {
            throw new CalicoException(Problem.NotFound,
                $"{Source} has no host/calico-host and bin/calicoctl: run the calico-host of a published folder (./build.sh publish)");
        }

        List<InstallItem> items = [.. Files("host", Path.Combine(Target, "host")), .. Files("bin", Path.Combine(Target, "bin")),
            .. Files("plugins", Settings.PluginDirectory),
            Link("calico-host", Path.Combine(Target, "host", "calico-host")), Link("calicoctl", Path.Combine(Target, "bin", "calicoctl")),
            new(UnitPath, () => Encoding.UTF8.GetBytes(Unit()), AtomicFile.Readable)];
        var laid = items.Select(i => i.Path).ToHashSet(StringComparer.Ordinal);
        var former = ledger.Paths.Where(path => !laid.Contains(path)
            && (IsBelow(path, Path.Combine(Target, "host")) || IsBelow(path, Path.Combine(Target, "bin")))).ToList();
        // Restarted, not only started: one that runs already goes on with files that are not there any more.
        return [.. ledger.Install(items, force, dryRun),
            // What a former version had and this one has not: its libraries would be found by who looks beside the program.
            .. ledger.Remove(former, force, dryRun),
            "next: systemctl daemon-reload && systemctl enable calico-host && systemctl restart calico-host",
            "then a network for your containers: calico-host cni install --network NAME"];
    }

    private static bool IsBelow(string path, string folder) =>
        path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private IEnumerable<InstallItem> Files(string folder, string to)
    {
        var from = Path.Combine(Source, folder);
        return Directory.Exists(from)
            ? Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => new InstallItem(
                Path.Combine(to, Path.GetRelativePath(from, file)), () => File.ReadAllBytes(file),
                (File.GetUnixFileMode(file) & UnixFileMode.UserExecute) != 0 ? AtomicFile.Executable : AtomicFile.Readable))
            : [];
    }

    private InstallItem Link(string name, string target) => new(Path.Combine(LinkDirectory, name), () => [], AtomicFile.Executable, target);

    // The rules stay in the kernel when it stops: no container loses its network with the host. It writes below /proc/sys, so that is not
    // closed to it.
    private string Unit() => $"""
        [Unit]
        Description=Calico: the network of this machine's workloads
        Documentation=file://{Target}
        After=network-online.target local-fs.target
        Wants=network-online.target
        Before=containerd.service crio.service docker.service kubelet.service podman.service

        [Service]
        # What is ordered after this starts when the adapters' sockets are there, long before a distant store has answered.
        Type=notify
        TimeoutStartSec=60
        ExecStart={Target}/host/calico-host run
        {(DotnetRoot.Length > 0 ? $"Environment=DOTNET_ROOT={DotnetRoot}" : "# DOTNET_ROOT: the runtime is beside the program, or where the system has it")}
        EnvironmentFile=-/etc/calico/calico.env
        Restart=on-failure
        RestartSec=2
        # Wrong settings do not get better by themselves.
        RestartPreventExitStatus=1
        KillMode=mixed
        TimeoutStopSec=30
        LimitNOFILE=65536
        OOMScoreAdjust=-900

        [Install]
        WantedBy=multi-user.target

        """;
}
