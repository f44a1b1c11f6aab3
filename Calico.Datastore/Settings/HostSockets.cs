namespace Calico.Datastore.Settings;

/// <summary>Where the host of this machine is asked; whoever binds and whoever connects reads it here.</summary>
public sealed record HostSockets
{
    private static readonly SettingRule<HostSockets>[] Rules =
        [new(nameof(RunDirectory), s => Path.IsPathFullyQualified(s.RunDirectory), "an absolute path")];

    [Setting("CALICO_RUN_DIR", "paths.run", "Sockets of the host.")]
    public string RunDirectory { get; init; } = "/run/calico";

    /// <summary>The control API.</summary>
    public string Control => Path.Combine(RunDirectory, "host.sock");

    /// <summary>The embedded store.</summary>
    public string Store => Path.Combine(RunDirectory, "store.sock");

    /// <summary>Reads it; what is wrong stays with the reader.</summary>
    public static HostSockets Read(SettingsReader reader) => reader.Read(Rules);
}
