using System.CommandLine;
using System.CommandLine.Help;
using Calico.Host.Commands;
using Calico.TestKit;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

[TestFixture]
public sealed class HostHelpTests
{
    /// <summary>Every command's, one after the other.</summary>
    [Test]
    public async Task Help_of_every_command()
    {
        using var output = new StringWriter { NewLine = "\n" };
        var root = HostCommands.Create();
        // Not a terminal's, whoever runs this.
        ((HostHelp)root.Options.OfType<HelpOption>().Single().Action!).Inner.MaxWidth = int.MaxValue;
        foreach (var path in Walk(root, ""))
        {
            await output.WriteLineAsync($"# calico-host {path}".TrimEnd());
            await root.Parse($"{path} --help").InvokeAsync(new() { Output = output });
            await output.WriteLineAsync();
        }

        await Verifier.Verify(output.ToString());
    }

    private static IEnumerable<string> Walk(Command command, string path) =>
        command.Subcommands.Where(sub => !sub.Hidden).SelectMany(sub => Walk(sub, $"{path} {sub.Name}".TrimStart())).Prepend(path);
}
