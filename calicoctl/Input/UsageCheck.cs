using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Parsing;

namespace Calico.Cli.Input;

/// <summary>What is wrong with a command line; looked at before anything of it is done.</summary>
/// <remarks>The parser takes a word it does not know for a name wherever names may stand, and for the value of the option before it. No
/// kind has names that begin with a dash, so such a word is always an option that does not exist.</remarks>
internal static class UsageCheck
{
    /// <summary>All faults, a line each; empty: the command may run.</summary>
    internal static ImmutableArray<string> Faults(ParseResult result)
    {
        var command = result.CommandResult.Command;
        var strange = result.Tokens.Where(token => token is { Type: TokenType.Argument, Value: ['-', _, ..] }).Select(token => token.Value)
            .Distinct(StringComparer.Ordinal).ToArray();
        if (strange.Length > 0)
        {
            return [.. strange.Select(word => UnknownOption(result, word))];
        }

        return result.UnmatchedTokens is [var first, ..] ? [Unmatched(result, command, first)] : [.. result.Errors.Select(Describe)];
    }

    // Which of two was meant nobody can know.
    private static string Describe(ParseError error) => error.SymbolResult is OptionResult option
        && option.Tokens.Count > option.Option.Arity.MaximumNumberOfValues
        ? $"{option.IdentifierToken?.Value ?? option.Option.Name} is given {option.Tokens.Count} times ({string.Join(", ", option.Tokens.Select(token => token.Value))}); say which one"
        : error.Message;

    /// <summary>The command as a user types it.</summary>
    internal static string PathOf(CommandResult? result) =>
        result is null ? "" : $"{PathOf(result.Parent as CommandResult)} {(result.Command is RootCommand ? "calicoctl" : result.Command.Name)}".TrimStart();

    private static string UnknownOption(ParseResult result, string word)
    {
        var name = word.Split('=')[0];
        var path = PathOf(result.CommandResult);
        var known = Lineage(result.CommandResult)
            .SelectMany((command, depth) => command.Options.Where(option => depth == 0 || option.Recursive))
            .Select(option => option.Name);
        return $"unknown option '{name}'; {path} --help lists the options" + Suggestion.For(name, known);
    }

    private static string Unmatched(ParseResult result, Command command, string word) => command.Subcommands.Count > 0
        ? $"there is no command '{PathOf(result.CommandResult)} {word}'; {PathOf(result.CommandResult)} --help lists the commands"
            + Suggestion.For(word, command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name))
        : $"'{word}' is one word too many for {PathOf(result.CommandResult)}; see {PathOf(result.CommandResult)} --help";

    private static IEnumerable<Command> Lineage(CommandResult? result)
    {
        for (; result is not null; result = result.Parent as CommandResult)
        {
            yield return result.Command;
        }
    }
}
