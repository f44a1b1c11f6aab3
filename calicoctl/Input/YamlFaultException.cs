namespace Calico.Cli.Input;

/// <summary>A text is not YAML.</summary>
/// <param name="line">Where, from 1.</param>
/// <param name="reason">Why.</param>
internal sealed class YamlFaultException(long line, string reason) : CliException($"error converting YAML to JSON: yaml: line {line}: {reason}")
{
    internal int Line => (int)Math.Min(line, int.MaxValue);

    internal string Reason => reason;
}
