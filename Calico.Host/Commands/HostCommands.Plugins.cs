using System.CommandLine;

namespace Calico.Host.Commands;

/// <summary><c>calico-host plugin</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreatePlugin() => new("plugin", "Adapters: what makes an orchestrator's workloads known here.")
    {
        CreatePluginInstall(), CreatePluginUpgrade(), CreatePluginList(), CreatePluginRemove(),
    };

    private static Command CreatePluginInstall()
    {
        var source = new Argument<string>("SOURCE") { Description =
            "A package (.nupkg), a published folder, or a package's id with or without @VERSION." };
        var (feeds, dryRun) = (Feeds(), DryRun());
        return Make("install", "Installs an adapter beside its older versions; the host loads it when it starts again.",
            (result, ct) => Plugins(result, feeds, dryRun).InstallAsync(result.GetValue(source)!, ct), source, feeds, dryRun);
    }

    private static Command CreatePluginUpgrade()
    {
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne,
            Description = "Which; none: all that came from packages." };
        var (feeds, dryRun) = (Feeds(), DryRun());
        return Make("upgrade", "Installs the newest version, where it is newer than what is there.",
            (result, ct) => Plugins(result, feeds, dryRun).UpgradeAsync(result.GetValue(name), ct), name, feeds, dryRun);
    }

    private static Command CreatePluginList() => Make("list", "Shows the installed adapters, and which of them the host has loaded.",
        (result, ct) => Plugins(result, null, null).ListAsync(new(Settings().Sockets.Control), ct));

    private static Command CreatePluginRemove()
    {
        var name = new Argument<string>("NAME") { Description = "The adapter's name." };
        var version = new Argument<string?>("VERSION") { Arity = ArgumentArity.ZeroOrOne, Description = "Which; none: all of them." };
        var dryRun = DryRun();
        return Make("remove", "Removes an adapter.", (result, _) =>
        {
            Plugins(result, null, dryRun).Remove(result.GetValue(name)!, result.GetValue(version));
            return Task.CompletedTask;
        }, name, version, dryRun);
    }

    private static Option<string[]> Feeds() => new("--source")
    {
        HelpName = "FEED", Arity = ArgumentArity.OneOrMore,
        Description = "Folder or URL to look for packages in; may be given several times [default: those of NuGet.Config].",
    };

    private static PluginCommands Plugins(ParseResult result, Option<string[]>? feeds, Option<bool>? dryRun)
    {
        var settings = Settings();
        return new(settings.PluginDirectory, Console.Out)
        {
            Feeds = feeds is null ? [] : result.GetValue(feeds) ?? [],
            DryRun = dryRun is not null && result.GetValue(dryRun),
            RequireSignatures = settings.Adapters.Signatures == "required",
        };
    }

    private static Command Make(string name, string description, Func<ParseResult, CancellationToken, Task> run,
        params ReadOnlySpan<Symbol> symbols)
    {
        var command = Make(name, description, _ => Task.FromResult(0), symbols);
        command.SetAction(async (result, ct) =>
        {
            await run(result, ct);
            return 0;
        });
        return command;
    }
}
