namespace Calico.Host.Commands;

/// <summary>The words after a command: its options and names, and nothing else. All of them are looked at before anything is done.</summary>
internal sealed class CommandArguments
{
    private readonly List<(string Option, string Value)> _options = [];
    private readonly List<string> _names = [];

    /// <summary>Takes the words apart.</summary>
    /// <param name="command">Whose they are.</param>
    /// <param name="words">As typed; <c>--option value</c> or <c>--option=value</c>.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the word as path: an option that the command does not have
    /// (a word with a dash is never a name or a value), a value that is missing, a name too many or too few.</exception>
    public static CommandArguments Parse(HostCommand command, IReadOnlyList<string> words)
    {
        var arguments = new CommandArguments();
        for (var i = 0; i < words.Count; i++)
        {
            if (!words[i].StartsWith('-'))
            {
                arguments._names.Add(words[i]);
                continue;
            }

            var (option, value) = words[i].Split('=', 2) is [var name, var attached] ? (name, attached) : (words[i], null);
            if (option is "--help" or "-h")
            {
                arguments.WantsHelp = true;
            }
            else if (command.Flags.Contains(option))
            {
                arguments._options.Add(value is null ? (option, "") : throw Wrong(command, option, $"{option} takes no value"));
            }
            else if (command.Valued.Contains(option))
            {
                value ??= i + 1 < words.Count && !words[i + 1].StartsWith('-') ? words[++i] : throw Wrong(command, option, $"{option} needs a value");
                arguments._options.Add((option, value));
            }
            else
            {
                throw Wrong(command, option, $"unknown option '{option}'");
            }
        }

        if (!arguments.WantsHelp && arguments._names.Count > command.Names.Count)
        {
            throw Wrong(command, arguments._names[command.Names.Count], $"'{arguments._names[command.Names.Count]}' is one word too many");
        }

        var missing = command.Names.Skip(arguments._names.Count).FirstOrDefault(name => !name.StartsWith('['));
        return arguments.WantsHelp || missing is null ? arguments : throw Wrong(command, missing, $"{missing} is missing");
    }

    public bool WantsHelp { get; private set; }

    /// <summary>Whether a flag was given.</summary>
    public bool Has(string flag) => _options.Exists(option => option.Option == flag);

    /// <summary>The last value of an option, or null.</summary>
    public string? ValueOf(string option) => _options.FindLast(given => given.Option == option).Value;

    /// <summary>Every value of an option that may be given several times.</summary>
    public IReadOnlyList<string> ValuesOf(string option) => [.. _options.Where(given => given.Option == option).Select(given => given.Value)];

    /// <summary>A name by its place, or null.</summary>
    public string? NameAt(int index) => index < _names.Count ? _names[index] : null;

    private static CalicoException Wrong(HostCommand command, string word, string what) =>
        new(Problem.Invalid, $"{what}; {(command.Path.Length == 0 ? "calico-host" : $"calico-host {command.Path}")} --help says what there is", word);
}
