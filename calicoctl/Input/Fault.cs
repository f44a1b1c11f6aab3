namespace Calico.Cli.Input;

/// <summary>Something that is wrong with what a user wrote.</summary>
/// <param name="Source">The file, or <c>stdin</c>.</param>
/// <param name="Line">From 1; 0: the file as a whole.</param>
/// <param name="Path">The field; empty: the document.</param>
/// <param name="Message">Why.</param>
internal sealed record Fault(string Source, int Line, string Path, string Message)
{
    public override string ToString() => $"{Source}{(Line > 0 ? $":{Line}" : "")}{(Path.Length > 0 ? $" {Path}" : "")}: {Message}";
}
