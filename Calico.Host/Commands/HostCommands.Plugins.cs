using System.CommandLine;

namespace Calico.Host.Commands;

/// <summary><c>calico-host plugin</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreatePlugin()
    {
        var source = new Argument<string>("SOURCE") { Description = "A package (.nupkg) or a published folder." };
        var name = new Argument<string>("NAME") { Description = "The adapter's name." };
        var version = new Argument<string?>("VERSION") { Arity = ArgumentArity.ZeroOrOne, Description = "Which; none: all of them." };
        var (dryInstall, dryRemove) = (DryRun(), DryRun());
        return new("plugin", "Adapters: what makes an orchestrator's workloads known here.")
        {
            Make("install", "Installs an adapter.", result => Plugin(p => p.Install(result.GetValue(source)!, result.GetValue(dryInstall))), source, dryInstall),
            Make("list", "Shows the installed adapters.", _ => Plugin(p => p.List())),
            Make("remove", "Removes an adapter.", result => Plugin(p => p.Remove(result.GetValue(name)!, result.GetValue(version), result.GetValue(dryRemove))), name, version, dryRemove),
        };
    }

    private static Task<int> Plugin(Action<PluginCommands> action)
    {
        action(new(Settings().PluginDirectory, Console.Out));
        return Task.FromResult(0);
    }
}
