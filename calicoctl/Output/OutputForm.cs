using System.CommandLine;

namespace Calico.Cli.Output;

/// <summary>The option by which a command answers people or programs.</summary>
internal static class OutputForm
{
    internal static Option<string> Create(params IReadOnlyList<string> more)
    {
        var option = new Option<string>("--output", "-o")
        {
            Description = $"text, json{string.Concat(more.Select(form => $", {form}"))}.",
            DefaultValueFactory = _ => "text",
            HelpName = "FORM",
        };
        option.AcceptOnlyFromAmong(["text", "json", .. more]);
        return option;
    }

    /// <summary>Upstream's own form of an answer that looks different here.</summary>
    internal static Option<bool> CreateCompat() =>
        new("--compat") { Description = "As upstream's calicoctl prints it, for scripts that read that." };

    /// <summary>Whether upstream's form is wanted, by the option or for all commands by the environment.</summary>
    internal static bool IsCompat(ParseResult result, Option<bool> option, CliEnvironment environment) =>
        result.GetValue(option) || environment.Variable("CALICOCTL_COMPAT") is "true" or "1";
}
