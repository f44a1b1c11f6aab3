using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Calico.Host.Commands;

/// <summary><c>calico-host cni</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreateCni() =>
        new("cni", "Networks of this machine's container runtimes.") { CreateCniInstall(), CreateCniList(), CreateCniUninstall() };

    private static Command CreateCniInstall()
    {
        var network = Valued("--network", "NAME", "Name of the network [default: calico].");
        var pool = new Option<string[]>("--pool") { HelpName = "NAME|CIDR",
            Description = "IP pool to use; may be given several times [default: any pool that fits].", Arity = ArgumentArity.OneOrMore };
        var mtu = new Option<int?>("--mtu") { HelpName = "BYTES", Description = "MTU of workload interfaces [default: the node's].",
            CustomParser = ReadMtu };
        var shim = Valued("--shim", "FILE", "The binary to install [default: /usr/lib/calico/bin/calico-shim].");
        var noPortMap = Flag("--no-portmap", "Leave the portmap plugin out of the chain, and published ports closed.");
        var (folders, dryRun, force) = (new CniFolders(), DryRun(), Flag("--force", "Others' and edited files too."));
        return Make("install", "Lays the CNI binary and a network's conflist down.", result =>
        {
            var defaults = new CniInstall
            {
                Ledger = Ledger(), Pools = result.GetValue(pool) ?? [], PortMap = !result.GetValue(noPortMap),
                    Force = result.GetValue(force), DryRun = result.GetValue(dryRun),
            };
            return Do((defaults with
            {
                Network = result.GetValue(network) ?? defaults.Network,
                Mtu = result.GetValue(mtu) ?? defaults.Mtu,
                Shim = result.GetValue(shim) ?? defaults.Shim,
                BinDirectory = folders.BinOf(result),
                ConfDirectory = folders.ConfOf(result),
            }).Run);
        }, network, pool, mtu, shim, folders.Bin, folders.Conf, noPortMap, dryRun, force);
    }

    private static Command CreateCniList()
    {
        var folders = new CniFolders();
        return Make("list", "Shows the networks, and whose they are.", result => Do(folders.Networks(result).List), folders.Bin,
            folders.Conf);
    }

    private static Command CreateCniUninstall()
    {
        var network = new Argument<string?>("NETWORK") { Arity = ArgumentArity.ZeroOrOne,
            Description = "Which; none: all that were installed by calico-host." };
        var (folders, dryRun, force) = (new CniFolders(), DryRun(), Flag("--force", "Edited files too."));
        return Make("uninstall", "Takes networks away, and the plugin binaries with the last of them.",
            result => Do(() => folders.Networks(result).Uninstall(result.GetValue(network), result.GetValue(force),
                result.GetValue(dryRun))), network, folders.Bin, folders.Conf, dryRun, force);
    }

    private static int? ReadMtu(ArgumentResult result)
    {
        if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var mtu) && mtu is >= 68 and <= 65535)
        {
            return mtu;
        }

        result.AddError("--mtu is a number from 68 to 65535");
        return null;
    }

    /// <summary>Where runtimes look, on every command that asks.</summary>
    private sealed class CniFolders
    {
        public Option<string?> Bin { get; } = Valued("--bin-dir", "DIR",
            $"Where runtimes look for plugins [default: {CniInstall.DefaultBinDirectory}].");

        public Option<string?> Conf { get; } = Valued("--conf-dir", "DIR",
            $"Where they look for networks [default: {CniInstall.DefaultConfDirectory}].");

        public string BinOf(ParseResult result) => result.GetValue(Bin) ?? CniInstall.DefaultBinDirectory;

        public string ConfOf(ParseResult result) => result.GetValue(Conf) ?? CniInstall.DefaultConfDirectory;

        public CniNetworks Networks(ParseResult result) => new(BinOf(result), ConfOf(result), Ledger());
    }
}
