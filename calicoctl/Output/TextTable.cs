using Calico.Datastore.Output;

namespace Calico.Cli.Output;

/// <summary>Columns of text as upstream's listings have them: at least 5 wide, 3 spaces apart, also after the last.</summary>
internal sealed class TextTable(params IReadOnlyList<string> headings)
{
    private const int MinWidth = 5;
    private const int Padding = 3;
    private const int MinCut = 12;
    private const int FitsEverywhere = 80;

    private readonly List<IReadOnlyList<string>> _rows = [headings];

    internal void Add(params IReadOnlyList<string> cells) => _rows.Add([.. cells.Select(EscapingWriter.Line)]);

    /// <summary>Prints it.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="columns">Columns that there are; wider cells than fit are cut, but never the first column, which is what one types.
    /// </param>
    internal void Write(TextWriter output, Func<int?> columns)
    {
        var widths = Enumerable.Range(0, headings.Count)
            .Select(column => Math.Max(MinWidth, _rows.Max(row => row[column].Length) + Padding)).ToArray();
        var width = widths.Sum() - Padding > FitsEverywhere ? columns() : null;
        if (width is { } most)
        {
            Narrow(widths, most);
        }

        foreach (var row in _rows)
        {
            var line = string.Concat(row.Select((cell, column) => Fit(cell, widths[column] - Padding).PadRight(widths[column])));
            output.WriteLine(width is null ? line : line.TrimEnd());
        }
    }

    private static void Narrow(int[] widths, int most)
    {
        while (widths.Sum() - Padding > most && widths.Skip(1).DefaultIfEmpty().Max() > MinCut)
        {
            var widest = Array.LastIndexOf(widths, widths.Skip(1).Max());
            widths[widest] -= Math.Min(widths[widest] - MinCut, widths.Sum() - Padding - most);
        }
    }

    private static string Fit(string cell, int width) => cell.Length <= width || width < 2 ? cell : $"{cell[..(width - 1)]}…";
}
