using System.Text;

namespace Calico.Host.Commands;

/// <summary><c>calico-host docker install|uninstall</c>: has systemd start this host before dockerd, so that dockerd finds the drivers'
/// sockets when it looks for them.</summary>
/// <remarks>Why a drop-in and neither socket units nor <c>.spec</c> files: docs/design/docker.md.</remarks>
/// <param name="UnitDirectory">Where systemd looks for an administrator's units.</param>
/// <param name="Ledger">What was laid down before: what others made or edited is refused.</param>
internal sealed record DockerInstall(string UnitDirectory, InstallLedger Ledger)
{
    public const string DefaultUnitDirectory = "/etc/systemd/system";

    private const string Adapter = "docker";
    private const string Reload = "next: systemctl daemon-reload";

    private string DropIn => Path.Combine(UnitDirectory, "docker.service.d", "10-calico.conf");

    /// <summary>Lays it down, or says what it would.</summary>
    /// <param name="pluginDirectory">Where the host looks for adapters.</param>
    /// <param name="force">Others' and edited files too.</param>
    /// <param name="dryRun">Says it only.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: the adapter is not installed; <see cref="Problem.AlreadyExists"/>:
    /// a person's file is in the way.</exception>
    public IReadOnlyList<string> Run(string pluginDirectory, bool force, bool dryRun) =>
        Directory.Exists(Path.Combine(pluginDirectory, Adapter))
            ? [.. Ledger.Install([new(DropIn, () => Encoding.UTF8.GetBytes(Text), AtomicFile.Readable)], force, dryRun),
                $"{Reload}; dockerd need not be restarted"]
            : throw new CalicoException(Problem.NotFound,
                $"adapter '{Adapter}' is not installed in {pluginDirectory}: calico-host plugin install <package or folder> first");

    /// <summary>Takes away what <see cref="Run"/> laid down, and nothing else.</summary>
    /// <param name="force">Also one that was edited since.</param>
    /// <param name="dryRun">Says it only.</param>
    public IReadOnlyList<string> Uninstall(bool force, bool dryRun) => Ledger.StateOf(DropIn) switch
    {
        InstalledState.Foreign => [$"left {DropIn}: it was not made by calico-host"],
        // Gone by another's hand: what is known of it, and a folder that was made for it, go too.
        InstalledState.Absent when !Ledger.Paths.Contains(DropIn) => [$"calico-host has installed nothing for Docker in {UnitDirectory}"],
        _ => [.. Ledger.Remove([DropIn], force, dryRun), Reload],
    };

    private const string Text = """
        # Laid down by calico-host docker install; calico-host docker uninstall takes it away.
        # dockerd looks for a network's driver when it starts, and tries 15 seconds for one that is not there. Calico is told to be
        # there before it has a store or anything else to wait for, and a Calico that does not start keeps no dockerd from starting.
        [Unit]
        Wants=calico-host.service
        After=calico-host.service

        """;
}
