using System.CommandLine;
using System.CommandLine.Parsing;
using Calico.Datastore.Output;

namespace Calico.Host.Commands;

/// <summary>What is wrong with a command line; looked at before anything of it is done.</summary>
/// <remarks>The parser takes a word it does not know for a name wherever names may stand, and for the value of the option before it. No
/// name and no value begins with a dash, so such a word is always an option that does not exist.</remarks>
internal static class HostUsage
{
    /// <summary>Null: the command may run.</summary>
    /// <param name="result">What the parser made of it.</param>
    /// <param name="words">As typed.</param>
    public static CalicoException? Fault(ParseResult result, IReadOnlyList<string> words)
    {
        var faults = Faults(result, words).Distinct().ToList();
        if (faults.Count == 0)
        {
            // What a value's own reader says.
            faults.AddRange(result.Errors.Select(error =>
                (error.SymbolResult is ArgumentResult { Parent: OptionResult option } ? option.Option.Name : "", error.Message)));
        }

        return faults is [var (word, _), ..]
            ? new(Problem.Invalid,
                $"{string.Join('\n', faults.Select(fault => fault.Item2))}; {PathOf(result.CommandResult)} --help says what there is",
                word.Length > 0 ? word : null)
            : null;
    }

    private static IEnumerable<(string, string)> Faults(ParseResult result, IReadOnlyList<string> words)
    {
        var command = result.CommandResult.Command;
        var isStrange = false;
        var tokens = result.Tokens;
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokens[i].Type is not TokenType.Option && tokens[i].Value.StartsWith('-'))
            {
                isStrange = true;
                var word = tokens[i].Value.Split('=')[0];
                // An option that needs a value takes the next one for it.
                yield return i > 0 && tokens[i - 1].Type is TokenType.Option && command.Options.Any(option => option.Name == word)
                    ? (tokens[i - 1].Value, $"{tokens[i - 1].Value} needs a value")
                    : (word, $"unknown option '{word}'{Meant(word, command.Options.Select(option => option.Name))}");
            }
        }

        if (isStrange)
        {
            yield break;
        }

        foreach (var flag in command.Options.Where(option => option.Arity.MaximumNumberOfValues == 0))
        {
            if (words.Any(word => word.StartsWith(flag.Name + "=", StringComparison.Ordinal)))
            {
                yield return (flag.Name, $"{flag.Name} takes no value");
                yield break;
            }
        }

        foreach (var option in result.CommandResult.Children.OfType<OptionResult>().Where(option => !option.Implicit))
        {
            if (option.Tokens.Count < option.Option.Arity.MinimumNumberOfValues)
            {
                yield return (option.Option.Name, $"{option.Option.Name} needs a value");
            }
            else if (option.Tokens.Count > option.Option.Arity.MaximumNumberOfValues)
            {
                yield return (option.Option.Name, $"{option.Option.Name} is given more than once");
            }
        }

        foreach (var argument in command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > 0
            && result.GetResult(argument) is not { Tokens.Count: > 0 }))
        {
            yield return (argument.Name, $"{argument.Name} is missing");
        }

        if (result.UnmatchedTokens is [var first, ..])
        {
            yield return (first, command.Subcommands.Count > 0
                ? $"there is no command '{$"{PathOf(result.CommandResult)} {first}"["calico-host ".Length..]}'"
                + Meant(first, command.Subcommands.Select(sub => sub.Name))
                : $"'{first}' is one word too many");
        }
    }

    private static string Meant(string word, IEnumerable<string> known) =>
        NearestWord.Of(word, known) is { } nearest ? $" (did you mean {nearest}?)" : "";

    private static string PathOf(CommandResult? result) =>
        result is null ? "" : $"{PathOf(result.Parent as CommandResult)} {result.Command.Name}".TrimStart();
}
