using System.CommandLine;

namespace Calico.Host.Commands;

/// <summary><c>calico-host docker</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreateDocker() => new("docker", "What dockerd needs to find its network and IPAM driver.")
    {
        CreateDockerInstall(), CreateDockerUninstall(),
    };

    private static Command CreateDockerInstall()
    {
        var (units, dryRun, force) = (UnitDirectory(), DryRun(), Flag("--force", "Others' and edited files too."));
        return Make("install", "Has systemd start calico-host before dockerd.",
            result => Do(() => Docker(result, units).Run(Settings().PluginDirectory, result.GetValue(force), result.GetValue(dryRun))),
                units, dryRun, force);
    }

    private static Command CreateDockerUninstall()
    {
        var (units, dryRun, force) = (UnitDirectory(), DryRun(), Flag("--force", "An edited file too."));
        return Make("uninstall", "Takes away what docker install laid down.",
            result => Do(() => Docker(result, units).Uninstall(result.GetValue(force), result.GetValue(dryRun))), units, dryRun, force);
    }

    private static Option<string?> UnitDirectory() =>
        Valued("--unit-dir", "DIR", $"Where systemd looks for units [default: {DockerInstall.DefaultUnitDirectory}].");

    private static DockerInstall Docker(ParseResult result, Option<string?> units) =>
        new(Path.GetFullPath(result.GetValue(units) ?? DockerInstall.DefaultUnitDirectory), Ledger());
}
