namespace Calico.Datastore.Yaml;

/// <summary>A text is not YAML.</summary>
/// <param name="line">Where, from 1; null: the parser does not say.</param>
/// <param name="reason">Why.</param>
public sealed class YamlFaultException(long? line, string reason)
    : Exception($"error converting YAML to JSON: yaml: {(line is null ? "" : $"line {line}: ")}{reason}")
{
    public int? Line { get; } = line is { } at ? (int)Math.Min(at, int.MaxValue) : null;

    public string Reason => reason;
}
