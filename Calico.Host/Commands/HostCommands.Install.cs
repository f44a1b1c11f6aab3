using System.CommandLine;

namespace Calico.Host.Commands;

/// <summary><c>calico-host install|uninstall</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreateInstall()
    {
        var (dryRun, force) = (DryRun(), Flag("--force", "Others' and edited files too."));
        return Make("install", "Lays programs, adapters and a systemd unit down.",
            result => Do(() => HostInstall.Here(Settings()).Run(Ledger(), result.GetValue(force), result.GetValue(dryRun))), dryRun, force);
    }

    private static Command CreateUninstall()
    {
        var (dryRun, force) = (DryRun(), Flag("--force", "Others' and edited files too, and although workloads are connected."));
        var (purge, folders) = (Flag("--purge", "The data in /var/lib/calico too."), new CniFolders());
        return Make("uninstall", "Takes away what was installed, and what of it is in the kernel.",
            result => Do(() => new HostUninstall(Settings(), new KernelLeftovers(), folders.Networks(result))
                .Run(result.GetValue(force), result.GetValue(purge), result.GetValue(dryRun))), dryRun, force, purge, folders.Bin,
                folders.Conf);
    }
}
