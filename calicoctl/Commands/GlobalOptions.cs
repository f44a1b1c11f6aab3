using System.CommandLine;
using System.CommandLine.Help;

namespace Calico.Cli.Commands;

/// <summary>Options that every command takes, before or after its name.</summary>
internal static class GlobalOptions
{
    private const string Config = "--config";
    private const string Context = "--context";

    internal static void AddTo(RootCommand root)
    {
        var logLevel = new Option<string>("--log-level", "-l")
        {
            Description = "panic, fatal, error, warn, info or debug.",
            DefaultValueFactory = _ => "panic",
            Recursive = true,
        };
        logLevel.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is var level and not ("panic" or "fatal" or "error" or "warn" or "info" or "debug"))
            {
                result.AddError($"unknown log level: {level}, expected one of: panic, fatal, error, warn, info, debug"
                    + (level?.Contains('=', StringComparison.Ordinal) == true ? "; -l is the log level, nothing is chosen by labels" : ""));
            }
        });
        root.Options.Add(logLevel);
        root.Options.Add(new Option<string?>(Config, "-c")
        {
            Description = "File that says how to reach the datastore [default: /etc/calico/calicoctl.cfg, else /etc/calico/calico.cfg].",
            HelpName = "FILE",
            Recursive = true,
        });
        root.Options.Add(new Option<string?>(Context) { Description = "Has no effect: there is no Kubernetes datastore.",
            Recursive = true });
        root.Options.Add(new Option<bool>("--allow-version-mismatch") { Description = "Has no effect: a mismatch only warns.",
            Recursive = true });

        // The parser's own has /h and /? too, which are no options to anybody here.
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        root.Options.Add(new HelpOption("--help", "-h"));
    }

    /// <summary>The configuration file that was named, or null.</summary>
    internal static string? ConfigOf(ParseResult result) => result.GetValue<string?>(Config);

    /// <summary>Whether a Kubernetes context was named, which nothing here obeys.</summary>
    internal static bool HasContext(ParseResult result) => result.GetValue<string?>(Context) is not null;
}
