namespace Calico.Cli.Output;

/// <summary>A table in a box of ASCII lines; headings are centred, numbers right-aligned.</summary>
internal sealed class BoxTable(params IReadOnlyList<string> headings)
{
    private readonly List<IReadOnlyList<string>> _rows = [];

    internal void Add(params IReadOnlyList<string> cells) => _rows.Add(cells);

    internal void Write(TextWriter output)
    {
        var widths = Enumerable.Range(0, headings.Count)
            .Select(column => _rows.Select(row => row[column].Length).Append(headings[column].Length).Max()).ToArray();
        var line = "+" + string.Join('+', widths.Select(width => new string('-', width + 2))) + "+";
        output.WriteLine(line);
        WriteRow(output, headings.Select((heading, column) => Centre(heading, widths[column])));
        output.WriteLine(line);
        foreach (var row in _rows)
        {
            WriteRow(output, row.Select((cell, column) => IsNumber(cell) ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column])));
        }

        output.WriteLine(line);
    }

    private static void WriteRow(TextWriter output, IEnumerable<string> cells) => output.WriteLine($"| {string.Join(" | ", cells)} |");

    private static string Centre(string text, int width) => text.PadLeft((width + text.Length) / 2).PadRight(width);

    private static bool IsNumber(string cell) => cell.Length > 0 && cell.All(c => char.IsAsciiDigit(c) || c is '.' or 'e' or '+' or '-');
}
