using System.CommandLine;
using System.CommandLine.Help;
using Calico.Cli;
using Calico.TestKit;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture]
public sealed class HelpTests
{
    /// <summary>Every command's, one after the other.</summary>
    [Test]
    public async Task Help_of_every_command()
    {
        using var output = new StringWriter { NewLine = "\n" };
        var root = CliApplication.CreateRoot(new CliRun().EnvironmentOf(output, output, new StringReader("")));
        // Not a terminal's, whoever runs this.
        ((HelpAction)root.Options.OfType<HelpOption>().Single().Action!).MaxWidth = int.MaxValue;
        foreach (var path in Walk(root, ""))
        {
            await output.WriteLineAsync($"# calicoctl {path}".TrimEnd());
            await root.Parse($"{path} --help").InvokeAsync(new() { Output = output });
            await output.WriteLineAsync();
        }

        // The root is called as the program that runs, which here is the tests'.
        await Verifier.Verify(output.ToString().Replace(RootCommand.ExecutableName, "calicoctl", StringComparison.Ordinal));
    }

    private static IEnumerable<string> Walk(Command command, string path) =>
        command.Subcommands.Where(sub => !sub.Hidden).SelectMany(sub => Walk(sub, $"{path} {sub.Name}".TrimStart())).Prepend(path);
}
