using System.CommandLine;
using System.Text.Json;
using Calico.Cli.Connection;
using Calico.Cli.Output;
using Spectre.Console;

namespace Calico.Cli.Commands;

/// <summary><c>calicoctl status</c>: what the host process on this machine says about itself.</summary>
internal static class StatusCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var output = new Option<string>("--output", "-o") { Description = "Form: text, yaml or json.", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "yaml", "json");
        var command = new Command("status", "Show how the Calico host on this machine is.") { output };
        command.SetAction(async (result, ct) =>
        {
            var status = await HostClient.GetAsync(environment.HostSocket, "/status", ct);
            switch (result.GetValue(output))
            {
                case "json":
                    await environment.Output.WriteLineAsync(status.GetRawText());
                    break;
                case "yaml":
                    YamlWriter.Write(environment.Output, status);
                    break;
                default:
                    Print(environment.Output, status);
                    break;
            }

            return 0;
        });
        return command;
    }

    private static void Print(TextWriter output, JsonElement status)
    {
        var console = AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(output), Interactive = InteractionSupport.No });
        var tree = new Tree("[bold]Calico host[/]");
        Add(tree, status);
        console.Write(tree);
    }

    private static void Add(IHasTreeNodes parent, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    AddNamed(parent, member.Name, member.Value);
                }

                break;
            case JsonValueKind.Array:
                var index = 0;
                foreach (var item in value.EnumerateArray())
                {
                    AddNamed(parent, $"{index++}", item);
                }

                break;
            default:
                parent.AddNode(Markup.Escape(value.ToString()));
                break;
        }
    }

    private static void AddNamed(IHasTreeNodes parent, string name, JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
        {
            Add(parent.AddNode(Markup.Escape(name)), value);
        }
        else
        {
            parent.AddNode(Markup.Escape($"{name}: {value}"));
        }
    }
}
