using System.Collections.Immutable;
using Calico.AdapterBuild;
using Calico.Host.Plugins;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Settings;

/// <summary>How much is logged, by the words of the settings.</summary>
internal static class LogLevels
{
    private static readonly ImmutableDictionary<string, LogLevel> Words = ImmutableDictionary.CreateRange<string, LogLevel>(
        [new("debug", LogLevel.Debug), new("info", LogLevel.Information), new("warning", LogLevel.Warning), new("error", LogLevel.Error)]);

    /// <summary>Levels of adapters' own; the text was checked with the settings.</summary>
    public static ILoggingBuilder AddLevels(this ILoggingBuilder builder, string text)
    {
        _ = TryParse(text, out var levels);
        foreach (var (name, level) in levels)
        {
            builder.AddFilter(AdapterLoggers.CategoryOf(name), level);
        }

        return builder;
    }

    /// <summary>One of the four words.</summary>
    public static LogLevel Parse(string word) => Words[word];

    /// <summary><c>cni=debug,acme=warning</c>; an adapter that is named twice is a mistake.</summary>
    public static bool TryParse(string text, out ImmutableDictionary<string, LogLevel> levels)
    {
        levels = ImmutableDictionary<string, LogLevel>.Empty;
        foreach (var pair in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (pair.Split('=') is not [var name, var word]
                || !AdapterRules.IsName(name) || !Words.TryGetValue(word, out var level) || levels.ContainsKey(name))
            {
                return false;
            }

            levels = levels.Add(name, level);
        }

        return true;
    }
}
