namespace Calico.Cli.Output;

/// <summary>Columns of text as upstream's listings have them: at least 5 wide, 3 spaces apart, also after the last.</summary>
internal sealed class TextTable(params IReadOnlyList<string> headings)
{
    private const int MinWidth = 5;
    private const int Padding = 3;

    private readonly List<IReadOnlyList<string>> _rows = [headings];

    internal void Add(params IReadOnlyList<string> cells) => _rows.Add(cells);

    internal void Write(TextWriter output)
    {
        var widths = Enumerable.Range(0, headings.Count)
            .Select(column => Math.Max(MinWidth, _rows.Max(row => row[column].Length) + Padding)).ToArray();
        foreach (var row in _rows)
        {
            output.WriteLine(string.Concat(row.Select((cell, column) => cell.PadRight(widths[column]))));
        }
    }
}
