using System.CommandLine;

namespace Calico.Host.Commands;

/// <summary><c>calico-host mesos</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreateMesos() =>
        new("mesos", "What a Mesos agent needs for Calico's network.") { CreateMesosInstall(), CreateMesosUninstall() };

    private static Command CreateMesosInstall()
    {
        var network = Valued("--network", "NAME", "Name of the network of Mesos' own CNI isolator [default: calico].");
        var shim = Valued("--shim", "FILE", "The binary to install [default: /usr/lib/calico/bin/calico-shim].");
        var library = Valued("--net-modules-library", "FILE", $"net-modules' library [default: {MesosInstall.DefaultLibrary}].");
        var isolator = Valued("--isolator-library", "FILE", "A module that calls the isolator over gRPC; none: that way is left out.");
        var (folder, dryRun, force) = (MesosDirectory(), DryRun(), Flag("--force", "Others' and edited files too."));
        return Make("install", "Lays calico_mesos, modules.json and the agent's settings down, for each of the three ways.", result =>
        {
            var defaults = Mesos(result, folder);
            return Do(() => (defaults with
            {
                Network = result.GetValue(network) ?? defaults.Network,
                Shim = result.GetValue(shim) ?? defaults.Shim,
                Library = result.GetValue(library) ?? defaults.Library,
                IsolatorLibrary = result.GetValue(isolator),
            }).Run(Settings().PluginDirectory, result.GetValue(force), result.GetValue(dryRun)));
        }, folder, network, shim, library, isolator, dryRun, force);
    }

    private static Command CreateMesosUninstall()
    {
        var (folder, dryRun, force) = (MesosDirectory(), DryRun(), Flag("--force", "Edited files too."));
        return Make("uninstall", "Takes away what mesos install laid down.",
            result => Do(() => Mesos(result, folder).Uninstall(result.GetValue(force), result.GetValue(dryRun))), folder, dryRun, force);
    }

    private static Option<string?> MesosDirectory() =>
        Valued("--dir", "DIR", $"Where it is laid down [default: {MesosInstall.DefaultDirectory}].");

    private static MesosInstall Mesos(ParseResult result, Option<string?> folder)
    {
        var ledger = Ledger();
        return new()
        {
            Directory = Path.GetFullPath(result.GetValue(folder) ?? MesosInstall.DefaultDirectory),
            // Where it is, cni install says.
            Shim = new CniInstall { Ledger = ledger }.Shim,
            Ledger = ledger,
            Sockets = MesosSockets.Read(Reader(null)),
        };
    }
}
