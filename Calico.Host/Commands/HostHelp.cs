using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Calico.Host.Plugins;
using Calico.Host.Settings;

namespace Calico.Host.Commands;

/// <summary>A command's help; with the settings where the host itself is meant, and exit codes at the top.</summary>
internal sealed class HostHelp : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    /// <summary>What says what the command itself knows.</summary>
    public HelpAction Inner { get; } = new();

    public override int Invoke(ParseResult parseResult)
    {
        var code = Inner.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        var command = parseResult.CommandResult.Command;
        var isRoot = parseResult.CommandResult.Parent is null;
        if (isRoot)
        {
            output.WriteLine("Exit codes: 0 done; 1 something has to be mended, the line says what; 75 try again later.");
            output.WriteLine();
        }

        if (isRoot || command.Name == "run")
        {
            output.WriteLine("Settings: environment (also with CALICO_ before the name), then the configuration file, then the default.");
            output.WriteLine();
            foreach (var (setting, preset) in HostSettings.Describe())
            {
                output.WriteLine($"  {setting.Environment,-30} {setting.Path,-26} default '{preset}'");
                output.WriteLine($"  {"",-30} {setting.Text}{(setting.Choices.Length > 0 ? $" One of {setting.Choices.Replace("|", ", ", StringComparison.Ordinal)}." : "")}");
            }
        }

        if (isRoot || command.Name == "run")
        {
            DescribeAdapters(output);
        }

        return code;
    }

    /// <summary>What the installed adapters ask for. One that cannot be asked is named; help is shown all the same.</summary>
    private static void DescribeAdapters(TextWriter output)
    {
        try
        {
            var found = PluginFolder.Scan(HostCommands.Settings().PluginDirectory, (_, _, _) => { });
            foreach (var adapter in found.GroupBy(p => p.Name).Select(g => g.First()))
            {
                output.WriteLine();
                output.WriteLine($"Settings of the adapter {adapter.Name} {adapter.Version}:");
                output.WriteLine();
                foreach (var (setting, preset) in LoadedPlugin.DescribeSettings(adapter))
                {
                    output.WriteLine($"  {"CALICO_" + setting.Environment,-30} {setting.Path,-26} default '{preset}'");
                }
            }
        }
        catch (CalicoException e)
        {
            output.WriteLine();
            output.WriteLine($"The installed adapters' settings cannot be shown: {e.Message}");
        }
    }
}
